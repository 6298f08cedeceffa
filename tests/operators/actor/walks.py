"""Synthetic tracks with known truth: somebody else's body walks, stands or sits in front of a camera."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operators.actor.body.body import Body, make_body
from operators.actor.body.proportions import proportioned
from operators.actor.body.skeleton import ANGLES, USUAL
from operators.actor.looks.sampling import sample_looks
from operators.actor.motion.solve import Camera
from schemas.actor import Proportions

FPS, SIZE = 12.0, (480, 640)


@dataclass(frozen=True)
class Walk:
    """true [T,17,2] px, tall [T] px, joints [T,17,3] as a detector gives them, boxes [T,4], yaw [T]."""

    true: np.ndarray
    tall: np.ndarray
    joints: np.ndarray
    boxes: np.ndarray
    yaw: np.ndarray


def body_of(seed: int) -> Body:
    """Somebody's body."""
    return make_body(sample_looks(seed, seed).identity.shape)


def walk(
    kind: str = "walk",
    facing: float = 0.5,
    noise: float = 0.0,
    dropped: float = 0.0,
    seed: int = 0,
    frames: int = 24,
    turned: Mapping[str, float | np.ndarray] | None = None,
    by: Proportions | None = None,
) -> Walk:
    """One of "walk", "stand", "sit" or "raise" (an arm, in a quarter of a second), by a body that is not the actor's.

    `noise` as a share of the height; `turned` angles in radians, all the time or in each frame, of which knuckles
    tell; the body's lengths multiplied `by`, if they are.
    """
    rng = np.random.default_rng(seed)
    angles = np.tile(USUAL, (frames, 1))
    beat = 2 * np.pi * 0.9 * np.arange(frames) / FPS
    place = {name: column for column, name in enumerate(ANGLES)}
    away, yaw = np.full(frames, 4.0), np.full(frames, facing)
    across = np.zeros(frames)
    if kind == "walk":
        for side, sign in (("L", 1), ("R", -1)):
            angles[:, place["hip" + side]] = 0.15 + 0.4 * sign * np.sin(beat)
            angles[:, place["knee" + side]] = 0.4 + 0.35 * sign * np.cos(beat)
            angles[:, place["sflex" + side]] = -0.3 * sign * np.sin(beat)
        way = 1.2 * (np.arange(frames) - frames / 2) / FPS
        across, away = way * np.sin(yaw), away - way * np.cos(yaw)
    elif kind == "sit":
        for side in "LR":
            angles[:, place["hip" + side]], angles[:, place["knee" + side]] = 1.5, 1.4
    elif kind == "raise":
        up = np.clip((np.arange(frames) - 8) / 3, 0, 1) * np.clip((17 - np.arange(frames)) / 3, 0, 1)
        angles[:, place["sflexL"]] += 1.2 * up
        angles[:, place["elbL"]] += 1.1 * up
    for name, angle in (turned or {}).items():
        angles[:, place[name]] = angle
    body, camera = proportioned(body_of(41), by or Proportions()), Camera(700.0, (SIZE[1] / 2, SIZE[0] / 2))
    root = np.stack([across, away, np.zeros(frames)], 1)
    every = camera.project(body.skeleton.pose(yaw, angles).joints + root[:, None])
    true, tall = every[:, :17], camera.focal * body.height / away
    joints = np.concatenate([true, np.ones((frames, 17, 1))], -1)
    joints[..., :2] += noise * tall[:, None, None] * rng.standard_normal(true.shape)
    joints[..., 2] *= rng.random((frames, 17)) >= dropped
    if turned:
        hands = np.zeros((frames, 42, 3))
        for column, point in enumerate((5, 17, 3, 21 + 5, 21 + 17, 21 + 3)):
            hands[:, point] = np.concatenate([every[:, 17 + column], np.ones((frames, 1))], 1)
        joints = np.concatenate([joints, hands], 1)
    boxes = np.concatenate([true.min(1) - 5, true.max(1) + 5], 1)
    return Walk(true, tall, joints.astype(np.float32), boxes, yaw)


def pck(points: np.ndarray, of: Walk, share: float = 0.05) -> float:
    """Share of joints [T,17,2] within `share` of the height."""
    return float((np.linalg.norm(points - of.true, axis=-1) < share * of.tall[:, None]).mean())


def jitter(points: np.ndarray, of: Walk) -> float:
    """Mean second difference of joints over time, as a share of the height."""
    return float((np.linalg.norm(np.diff(points, 2, axis=0), axis=-1) / of.tall[1:-1, None]).mean())
