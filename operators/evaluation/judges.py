"""The models that judge, loaded once: people in a mirror, embedders, depth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from operators.evaluation.faces import FaceEmbedder, Faces
from operators.models.build import DepthModel, depth_model
from operators.models.people.ensemble import People, PeopleEnsemble
from operators.models.witnesses.reid import Likeness
from schemas.cues import Patch
from schemas.evaluation import Judges

_OTHER_SIDE = [
    0,
    2,
    1,
    4,
    3,
    6,
    5,
    8,
    7,
    10,
    9,
    12,
    11,
    14,
    13,
    16,
    15,
]  # COCO joints, left and right swapped


@dataclass
class JudgeModels:
    """people: frames uint8 [T,H,W,3] -> T People; embedders: uint8 [96,48,3] pictures -> unit vectors [N,64]."""

    people: Callable[[np.ndarray], list[People]]
    embedders: dict[str, Callable[[list[np.ndarray]], np.ndarray]]
    depth: DepthModel | None
    every: int
    faces: Callable[[np.ndarray], list[Faces]] | None = None

    @classmethod
    def load(cls, settings: Judges, device: str = "cpu") -> "JudgeModels":
        """The models that the settings name. Raises UserError for unusable weights."""
        detect = PeopleEnsemble(settings.people.weights, settings.people.confidence, device)
        embedders = cls.embedders_of(settings, device)
        depth = depth_model(settings.depth, device) if settings.depth else None
        faces = FaceEmbedder(settings.faces, device) if settings.faces else None
        return cls(lambda frames: mirrored(detect, frames), embedders, depth, settings.every, faces)

    @staticmethod
    def embedders_of(
        settings: Judges, device: str = "cpu"
    ) -> dict[str, Callable[[list[np.ndarray]], np.ndarray]]:
        """The embedders alone."""
        return {name: Likeness(weights, device).embed for name, weights in settings.embedders.items()}


def mirrored(detect: Callable[[np.ndarray], list[People]], frames: np.ndarray) -> list[People]:
    """What a detector sees in a mirror, as it lies in the frames: another view than the masks were made by."""
    width = frames.shape[2]
    return [_turned(one, width) for one in detect(np.ascontiguousarray(frames[:, :, ::-1]))]


def _turned(found: People, width: int) -> People:
    x0, y0, x1, y1 = found.boxes.reshape(-1, 4).T
    joints = found.keypoints[:, _OTHER_SIDE].copy()
    joints[..., 0] = width - joints[..., 0]
    masks = [Patch(width - one.x - one.inside.shape[1], one.y, one.inside[:, ::-1]) for one in found.masks]
    return People(np.stack([width - x1, y0, width - x0, y1], axis=1), found.scores, joints, masks)
