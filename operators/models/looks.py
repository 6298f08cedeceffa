"""How a network is shown a frame: as a whole at some size, in tiles at native resolution, or person by person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from operators.models.tiles import tiles

_STRIDE = 32  # sides of a network's input are multiples of it
_EDGE = 2  # px; a box that ends so near to a tile's edge goes on beyond it


@dataclass(frozen=True)
class Look:
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

    def whole(self, boxes: np.ndarray) -> np.ndarray:
        """bool [N]: which boxes [N,4] of the frame are not cut by the tile."""
        return ((boxes[:, :2] >= self.inner[:2]) & (boxes[:, 2:] <= self.inner[2:])).all(axis=1)


def looks(frame: np.ndarray, long_sides: Sequence[int], tile: int, pad: int) -> Iterator[Look]:
    """The frame uint8 [H,W,3] scaled to each longer side; one larger than all of them, also in tiles as it is.

    Tiles of at most `tile` px share a quarter, so that whoever is smaller than that is whole in one of them. `pad` is
    the level of what is added to make sides multiples of 32.
    """
    height, width = frame.shape[:2]
    for side in long_sides:
        yield _look(frame, side / max(height, width), pad, np.zeros(2), np.array([-np.inf] * 2 + [np.inf] * 2))
    if max(height, width) <= max(long_sides):
        return
    for rows, columns in tiles(height, width, tile, tile // 4):
        low = [at.start + _EDGE if at.start else -np.inf for at in (columns, rows)]
        ends = ((columns, width), (rows, height))
        high = [at.stop - _EDGE if at.stop < end else np.inf for at, end in ends]
        corner = np.array([columns.start, rows.start])
        yield _look(frame[rows, columns], 1.0, pad, corner, np.array(low + high))


def _look(part: np.ndarray, scale: float, pad: int, corner: np.ndarray, inner: np.ndarray) -> Look:
    height, width = (max(1, round(side * scale)) for side in part.shape[:2])
    exact = np.array([width / part.shape[1], height / part.shape[0]], np.float32)
    if (height, width) != part.shape[:2]:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        part = cv2.resize(part, (width, height), interpolation=how)
    bottom, right = -height % _STRIDE, -width % _STRIDE
    picture = cv2.copyMakeBorder(part, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(pad,) * 3)
    return Look(picture, exact, corner.astype(np.float32), inner.astype(np.float32))


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
