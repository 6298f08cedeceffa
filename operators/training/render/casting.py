"""Who is in a street scene, and where: in sight of the camera, in nobody's and nothing's way."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from operators.training.render.acting import Performer, SeededPerson, Spot, act
from operators.training.render.body import BodyModel
from operators.training.render.camera import SceneCamera, ahead, project
from operators.training.render.scenery.places import Place
from operators.training.render.seeds import Split

_MOTIONS = {"walk": 0.68, "stand": 0.2, "jog": 0.07, "step": 0.05}
_TRIES, _TRIES_A_HEIGHT = 75, 25
_TALLEST, _SMALLEST, _SMALLEST_REID = 300, 24, 90  # pixels, of 360
_ROAD, _ROAD_END = -12, -13  # the least y of somebody at mid-clip, and at any time
_PARK_DEPTH = 12  # metres behind a park's front where somebody may be
REID_SCENES, _REID_IDENTITIES, _REID_FROM = 12, 6, 5000


@dataclass(frozen=True)
class SeededRole:
    """Seeds of who is to be in the scene; `reid` is "same" or "changed" (clothes) if re-identification is to find
    them."""

    identity_seed: int
    outfit_seed: int
    reid: str | None = None


@dataclass(frozen=True)
class View:
    """How the street is looked at, at mid-clip: angles in radians but for `fov`, which is in degrees, vertical."""

    name: str
    eye: np.ndarray
    yaw: float
    pitch: float
    fov: float
    aspect: float

    @property
    def camera(self) -> SceneCamera:
        """It, at mid-clip."""
        return SceneCamera(self.eye, self.eye + ahead(self.yaw, self.pitch), self.fov, self.aspect)


@dataclass(frozen=True)
class _Stand:
    """Where somebody may be: float64 [2], the direction from the camera in radians, and whether at the frame's edge."""

    place: np.ndarray
    angle: float
    at_edge: bool


def reid_plan(seed: int) -> list[tuple[int, int, str]]:
    """Who must be in re-identification scene `seed`: index, number of the outfit, "same" or "changed" clothes.

    Each of six identities is in two scenes in the same clothes and in one in others; nobody is in the last scene.
    """
    scenes, plan = REID_SCENES - 1, []
    for index in range(_REID_IDENTITIES):
        if seed in (index % scenes, (index + 4) % scenes):
            plan.append((index, 0, "same"))
        if seed == (index + 7) % scenes:
            plan.append((index, 1, "changed"))
    return plan


def roles_of(rng: Generator, seed: int, split: Split, reid: bool) -> list[SeededRole]:
    """Those who must be there, then passers-by."""
    if reid:
        roles = [
            SeededRole(split.identity(_REID_FROM + index), split.outfit(_REID_FROM + index, outfit), clothes)
            for index, outfit, clothes in reid_plan(seed)
        ]
        others = int(rng.integers(0, 3)) if roles else 0
    else:
        roles, others = [], int(rng.choice(6, p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1]))
    return roles + [SeededRole(*split.pick(rng)) for _ in range(others)]


