"""Street scenes: wide frames with nobody or up to five people, some of whom walk in or out of the frame."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from operators.training.render.acting import Performer
from operators.training.render.camera import SceneCamera, ahead, sway
from operators.training.render.casting import SeededRole, StreetScene, View, roles_of
from operators.training.render.film import Rendering, Studio
from operators.training.render.scenery import occluders, places
from operators.training.render.scenery.occluders import Occluder
from operators.training.render.scenery.places import Place
from operators.training.render.scenery.solids import CAR_HEIGHT
from operators.training.render.seeds import Split
from operators.training.render.sensor import sense

_DRAWS = 20


@dataclass(frozen=True)
class StreetSize:
    """Pixels, frames, frames a second; `reid`: seeds 0 to 11 are scenes where the same people return."""

    width: int = 640
    height: int = 360
    frames: int = 24
    fps: int = 12
    reid: bool = False


def make_street(studio: Studio, seed: int, split: Split, settings: StreetSize) -> Rendering:
    """The street scene of a seed; what does not come out is drawn again. Raises RuntimeError if nothing does."""
    scene_seed = split.street(seed)
    for attempt in range(_DRAWS):
        rng = np.random.default_rng([17, scene_seed, attempt])
        roles = roles_of(rng, seed, split, settings.reid)
        if clip := _draw(studio, rng, roles, settings):
            numbers = {"seed": seed, "scene_seed": scene_seed, "split": split.name, "attempt": attempt}
            return replace(clip, facts={**clip.facts, **numbers})
    raise RuntimeError(f"no usable street scene for seed {seed}")


def _draw(studio: Studio, rng: Generator, roles: list[SeededRole], settings: StreetSize) -> Rendering | None:
    """None if somebody who must be seen is not, or nobody of those wanted found room."""
    place = places.street(rng)
    view = _look(rng, settings.width / settings.height)
    cast = StreetScene(studio.body, place, view, settings.frames, settings.fps).cast(rng, roles)
    if cast is None or (roles and not cast):
        return None
    actors = [actor for actor, _ in cast]
    obstacles = _occlude(rng, place, actors, view, settings.frames // 2)
    cameras, camera_facts = _cameras(rng, view, settings)
    take = studio.film(actors, cameras, place, settings.width, settings.height)
    enough = settings.frames * 0.6
    if any(
        role.reid and seen["frames_visible"] < enough for (_, role), seen in zip(cast, take.seen, strict=True)
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
    return Rendering(frames, take.masks, take.keypoints, take.depth, facts)


def _look(rng: Generator, aspect: float) -> View:
    """Across the street from the other pavement, along it, or from above."""
    name = str(rng.choice(["across", "along", "overhead"], p=[0.34, 0.46, 0.2]))
    fov = float(rng.uniform(30, 52))
    if name == "across":
        eye = np.array([rng.uniform(-3, 3), -rng.uniform(4.5, 11), rng.uniform(1.3, 2.2)])
        return View(name, eye, float(rng.normal() * 0.25), float(-rng.uniform(0.0, 0.08)), fov, aspect)
    side = float(rng.choice([-1, 1]))
    eye = np.array([-side * rng.uniform(8, 22), rng.uniform(-3.0, 0.8), rng.uniform(1.4, 2.2)])
    yaw = float(side * rng.uniform(1.05, 1.62))
    if name == "along":
        return View(name, eye, yaw, float(-rng.uniform(0.0, 0.07)), fov, aspect)
    eye[2], eye[1] = rng.uniform(3.5, 6.0), -rng.uniform(2, 6)
    yaw = float(side * rng.uniform(0.4, 1.3))
    return View(name, eye, yaw, float(-rng.uniform(0.2, 0.38)), fov, aspect)


def _occlude(
    rng: Generator, place: Place, actors: list[Performer], view: View, middle: int
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


def _cameras(rng: Generator, view: View, settings: StreetSize) -> tuple[list[SceneCamera], dict[str, Any]]:
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
        cameras.append(SceneCamera(eye, target, view.fov, view.aspect))
    facts = {
        "view": view.name,
        "eye_height_m": round(float(view.eye[2]), 2),
        "fov_deg": round(view.fov, 1),
        "handheld": handheld,
        "pan_deg_per_s": round(float(np.degrees(pan)), 1),
        "dolly": bool(dolly.any()),
    }
    return cameras, facts
