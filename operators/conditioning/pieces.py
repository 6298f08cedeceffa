"""Pieces of something near somebody: where to look for them, and which of them end there."""

import cv2
import numpy as np

from schemas.cues import Patch

Sides = tuple[bool, bool, bool, bool]  # top, bottom, left, right


def around(box: np.ndarray, far: int) -> tuple[slice, slice]:
    """Rows and columns of a frame up to `far` px around a box int x0 y0 x1 y1."""
    x0, y0, x1, y1 = box.tolist()
    return slice(max(0, y0 - far), max(0, y1 + far)), slice(max(0, x0 - far), max(0, x1 + far))


def pieces(found: np.ndarray, smallest: float, beyond: Sides = (True,) * 4) -> np.ndarray:
    """bool [h,w]: the connected pieces of `found`, of the same shape, that are large enough (px) and end within it.

    What touches a side goes on there, unless nothing lies `beyond` that side.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    (height, width), kept = found.shape, np.zeros(count, bool)
    for number in range(1, count):
        x, y, wide, high, area = stats[number]
        touched = y == 0, y + high == height, x == 0, x + wide == width
        goes_on = any(side and more for side, more in zip(touched, beyond, strict=True))
        kept[number] = area >= smallest and not goes_on
    return np.asarray(kept[labels])


def apart(found: np.ndarray) -> list[Patch]:
    """Each connected piece of a bool [H,W]."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8))
    places = (Patch(int(x), int(y), np.ones((high, wide), bool)) for x, y, wide, high, _ in stats[1:])
    return [
        Patch(place.x, place.y, labels[place.window] == number)
        for number, place in enumerate(places, start=1)
    ]
