"""Street scenes: wide frames with nobody or up to five people, some of whom walk in or out of the frame."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from operators.training.render.acting import Actor, Person, Spot, act
from operators.training.render.camera import Camera, ahead, project, sway
from operators.training.render.film import Clip, Studio
from operators.training.render.scenery import occluders, places
from operators.training.render.scenery.occluders import Occluder
from operators.training.render.scenery.places import Place
from operators.training.render.scenery.solids import CAR_HEIGHT
from operators.training.render.seeds import Split
from operators.training.render.sensor import sense

_MOTIONS = {"walk": 0.68, "stand": 0.2, "jog": 0.07, "step": 0.05}
_DRAWS = 20
_TRIES, _TRIES_A_HEIGHT = 75, 25
_TALLEST, _SMALLEST, _SMALLEST_REID = 300, 24, 90  # pixels, of 360
_ACROSS_THE_ROAD, _ROAD_END = -12, -13  # y where somebody may be at mid-clip, and at any time
_PARK_DEPTH = 12  # metres behind a park's front where somebody may be
REID_SCENES, _REID_IDENTITIES, _REID_FROM = 12, 6, 5000


@dataclass(frozen=True)
class StreetSize:
    """Pixels, frames, frames a second; `reid`: the REID_SCENES scenes where the same people return."""

    width: int = 640
    height: int = 360
    frames: int = 24
    fps: int = 12
    reid: bool = False


@dataclass(frozen=True)
class _Role:
    """Seeds of who is to be in the scene; `reid` is "same" or "changed" (clothes) if re-identification is to find
    them."""

    identity_seed: int
    outfit_seed: int
    reid: str | None = None


@dataclass(frozen=True)
class _View:
    """How the street is looked at, at mid-clip: angles in radians but for `fov`, which is in degrees, vertical."""

    name: str
    eye: np.ndarray
    yaw: float
    pitch: float
    fov: float
    aspect: float

    @property
    def camera(self) -> Camera:
        return Camera(self.eye, self.eye + ahead(self.yaw, self.pitch), self.fov, self.aspect)


@dataclass(frozen=True)
class _Stand:
    """Where somebody may be: float64 [2], the direction from the camera in radians, and whether at the frame's edge."""

    place: np.ndarray
    angle: float
    at_edge: bool


def make_street(studio: Studio, seed: int, split: Split, settings: StreetSize) -> Clip:
    """The street scene of a seed; what does not come out is drawn again. Raises RuntimeError if nothing does."""
    scene_seed = split.street(seed)
    for attempt in range(_DRAWS):
        rng = np.random.default_rng([17, scene_seed, attempt])
        roles = _roles(rng, seed, split, settings.reid)
        if clip := _draw(studio, rng, roles, settings):
            numbers = {"seed": seed, "scene_seed": scene_seed, "split": split.name, "attempt": attempt}
            return replace(clip, facts={**clip.facts, **numbers})
    raise RuntimeError(f"no usable street scene for seed {seed}")


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


def _roles(rng: Generator, seed: int, split: Split, reid: bool) -> list[_Role]:
    """Those who must be there, then passers-by."""
    if reid:
        roles = [
            _Role(split.identity(_REID_FROM + index), split.outfit(_REID_FROM + index, outfit), clothes)
            for index, outfit, clothes in reid_plan(seed)
        ]
        others = int(rng.integers(0, 3)) if roles else 0
    else:
        roles, others = [], int(rng.choice(6, p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1]))
    return roles + [_Role(*split.pick(rng)) for _ in range(others)]