@dataclass(frozen=True)
class StreetScene:
    """A street before a camera, to which people are added one by one."""

    body: BodyModel
    place: Place
    view: View
    frames: int
    fps: int

    def cast(self, rng: Generator, roles: list[SeededRole]) -> list[tuple[Performer, SeededRole]] | None:
        """Whoever found room; None if somebody did not who must be seen."""
        cast: list[tuple[Performer, SeededRole]] = []
        for role in roles:
            actor = self._place(rng, role, [other for other, _ in cast])
            if actor:
                cast.append((actor, role))
            elif role.reid:
                return None
        return cast

    def _place(self, rng: Generator, role: SeededRole, others: list[Performer]) -> Performer | None:
        """Somebody in motion where there is room and the camera sees them; None if no spot was found."""
        person = SeededPerson.of(self.body, role.identity_seed, role.outfit_seed)
        smallest = _SMALLEST_REID if role.reid else _SMALLEST
        for attempt in range(_TRIES):
            if attempt % _TRIES_A_HEIGHT == 0:  # no room at this height in the picture: try another
                height_px = float(np.exp(rng.uniform(np.log(smallest), np.log(_TALLEST))))
            if others and rng.random() < 0.25:
                stand = self._beside(rng, others)
            else:
                stand = self._at_height(rng, height_px, person.shape.height)
            if stand is None or (role.reid and stand.at_edge):
                continue
            kind, heading = _going(rng, stand)
            spot = Spot(stand.place, heading, rng.normal() * 0.12)
            actor = act(self.body, person, kind, spot, self.frames, self.fps, rng)
            if self._in_frame(actor, stand.at_edge) and self._has_room(actor, others):
                return actor
        return None

    def _beside(self, rng: Generator, others: list[Performer]) -> _Stand | None:
        """So close to somebody that they overlap."""
        other = others[int(rng.integers(len(others)))]
        at = other.path[self.frames // 2] + rng.normal(size=2) * [0.8, 0.8]
        return _Stand(at, self.view.yaw, False) if _ROAD < at[1] < self._behind(0.5) else None

    def _at_height(self, rng: Generator, height_px: float, tall: float) -> _Stand | None:
        """Where `tall` metres look `height_px` of 360 pixels tall; three in ten at the frame's edge."""
        view, half_tall = self.view, np.tan(np.radians(self.view.fov) / 2)
        half_wide = np.arctan(half_tall * view.aspect)
        distance = tall * 360 / (2 * half_tall * height_px)
        at_edge = bool(rng.random() < 0.3)
        off = rng.choice([-1, 1]) * rng.uniform(0.85, 1.05) if at_edge else rng.uniform(-0.85, 0.85)
        angle = view.yaw + off * half_wide
        # The height is wanted on the view axis.
        ground = distance / np.cos(off * half_wide) / np.cos(view.pitch)
        at = view.eye[:2] + ground * np.array([np.sin(angle), np.cos(angle)])
        inside = _ROAD < at[1] < self._behind(0.7) and abs(at[0]) < 55
        return _Stand(at, angle, at_edge) if inside else None

    def _behind(self, gap: float) -> float:
        """The greatest y where somebody may be: in a park, or `gap` metres before the houses."""
        return self.place.front + (_PARK_DEPTH if self.place.is_park else -gap)

    def _in_frame(self, actor: Performer, at_edge: bool) -> bool:
        """Most of the body is inside the frame at mid-clip; at the edge, part of it at some time."""
        matrix, shares = self.view.camera.matrix, []
        for t in (0, self.frames // 2, self.frames - 1):
            x, y, away = project(matrix, actor.skin[t, ::40]).T
            shares.append(((away > 0.3) & (x > 0) & (y > 0) & (x < 1) & (y < 1)).mean())
        return bool(max(shares) > 0.3 if at_edge else shares[1] > 0.75)

    def _has_room(self, actor: Performer, others: list[Performer]) -> bool:
        """Inside the street, not at the camera, through no obstacle and nobody else."""
        x, y = actor.path.T
        return bool(
            y.max() <= self._behind(0.5)
            and y.min() >= _ROAD_END
            and np.linalg.norm(actor.path - self.view.eye[:2], axis=1).min() >= 1.3
            and all(np.hypot(x - a, y - b).min() >= r + 0.25 for a, b, r in self.place.obstacles)
            and all(actor.distance(other) >= 0.55 for other in others)
        )


def _going(rng: Generator, stand: _Stand) -> tuple[str, float]:
    """What somebody does there, and which way: over the frame's edge, along the street, or any."""
    kind = str(rng.choice(list(_MOTIONS), p=list(_MOTIONS.values())))
    if stand.at_edge:
        across = np.pi - stand.angle + rng.choice([-1, 1]) * np.pi / 2
        return "walk" if kind in ("stand", "step") else kind, float(across + rng.normal() * 0.2)
    if kind in ("walk", "jog") and rng.random() < 0.7:
        return kind, float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal() * 0.2)
    return kind, float(rng.uniform(-np.pi, np.pi))
