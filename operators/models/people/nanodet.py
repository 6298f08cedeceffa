"""People by NanoDet (RangiLyu, 2020; generalized focal loss: Li et al., NeurIPS 2020), trained on COCO."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import softmax

from operators.models.people.framing import Framed, boxed
from operators.models.runtime.onnx_session import OnnxNetwork
from schemas.cues import PersonBoxes

_STRIDES = (8, 16, 32)
_MEAN = np.array([103.53, 116.28, 123.675], np.float32)  # blue, green, red
_STD = np.array([57.375, 57.12, 58.395], np.float32)
_PERSON = 0  # of COCO's 80 classes
# Vehicles that enclose, street furniture, animals, chairs, plants, kitchens. Not what somebody rides, carries, wears or
# lies on, nor screens and toys: those have much the same box as a person.
_THINGS = (2, *range(4, 8), *range(9, 13), 14, 15, 16, 18, 19, *range(21, 24), 56, 58, *range(68, 73), 75)
_BINS = np.arange(
    11, dtype=np.float32
)  # a side's distance is the mean of a distribution over 0 to 10 strides
_PAD = 114


class NanoDet:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, surest first.

    Each frame is looked at with the `long_sides` given, and, if it is larger than `tile` px, also in tiles of that
    size. Raises UserError for unusable weights, ValueError if the network's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        device: str = "cpu",
        long_sides: Sequence[int] = (384, 640),
        tile: int = 960,
    ) -> None:
        outputs = [f"{name}{stride}" for stride in _STRIDES for name in ("score", "distance")]
        self.network = OnnxNetwork(weights, outputs, device)
        self.confidence, self.long_sides, self.tile = confidence, long_sides, tile

    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        return [people for people, _ in self.people_and_things(frames)]

    def people_and_things(self, frames: np.ndarray) -> list[list[PersonBoxes]]:
        """T pairs: the people, and the things in a street or a room that a faint person often turns out to be."""
        return [boxed(frame, self._look, self.long_sides, self.tile, _PAD) for frame in frames]

    def _look(self, look: Framed) -> tuple[np.ndarray, np.ndarray]:
        picture = (look.picture[..., ::-1].astype(np.float32) - _MEAN) / _STD
        outputs = self.network(picture.transpose(2, 0, 1)[None])
        corners, scores = [], []
        for stride, score, distance in zip(_STRIDES, outputs[::2], outputs[1::2], strict=True):
            likely = np.stack([score[0, _PERSON], score[0, _THINGS].max(axis=0)])
            likely = np.where(likely >= self.confidence, likely, 0)
            rows, columns = np.nonzero(likely.any(axis=0))
            spread = softmax(distance[0][:, rows, columns].reshape(4, len(_BINS), -1), axis=1)
            away = np.einsum("sbn,b->ns", spread, _BINS) * stride  # left, top, right, bottom
            centres = (np.column_stack([columns, rows]) + 0.5) * stride
            corners.append(np.stack([centres - away[:, :2], centres + away[:, 2:]], axis=1))
            scores.append(likely[:, rows, columns].T)
        return np.concatenate(corners), np.concatenate(scores)
