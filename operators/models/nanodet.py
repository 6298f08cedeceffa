"""People by NanoDet (RangiLyu, 2020; generalized focal loss: Li et al., NeurIPS 2020), trained on COCO."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torchvision.ops import nms

from operators.models.looks import Look, looks
from operators.models.onnx_session import OnnxNetwork
from schemas.cues import PersonBoxes

_STRIDES = (8, 16, 32)
_MEAN, _STD = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])  # blue, green, red
_PERSON = 0  # of COCO's 80 classes
_PAD = 114
_SAME_IOU = 0.6  # of two boxes of one person


class NanoDet:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, surest first.

    Each frame is looked at with the `long_sides` given, and, if it is larger than those, also in tiles of at most
    `tile` px. Raises UserError for unusable weights, ValueError if the network's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        device: str = "cpu",
        long_sides: Sequence[int] = (384, 640),
        tile: int = 640,
    ) -> None:
        outputs = [f"{name}{stride}" for stride in _STRIDES for name in ("score", "distance")]
        self.network = OnnxNetwork(weights, outputs, device)
        self.confidence, self.long_sides, self.tile = confidence, long_sides, tile

    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        return [self._people(frame) for frame in frames]

    def _people(self, frame: np.ndarray) -> PersonBoxes:
        found = [self._look(look) for look in looks(frame, self.long_sides, self.tile, _PAD)]
        boxes = np.concatenate([one.boxes for one in found])
        scores = np.concatenate([one.scores for one in found])
        boxes = np.clip(boxes, 0, [frame.shape[1], frame.shape[0]] * 2).astype(np.float32)
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), _SAME_IOU).numpy()
        return PersonBoxes(boxes[kept], scores[kept])

    def _look(self, look: Look) -> PersonBoxes:
        """Whom one look shows, in the frame's pixels; each of them perhaps several times."""
        picture = (look.picture[..., ::-1].astype(np.float32) - _MEAN) / _STD
        outputs = self.network(picture.transpose(2, 0, 1)[None])
        boxes, scores = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
        for stride, score, distance in zip(_STRIDES, outputs[::2], outputs[1::2], strict=True):
            rows, columns = np.nonzero(score[0, _PERSON] >= self.confidence)
            # Each side's distance is the mean of a distribution over 0 to 10 strides.
            spread = torch.from_numpy(distance[0][:, rows, columns].reshape(4, 11, -1)).softmax(dim=1).numpy()
            away = (spread * np.arange(11, dtype=np.float32)[:, None]).sum(axis=1).T * stride
            centres = (np.column_stack([columns, rows]) + 0.5) * stride
            corners = np.stack([centres - away[:, :2], centres + away[:, 2:]], axis=1)
            boxes.append(look.in_frame(corners).reshape(-1, 4))
            scores.append(score[0, _PERSON, rows, columns])
        found, sure = np.concatenate(boxes), np.concatenate(scores)
        whole = look.whole(found)
        return PersonBoxes(found[whole], sure[whole])
