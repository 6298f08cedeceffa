"""MoveNet (Google, 2021): people of a whole picture, and the joints of one person in a close look."""

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from operators.models.people.framing import Framed, boxed, squares
from operators.models.runtime.onnx_session import OnnxNetwork
from schemas.cues import PersonBoxes

_STRIDE = 4
_PEAK = np.ones((5, 5), np.uint8)  # cells in which the surest centre counts
_NO_TILES = sys.maxsize
_SIDE, _CELLS = 256, 64  # Thunder's picture, and its maps
_CUT, _MISSING = (
    0.02,
    0.8,
)  # share of the frame below whose edge a box is cut off, and of the box that is then missing
_LEGS = 6  # joints that somebody has of whom legs alone are seen


class MoveNetMultiPose:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, surest first, by MoveNet MultiPose Lightning.

    Its own decoder finds six people at most; this one, any number, in pictures of any size. Large pictures make it see
    people in furniture, and none in close-ups: it is a second opinion. Raises UserError for unusable weights,
    ValueError if the network's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        device: str = "cpu",
        long_sides: Sequence[int] = (384, 640),
    ) -> None:
        self.network = OnnxNetwork(weights, ["centre", "size", "box_offset"], device)
        self.confidence, self.long_sides = confidence, long_sides

    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        return [boxed(frame, self._look, self.long_sides, _NO_TILES)[0] for frame in frames]

    def _look(self, look: Framed) -> tuple[np.ndarray, np.ndarray]:
        centre, size, offset = (one[0] for one in self.network(look.picture.transpose(2, 0, 1)[None]))
        peaks = (centre[0] >= self.confidence) & (centre[0] == cv2.dilate(centre[0], _PEAK))
        rows, columns = np.nonzero(peaks)
        # The network says y before x, and height before width.
        middle = np.column_stack([columns, rows]) + offset[::-1, rows, columns].T
        half = np.maximum(size[::-1, rows, columns].T, 0) / 2
        return np.stack([middle - half, middle + half], axis=1) * _STRIDE, centre[0, rows, columns][:, None]


class MoveNetThunder:
    """A frame uint8 [H,W,3] RGB and boxes float32 [N,4] -> COCO's joints float32 [N,17,3], by MoveNet Thunder.

    It looks at a square around each box and takes the person in its middle. Of somebody whom the frame cuts off above
    it knows more when shown as much as is missing, in black: both looks are had, and the surer one counts. Raises
    UserError for unusable weights, ValueError if the network's output is not finite.
    """

    def __init__(self, weights: str | Path, device: str = "cpu", margin: float = 1.25) -> None:
        self.network = OnnxNetwork(weights, ["centre", "regressed", "heat", "offset"], device)
        self.margin = margin

    def __call__(self, frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        points = self._look(frame, boxes)
        cut = np.flatnonzero(boxes[:, 1] <= _CUT * frame.shape[0])
        whole = boxes[cut].copy()
        whole[:, 1] -= _MISSING * (whole[:, 3] - whole[:, 1])
        again = self._look(frame, whole)
        better = surest(again, _LEGS) > surest(points[cut], _LEGS)
        points[cut[better]] = again[better]
        return points

    def _look(self, frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        pictures, places = squares(frame, boxes, _SIDE, self.margin)
        joints = [self._joints(picture) for picture in pictures]
        points = np.stack(joints) if joints else np.zeros((0, 17, 3), np.float32)
        points[..., :2] = points[..., :2] * (places[:, None, 2:] / _SIDE) + places[:, None, :2]
        return points

    def _joints(self, picture: np.ndarray) -> np.ndarray:
        """float32 [17,3] in the picture, x, y, score: the decoder of the original graph, with its constants."""
        centre, regressed, heat, offset = (one[0] for one in self.network(picture.transpose(2, 0, 1)[None]))
        cells = np.mgrid[:_CELLS, :_CELLS].astype(np.float32)
        likely = centre[0] / (np.hypot(*(cells - (_CELLS - 1) / 2)) + 8)
        y, x = divmod(int(likely.argmax()), _CELLS)
        expected = regressed[:, y, x].reshape(17, 2) + np.array([y, x])
        away = np.linalg.norm(cells[None] - expected[:, :, None, None], axis=1)
        rows, columns = np.divmod((heat / (away + 1.8)).reshape(17, -1).argmax(axis=1), _CELLS)
        joints = np.arange(17)
        exact = (
            np.column_stack([columns, rows])
            + offset.reshape(17, 2, _CELLS, _CELLS)[joints, ::-1, rows, columns]
        )
        return np.column_stack([exact * _SIDE / _CELLS, heat[joints, rows, columns]]).astype(np.float32)


def surest(joints: np.ndarray, count: int) -> np.ndarray:
    """[N]: the mean score of so many joints of each of [N,17,3] as are surest."""
    return np.asarray(np.sort(joints[:, :, 2], axis=1)[:, -count:].mean(axis=1))
