"""How a network is shown a frame: as a whole at some size, in tiles at native resolution, or person by person."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from operators.models.boxes import surest_once
from operators.models.runtime.tiles import tiles
from schemas.cues import PersonBoxes

_STRIDE = 32  # sides of a network's input are multiples of it
_EDGE = 2  # px; a box that ends so near to a tile's edge goes on beyond it
_SAME_IOU = 0.6  # of two boxes of one person


@dataclass(frozen=True)
class Framed:
    """A part of a frame, scaled.

    picture  uint8 [h,w,3] RGB, padded on the right and below
    scale    float32 [2]: pixels of the picture for one of the frame, x and y
    corner   float32 [2]: x and y of its left upper pixel in the frame
    inner    float32 [4]: a box that reaches beyond it is cut by a tile's edge that is not the frame's
    """

    picture: np.ndarray
    scale: np.ndarray
    corner: np.ndarray
    inner: np.ndarray

    def in_frame(self, points: np.ndarray) -> np.ndarray:
        """x, y [...,2] of the picture as float32 in the frame."""
        return (points / self.scale + self.corner).astype(np.float32)


def boxed(
    frame: np.ndarray,
    look: Callable[[Framed], tuple[np.ndarray, np.ndarray]],
    long_sides: Sequence[int],
    tile: int,
    pad: int = 0,
) -> list[PersonBoxes]:
    """What a network sees in a frame uint8 [H,W,3], for each of its K classes, surest first, each thing once.

    `look` gives boxes in the look's picture, as corners [N,2,2], and scores [N,K], 0 where a box is not of a class. The
    frame is shown to it scaled to each of `long_sides`; one of more than `tile` px also as it is, in tiles of that size
    which share a quarter.
    """
    boxes, scores = [], []
    for one in _looks(frame, long_sides, tile, pad):
        corners, sure = look(one)
        found = one.in_frame(corners).reshape(-1, 4)
        whole = ((found[:, :2] >= one.inner[:2]) & (found[:, 2:] <= one.inner[2:])).all(axis=1)
        boxes.append(found[whole])
        scores.append(sure[whole])
    every = np.clip(np.concatenate(boxes), 0, np.array([frame.shape[1], frame.shape[0]] * 2, np.float32))
    return [_once(every[score > 0], score[score > 0]) for score in np.concatenate(scores).T]


def _once(boxes: np.ndarray, scores: np.ndarray) -> PersonBoxes:
    kept = surest_once(boxes, scores, _SAME_IOU)
    return PersonBoxes(boxes[kept], scores[kept])


def _looks(frame: np.ndarray, long_sides: Sequence[int], tile: int, pad: int) -> Iterator[Framed]:
    height, width = frame.shape[:2]
    everything = np.array([-np.inf] * 2 + [np.inf] * 2)
    for side in long_sides:
        yield _look(frame, side / max(height, width), pad, np.zeros(2), everything)
    if max(height, width) <= tile:
        return
    for rows, columns in tiles(height, width, tile, tile // 4):
        low = [at.start + _EDGE if at.start else -np.inf for at in (columns, rows)]
        high = [
            at.stop - _EDGE if at.stop < end else np.inf for at, end in ((columns, width), (rows, height))
        ]
        corner = np.array([columns.start, rows.start])
        yield _look(frame[rows, columns], 1.0, pad, corner, np.array(low + high))


def _look(part: np.ndarray, scale: float, pad: int, corner: np.ndarray, inner: np.ndarray) -> Framed:
    height, width = (max(1, round(side * scale)) for side in part.shape[:2])
    exact = np.array([width / part.shape[1], height / part.shape[0]], np.float32)
    if (height, width) != part.shape[:2]:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        part = cv2.resize(part, (width, height), interpolation=how)
    bottom, right = -height % _STRIDE, -width % _STRIDE
    picture = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(pad,) * 3)
    return Framed(picture, exact, corner.astype(np.float32), inner.astype(np.float32))


def squares(frame: np.ndarray, boxes: np.ndarray, side: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Upright squares around boxes float32 [N,4]: uint8 [N,side,side,3], black outside the frame, and their places.

    A square is `margin` times the box's longer side. Places are int [N,3]: x and y of its left upper pixel in the
    frame, and its side there.
    """
    sides = np.ceil((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1) * margin)
    corners = np.round((boxes[:, :2] + boxes[:, 2:] - sides[:, None]) / 2)
    places = np.column_stack([corners, sides]).astype(int)
    pictures = np.zeros((len(boxes), side, side, 3), np.uint8)
    for picture, (x, y, length) in zip(pictures, places.tolist(), strict=True):
        square, left, top = np.zeros((length, length, 3), np.uint8), max(0, -x), max(0, -y)
        part = frame[max(0, y) : max(0, y + length), max(0, x) : max(0, x + length)]
        square[top : top + part.shape[0], left : left + part.shape[1]] = part
        how = cv2.INTER_AREA if length > side else cv2.INTER_LINEAR
        cv2.resize(square, (side, side), dst=picture, interpolation=how)
    return pictures, places


def turned(
    frame: np.ndarray, middle: np.ndarray, length: float, turn: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """A square of the frame, turned clockwise by `turn` radians: uint8 [side,side,3], black outside the frame, and
    float64 [2,3], which takes x, y, 1 there to x, y of the frame. It lies around `middle` [2], `length` px a side."""
    cosine, sine = np.cos(turn) * length / side, np.sin(turn) * length / side
    axes = np.array([[cosine, -sine], [sine, cosine]])
    back = np.column_stack([axes, middle - axes @ [side / 2, side / 2]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, back, (side, side), flags=how), back


def taken_back(points: np.ndarray, back: np.ndarray) -> np.ndarray:
    """x, y and a score [...,3] of what `turned` gave, as float32 in the frame."""
    places = points[..., :2] @ back[:, :2].T + back[:, 2]
    return np.concatenate([places, points[..., 2:]], axis=-1).astype(np.float32)
