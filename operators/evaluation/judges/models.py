"""The models that judge, loaded once, as the judges' file names them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from operators.evaluation.judges.bodies import BodyEmbedder, Embedder
from operators.evaluation.judges.faces import FaceEmbedder, Faces
from operators.evaluation.judges.gaits import GaitEmbedder
from operators.evaluation.judges.posed import posed
from operators.evaluation.judges.vbench import VBench
from operators.models.build import DepthModel, depth_model
from operators.models.people.ensemble import People, PeopleEnsemble
from operators.models.scene.qwen_vl import SceneDescriber
from operators.models.witnesses.reid import Likeness
from schemas.cues import Patch
from schemas.evaluation import Judges, PosedSettings
from schemas.extractors import EnsembleSettings

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
    """people: frames uint8 [T,H,W,3] -> T People; embedders: uint8 [96,48,3] pictures, or of the `size` that one asks
    for -> unit vectors [N,D]; the others as their classes say, None where none is asked."""

    people: Callable[[np.ndarray], list[People]]
    embedders: dict[str, Embedder]
    depth: DepthModel | None
    every: int
    faces: Callable[[np.ndarray], list[Faces]] | None = None
    gait: Callable[[Sequence[Patch]], np.ndarray] | None = None
    ask: Callable[[np.ndarray, float, str], str] | None = None
    vbench: Callable[[np.ndarray], Iterator[tuple[str, float]]] | None = None

    @classmethod
    def load(cls, settings: Judges, device: str = "cpu") -> "JudgeModels":
        """The models that the settings name. Raises UserError for unusable weights."""
        detect, words = people_model(settings, device), settings.words
        return cls(
            people=lambda frames: mirrored(detect, frames),
            embedders=cls.embedders_of(settings, device),
            depth=depth_model(settings.depth, device) if settings.depth else None,
            every=settings.every,
            faces=FaceEmbedder(settings.faces, device) if settings.faces else None,
            gait=GaitEmbedder(settings.gait, device) if settings.gait else None,
            ask=SceneDescriber(words.weights, device, words.dtype).ask if words else None,
            vbench=VBench(settings.vbench, device),
        )

    @staticmethod
    def embedders_of(settings: Judges, device: str = "cpu") -> dict[str, Embedder]:
        """The embedders alone."""
        return {
            name: Likeness(one, device).embed if isinstance(one, str) else BodyEmbedder(one, device)
            for name, one in settings.embedders.items()
        }


def people_model(settings: Judges, device: str) -> Callable[[np.ndarray], list[People]]:
    """Who finds people."""
    match settings.people:
        case PosedSettings():
            return posed(settings.people, device)
        case EnsembleSettings():
            return PeopleEnsemble(settings.people.weights, settings.people.confidence, device)


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