def _draw(studio: Studio, rng: Generator, roles: list[_Role], settings: StreetSize) -> Clip | None:
    """None if somebody who must be seen is not, or nobody of those wanted found room."""
    place = places.street(rng)
    view = _look(rng, settings.width / settings.height)
    cast = _cast(studio, rng, place, roles, view, settings)
    if cast is None or (roles and not cast):
        return None
    actors = [actor for actor, _ in cast]
    obstacles = _occlude(rng, place, actors, view, settings.frames // 2)
    cameras, camera_facts = _cameras(rng, view, settings)
    take = studio.film(actors, cameras, place, settings.width, settings.height)
    enough = settings.frames * 0.6
    if any(
        role.reid and seen["frames_visible"] < enough
        for (_, role), seen in zip(cast, take.seen, strict=True)
    ):
        return None
    frames, sensor = sense(rng, take.frames, 0.3, (0.92, 0.08, 0.0))
    people = [
        {**actor.record(i + 1), **take.seen[i], **({"reid": role.reid} if role.reid else {})}
        for i, (actor, role) in enumerate(cast)
    ]
    facts = {
        "kind": "street",
        "fps": settings.fps,
        "frames": settings.frames,
        "size": [settings.width, settings.height],
        "scene": place.name,
        "people": people,
        "camera": {**camera_facts, "sensor": sensor},
        "occluders": [occluder.record() for occluder in obstacles],
    }
    return Clip(frames, take.masks, take.keypoints, take.depth, facts)


def _look(rng: Generator, aspect: float) -> _View:
    """Across the street from the other pavement, along it, or from above."""
    name = str(rng.choice(["across", "along", "overhead"], p=[0.34, 0.46, 0.2]))
    fov = float(rng.uniform(30, 52))
    if name == "across":
        eye = np.array([rng.uniform(-3, 3), -rng.uniform(4.5, 11), rng.uniform(1.3, 2.2)])
        return _View(name, eye, float(rng.normal() * 0.25), float(-rng.uniform(0.0, 0.08)), fov, aspect)
    side = float(rng.choice([-1, 1]))
    eye = np.array([-side * rng.uniform(8, 22), rng.uniform(-3.0, 0.8), rng.uniform(1.4, 2.2)])
    yaw = float(side * rng.uniform(1.05, 1.62))
    if name == "along":
        return _View(name, eye, yaw, float(-rng.uniform(0.0, 0.07)), fov, aspect)
    eye[2], eye[1] = rng.uniform(3.5, 6.0), -rng.uniform(2, 6)
    yaw = float(side * rng.uniform(0.4, 1.3))
    return _View(name, eye, yaw, float(-rng.uniform(0.2, 0.38)), fov, aspect)


def _cast(
    studio: Studio, rng: Generator, place: Place, roles: list[_Role], view: _View, settings: StreetSize
) -> list[tuple[Actor, _Role]] | None:
    """Whoever found room; None if somebody did not who must be seen."""
    cast: list[tuple[Actor, _Role]] = []
    for role in roles:
        actor = _stage(studio, rng, place, role, [other for other, _ in cast], view, settings)
        if actor:
            cast.append((actor, role))
        elif role.reid:
            return None
    return cast


def _stage(
    studio: Studio,
    rng: Generator,
    place: Place,
    role: _Role,
    others: list[Actor],
    view: _View,
    settings: StreetSize,
) -> Actor | None:
    """Somebody in motion where there is room and the camera sees them; None if no spot was found."""
    person = Person.of(studio.body, role.identity_seed, role.outfit_seed)
    smallest = _SMALLEST_REID if role.reid else _SMALLEST
    for attempt in range(_TRIES):
        if attempt % _TRIES_A_HEIGHT == 0:  # no room at this height in the picture: try another
            height_px = float(np.exp(rng.uniform(np.log(smallest), np.log(_TALLEST))))
        if others and rng.random() < 0.25:
            stand = _beside(rng, place, others, view, settings.frames // 2)
        else:
            stand = _at_height(rng, place, view, height_px, person.shape.height)
        if stand is None or (role.reid and stand.at_edge):
            continue
        kind = str(rng.choice(list(_MOTIONS), p=list(_MOTIONS.values())))
        kind, heading = _heading(rng, kind, stand)
        spot = Spot(stand.place, heading, rng.normal() * 0.12)
        actor = act(studio.body, person, kind, spot, settings.frames, settings.fps, rng)
        if _in_frame(actor, view, stand.at_edge) and _has_room(actor, place, others, view.eye):
            return actor
    return None


def _beside(rng: Generator, place: Place, others: list[Actor], view: _View, middle: int) -> _Stand | None:
    """So close to somebody that they overlap."""
    at = others[int(rng.integers(len(others)))].path[middle] + rng.normal(size=2) * [0.8, 0.8]
    inside = _ACROSS_THE_ROAD < at[1] < _behind(place, 0.5)
    return _Stand(at, view.yaw, False) if inside else None


def _at_height(rng: Generator, place: Place, view: _View, height_px: float, tall: float) -> _Stand | None:
    """Where somebody of `tall` metres looks `height_px` of 360 pixels tall; three in ten at the frame's edge."""
    half_tall = np.tan(np.radians(view.fov) / 2)
    half_wide = np.arctan(half_tall * view.aspect)
    distance = tall * 360 / (2 * half_tall * height_px)
    at_edge = bool(rng.random() < 0.3)
    off = rng.choice([-1, 1]) * rng.uniform(0.85, 1.05) if at_edge else rng.uniform(-0.85, 0.85)
    angle = view.yaw + off * half_wide
    ground = distance / np.cos(off * half_wide) / np.cos(view.pitch)  # the height is wanted on the view axis
    at = view.eye[:2] + ground * np.array([np.sin(angle), np.cos(angle)])
    inside = _ACROSS_THE_ROAD < at[1] < _behind(place, 0.7) and abs(at[0]) < 55
    return _Stand(at, angle, at_edge) if inside else None


def _behind(place: Place, gap: float) -> float:
    """The greatest y where somebody may be: in a park behind its railing, else `gap` metres before the houses."""
    return place.front + (_PARK_DEPTH if place.is_park else -gap)


def _heading(rng: Generator, kind: str, stand: _Stand) -> tuple[str, float]:
    """What somebody does there, and which way: over the frame's edge, along the street, or any."""
    if stand.at_edge:
        kind = "walk" if kind in ("stand", "step") else kind
        across = np.pi - stand.angle + rng.choice([-1, 1]) * np.pi / 2
        return kind, float(across + rng.normal() * 0.2)
    if kind in ("walk", "jog") and rng.random() < 0.7:
        return kind, float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal() * 0.2)
    return kind, float(rng.uniform(-np.pi, np.pi))


def _in_frame(actor: Actor, view: _View, at_edge: bool) -> bool:
    """Most of the body is inside the frame at mid-clip; at the edge, part of it at some time."""
    shares = []
    for t in (0, len(actor.skin) // 2, len(actor.skin) - 1):
        x, y, away = project(view.camera.matrix, actor.skin[t, ::40]).T
        shares.append(((away > 0.3) & (x > 0) & (y > 0) & (x < 1) & (y < 1)).mean())
    return bool(max(shares) > 0.3 if at_edge else shares[1] > 0.75)


def _has_room(actor: Actor, place: Place, others: list[Actor], eye: np.ndarray) -> bool:
    """Inside the street, not at the camera, through no obstacle and nobody else."""
    x, y = actor.path.T
    return bool(
        y.max() <= _behind(place, 0.5)
        and y.min() >= _ROAD_END
        and np.linalg.norm(actor.path - eye[:2], axis=1).min() >= 1.3
        and all(np.hypot(x - a, y - b).min() >= radius + 0.25 for a, b, radius in place.obstacles)
        and all(actor.distance(other) >= 0.55 for other in others)
    )


def _occlude(
    rng: Generator, place: Place, actors: list[Actor], view: _View, middle: int
) -> list[Occluder]:
    """Put up to two things between the camera and somebody, where nobody walks."""
    added: list[Occluder] = []
    for actor in actors:
        if len(added) == 2 or rng.random() >= 0.3:
            continue
        at = view.eye[:2] + float(rng.uniform(0.35, 0.85)) * (actor.path[middle] - view.eye[:2])
        nearest = min(np.linalg.norm(other.path - at, axis=1).min() for other in actors)
        if np.hypot(*(at - view.eye[:2])) < 1.6 or nearest < 0.9:
            continue
        kind = str(rng.choice(occluders.KINDS, p=[0.45, 0.25, 0.12, 0.18]))
        low = float(rng.uniform(0.5, 1.2))
        tall = {"pole": occluders.POLE_HEIGHT, "car": CAR_HEIGHT}.get(kind, low)
        occluder = Occluder(kind, tall, float(at[0]), float(at[1]))
        place.add(occluder.build(rng))
        added.append(occluder)
    return added


def _cameras(rng: Generator, view: _View, settings: StreetSize) -> tuple[list[Camera], dict[str, Any]]:
    """The camera of every frame, standing, panning, moving or held by hand, and what to note of it."""
    fixed = view.name == "overhead"
    handheld = float(rng.choice([0, 0.6, 1.6], p=[0.4, 0.3, 0.3])) if not fixed else 0.0
    eye_sway, target_sway = sway(rng, settings.frames, settings.fps, handheld)
    pan = float(rng.normal() * 0.10) if rng.random() < 0.45 else 0.0
    dolly = rng.normal(size=3) * [0.5, 0.4, 0.0] * (not fixed and rng.random() < 0.3)
    cameras = []
    for t in range(settings.frames):
        seconds = t / settings.fps - settings.frames / settings.fps / 2
        eye = view.eye + eye_sway[t] + dolly * seconds
        target = eye + ahead(view.yaw + pan * seconds, view.pitch) * 4 + target_sway[t]
        cameras.append(Camera(eye, target, view.fov, view.aspect))
    facts = {
        "view": view.name,
        "eye_height_m": round(float(view.eye[2]), 2),
        "fov_deg": round(view.fov, 1),
        "handheld": handheld,
        "pan_deg_per_s": round(float(np.degrees(pan)), 1),
        "dolly": bool(dolly.any()),
    }
    return cameras, facts
