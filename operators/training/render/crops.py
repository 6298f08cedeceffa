"""Crops: a short square clip around one main person, often with others or something in the way."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from operators.training.render.acting import Performer, SeededPerson, Spot, act
from operators.training.render.camera import SceneCamera, Window, project, sway
from operators.training.render.film import Rendering, Studio
from operators.training.render.scenery.occluders import KINDS, POLE_HEIGHT, Occluder
from operators.training.render.scenery.places import plain, room, street
from operators.training.render.seeds import Split
from operators.training.render.sensor import sense

_MOTIONS = {"walk": 0.45, "stand": 0.35, "jog": 0.06, "step": 0.08, "squat": 0.06}
_DRAWS = 20
_APART = 0.5  # metres between two people's paths, at the least


@dataclass(frozen=True)
class CropSize:
    """Pixels a side, frames, and frames a second."""

    size: int = 128
    frames: int = 17
    fps: int = 12


def make_crop(studio: Studio, seed: int, split: Split, settings: CropSize) -> Rendering:
    """The crop of a seed. What hardly shows its main person is drawn again, so often; then it stays as it is."""
    scene_seed = split.crop(seed)
    for attempt in range(_DRAWS):
        clip = _draw(studio, np.random.default_rng([7, scene_seed, attempt]), split, settings)
        area = (clip.masks == 1).mean((1, 2))
        visible = (clip.keypoints[:, 0, :, 2] == 2).mean() >= 0.3
        if area.min() > 0.008 and area.mean() > 0.02 and visible:
            break
    numbers = {"seed": seed, "scene_seed": scene_seed, "split": split.name, "attempt": attempt}
    return replace(clip, facts={**clip.facts, **numbers})


def _draw(studio: Studio, rng: Generator, split: Split, settings: CropSize) -> Rendering:
    main = SeededPerson.of(studio.body, *split.pick(rng))
    kind, azimuth, turning = _kind(rng), float(rng.uniform(-0.5, 0.5)), float(rng.normal() * 0.25)
    spot = Spot(np.zeros(2), _heading(rng, kind), turning)
    actors = [act(studio.body, main, kind, spot, settings.frames, settings.fps, rng)]
    for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.42, 0.08]))):
        person = SeededPerson.of(studio.body, *split.pick(rng))
        if companion := _companion(studio, rng, person, actors, azimuth, settings):
            actors.append(companion)
    place = (street, room, plain)[int(rng.choice(3, p=[0.55, 0.33, 0.12]))](rng)
    height = main.shape.height
    eye, cameras, camera_facts = _cameras(rng, place.name == "room", azimuth, height, settings)
    occluders = []
    if rng.random() < 0.38:
        occluder = _occluder(rng, eye, height)
        place.add(occluder.build(rng))
        occluders.append(occluder.record())
    cameras, window_facts = _follow(rng, actors[0], cameras)
    take = studio.film(actors, cameras, place, settings.size, settings.size)
    frames, sensor = sense(rng, take.frames, 0.35, (0.9, 0.1, 0.0))
    facts = {
        "kind": "crop",
        "fps": settings.fps,
        "frames": settings.frames,
        "size": [settings.size, settings.size],
        "scene": place.name,
        "people": [{**actor.record(i + 1), "main": i == 0, **take.seen[i]} for i, actor in enumerate(actors)],
        "camera": {**camera_facts, **window_facts, "sensor": sensor},
        "occluders": occluders,
    }
    return Rendering(frames, take.masks, take.keypoints, take.depth, facts)


def _kind(rng: Generator) -> str:
    return str(rng.choice(list(_MOTIONS), p=list(_MOTIONS.values())))


def _heading(rng: Generator, kind: str) -> float:
    """Nearly half of who walks crosses the picture; others mostly face the camera."""
    if kind in ("walk", "jog") and rng.random() < 0.45:
        return float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal() * 0.25)
    return float(rng.normal() * 0.9 if rng.random() < 0.75 else rng.uniform(-np.pi, np.pi))


def _companion(
    studio: Studio,
    rng: Generator,
    person: SeededPerson,
    actors: list[Performer],
    azimuth: float,
    settings: CropSize,
) -> Performer | None:
    """Somebody near the main person, partly before or behind them; None if there is no room."""
    right = np.array([np.cos(azimuth), np.sin(azimuth)])
    away = np.array([-np.sin(azimuth), np.cos(azimuth)])
    for _ in range(6):
        kind = actors[0].kind if rng.random() < 0.6 else _kind(rng)
        aside = rng.choice([-1, 1]) * rng.uniform(0.1, 1.0)
        place = aside * right + rng.uniform(-1.2, 1.3) * away
        if np.hypot(*place) < 0.45:
            continue
        spot = Spot(place, _heading(rng, kind))
        actor = act(studio.body, person, kind, spot, settings.frames, settings.fps, rng)
        if min(actor.distance(other) for other in actors) > _APART:
            return actor
    return None


def _cameras(
    rng: Generator, indoors: bool, azimuth: float, height: float, settings: CropSize
) -> tuple[np.ndarray, list[SceneCamera], dict[str, Any]]:
    """Where the camera stands, the camera of every frame, and what to note of it; `height` is the main person's."""
    distance = float(rng.uniform(2.8, 8.0))
    distance = min(distance, 2.9) if indoors else distance
    pitch = float(np.clip(rng.normal(0.12, 0.16), -0.05, 0.75))
    raised = max(0.25, height * 0.55 + distance * np.tan(pitch))
    eye = np.array([distance * np.sin(azimuth), -distance * np.cos(azimuth), raised])
    handheld = float(rng.choice([0, 0.5, 1.5]))
    eye_sway, target_sway = sway(rng, settings.frames, settings.fps, handheld)
    dolly = rng.normal(size=3) * [0.4, 0.2, 0.05] * (rng.random() < 0.5)
    fov = float(rng.uniform(26, 42))
    seconds = np.arange(settings.frames) / settings.fps - settings.frames / settings.fps / 2
    target = np.array([0, 0, height * 0.5])
    cameras = [
        SceneCamera(eye + eye_sway[t] + dolly * seconds[t], target + target_sway[t], fov, aspect=1.0)
        for t in range(settings.frames)
    ]
    facts = {
        "distance_m": round(distance, 2),
        "eye_height_m": round(float(raised), 2),
        "handheld": handheld,
        "dolly": bool(dolly.any()),
    }
    return eye, cameras, facts


