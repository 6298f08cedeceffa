"""A person with a motion, at a place in the world: everything that is drawn and labelled of them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.random import Generator

from operators.actor.looks.colours import SKINS
from operators.actor.looks.looks import BEARDS, CHILD, OLD, Looks
from operators.actor.looks.sampling import sample_looks
from operators.actor.looks.words import garments, hair_words
from operators.training.render.body import BodyModel, BodyShape, Posed
from operators.training.render.gestures import Gestures, sample_gestures
from operators.training.render.motion import Movement, sample_motion
from operators.training.render.rig import pose_matrices
from operators.training.render.template import SKIN_VERTICES

_SOLES = ("foot.L", "toe1-1.L", "foot.R", "toe1-1.R")
_HEEL_HEIGHT = 0.06  # metres by which a standing foot's joint is above its toes'


@dataclass(frozen=True)
class SeededPerson:
    """Nobody real: the looks and the body of two seeds."""

    identity_seed: int
    outfit_seed: int
    looks: Looks
    shape: BodyShape

    @classmethod
    def of(cls, body: BodyModel, identity_seed: int, outfit_seed: int) -> "SeededPerson":
        """The same seeds give the same person."""
        looks = sample_looks(identity_seed, outfit_seed)
        return cls(identity_seed, outfit_seed, looks, body.shape(identity_seed, looks.identity.shape))

    def record(self) -> dict[str, Any]:
        """Seeds and plain words, as they stand in a clip's JSON."""
        identity, clothes = self.looks.identity, garments(self.looks.outfit)
        age = identity.shape.phenotype["age"]
        words = {
            "skin": SKINS[identity.skin_tone],
            "hair": hair_words(identity),
            "beard": BEARDS[identity.beard],
            "style": "feminine" if identity.feminine else "masculine",
            "age_group": "child" if age < CHILD else "older adult" if age > OLD else "adult",
            "height_m": round(self.shape.height, 2),
        }
        beard = f", {words['beard']} beard" if identity.beard else ""
        who = f"{words['age_group']}, {words['style']} style, {words['height_m']:.2f} m, {words['skin']} skin"
        return {
            "identity_seed": self.identity_seed,
            "outfit_seed": self.outfit_seed,
            "description": f"{who}, {words['hair']}{beard}; {', '.join(clothes.values())}",
            "garments": clothes,
            "looks": words,
        }


@dataclass(frozen=True)
class Spot:
    """Where somebody is at mid-clip, float64 [2]; heading in radians, 0 faces -Y and pi/2 +X; turning per second."""

    place: np.ndarray
    heading: float = 0.0
    turning: float = 0.0


@dataclass(frozen=True)
class Performer:
    """A person in motion: vertices and normals float32 [T,V,3], keypoints float32 [T,17,3] (COCO), path float32 [T,2]
    on the ground. Metres, in the world."""

    person: SeededPerson
    kind: str
    gestures: Gestures
    vertices: np.ndarray
    normals: np.ndarray
    keypoints: np.ndarray
    path: np.ndarray

    @property
    def skin(self) -> np.ndarray:
        """Vertices of the naked body, float32 [T,13380,3]."""
        return self.vertices[:, :SKIN_VERTICES]

    def record(self, number: int) -> dict[str, Any]:
        """As it stands in a clip's JSON; `number` is the person's in the masks."""
        moves = {"motion": self.kind, "arms": self.gestures.words()}
        return {"id": number, **self.person.record(), **moves}

    def distance(self, other: "Performer") -> float:
        """The nearest that two come to each other, in metres."""
        return float(np.linalg.norm(self.path - other.path, axis=1).min())


def act(
    body: BodyModel, person: SeededPerson, kind: str, spot: Spot, frames: int, fps: float, rng: Generator
) -> Performer:
    """A random motion of that kind, on the ground at that spot."""
    gestures = sample_gestures(rng)
    motion = sample_motion(kind, gestures, frames, fps, rng)
    posed = body.pose(person.shape, pose_matrices(motion, body.template))
    heading = spot.heading + spot.turning * np.arange(frames) / fps
    path = _path(body, posed, motion, heading)
    path += np.asarray(spot.place) - path[frames // 2]
    lift = -posed.vertices[:, :SKIN_VERTICES, 2].min(1).values.numpy()
    shift = torch.tensor(np.concatenate([path, lift[:, None]], 1), dtype=torch.float32)
    c, s, o, one = np.cos(heading), np.sin(heading), np.zeros(frames), np.ones(frames)
    rotation = torch.tensor(
        np.stack([c, -s, o, s, c, o, o, o, one], -1).reshape(-1, 3, 3), dtype=torch.float32
    )

    def placed(vectors: torch.Tensor) -> torch.Tensor:
        return torch.einsum("tij,tvj->tvi", rotation, vectors)

    return Performer(
        person=person,
        kind=kind,
        gestures=gestures,
        vertices=(placed(posed.vertices) + shift[:, None]).numpy(),
        normals=placed(posed.normals).numpy(),
        keypoints=(placed(posed.keypoints) + shift[:, None]).numpy()[:, :17],
        path=shift.numpy()[:, :2],
    )


def _path(body: BodyModel, posed: Posed, motion: Movement, heading: np.ndarray) -> np.ndarray:
    """Where the body moves to over the ground from (0, 0) on, float64 [T,2]."""
    steps = np.zeros((motion.frames, 2))
    if motion.travels and motion.frames > 1:
        soles = [body.template.joint_names.index(name) for name in _SOLES]
        steps[1:] = steps_of(posed.joints[:, soles].numpy(), motion.fps, motion.kind == "jog")
    c, s = np.cos(heading), np.sin(heading)
    turned = np.stack([c * steps[:, 0] - s * steps[:, 1], s * steps[:, 0] + c * steps[:, 1]], 1)
    return np.cumsum(turned, 0)


def steps_of(feet: np.ndarray, fps: float, jogs: bool) -> np.ndarray:
    """How far the body goes from frame to frame, float64 [T-1,2], so that the foot on the ground does not slide.

    `feet` [T,4,3]: heel and toes of the left and the right foot, the hips standing still. Joggers fly between steps.
    """
    heels = np.array([_HEEL_HEIGHT, 0, _HEEL_HEIGHT, 0])
    steps = []
    for before, after in pairwise(feet):
        lowest = np.argmin(before[:, 2] + after[:, 2] - heels)
        steps.append(before[lowest, :2] - after[lowest, :2])
    travelled = np.array(steps)
    travelled[:, 0] *= 0.3
    reach = max(1, int(0.12 * fps))
    mean = np.ones(2 * reach + 1) / (2 * reach + 1)
    smooth = [np.convolve(np.pad(travelled[:, axis], reach, "edge"), mean, "valid") for axis in (0, 1)]
    travelled = np.stack(smooth, 1)
    if jogs:
        travelled[:, 1] = travelled[:, 1].mean() * 1.35
    return travelled