def _occluder(rng: Generator, eye: np.ndarray, height: float) -> Occluder:
    """Something between the camera and the main person that hides them up to a fraction of their height, or misses."""
    kind = str(rng.choice(KINDS, p=[0.4, 0.3, 0.12, 0.18]))
    share = float(rng.uniform(0.45, 0.8))  # 0 at the camera, 1 at the person
    place, ray = eye[:2] * (1 - share), eye[:2] / np.linalg.norm(eye[:2])
    place = place + np.array([-ray[1], ray[0]]) * rng.normal() * 0.28
    if kind == "pole":
        tall = POLE_HEIGHT
    else:
        line = eye[2] + share * (rng.uniform(0.15, 0.6) * height - eye[2])
        tall = float(np.clip(line, 0.15, 1.6))
    return Occluder(kind, tall, float(place[0]), float(place[1]))


def _follow(
    rng: Generator, main: Performer, cameras: list[SceneCamera]
) -> tuple[list[SceneCamera], dict[str, Any]]:
    """The cameras with square windows around the main person, which follow them or stand still."""
    seen = [project(camera.matrix, skin[::8])[:, :2] for camera, skin in zip(cameras, main.skin, strict=True)]
    low, high = np.array([points.min(0) for points in seen]), np.array([points.max(0) for points in seen])
    follows = bool(rng.random() < 0.65)
    margin = float(1.06 + 0.7 * rng.random() ** 2)
    if follows:
        centres = _smooth((low + high) / 2)
        half = float(np.maximum(high - centres, centres - low).max()) * margin
    else:
        centres = np.repeat((low.min(0) + high.max(0))[None] / 2, len(cameras), 0)
        half = float((high.max(0) - low.min(0)).max()) / 2 * margin
    centres = centres + rng.normal(size=2) * 0.06 * half
    windows: list[Window] = [(x - half, y - half, x + half, y + half) for x, y in centres.tolist()]
    framed = [replace(camera, window=window) for camera, window in zip(cameras, windows, strict=True)]
    return framed, {"crop": "follows" if follows else "fixed", "margin": round(margin, 3)}


def _smooth(centres: np.ndarray, reach: int = 3) -> np.ndarray:
    """Moving mean of float64 [T,2] over `reach` frames to both sides."""
    padded = np.pad(centres, ((reach, reach), (0, 0)), "edge")
    return np.stack([padded[i : i + len(centres)] for i in range(2 * reach + 1)]).mean(0)
