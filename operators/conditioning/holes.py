"""Masks without holes: what a mask encloses is of the same person, or too little to be worth keeping."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from schemas.cues import Patch, Patches
from schemas.track import Track

_LARGEST = 0.05  # of the mask's own area: more is a piece of the scene


def cover_holes(people: Sequence[Track]) -> list[Track]:
    """The tracks with masks that also cover what each of them encloses, alone or with the frame's edge.

    A mask made of a body and of what a witness boxed beside it leaves corners between the two, in which hair or a hand
    is left. Bodies stay as they are.
    """
    return [replace(track, masks=_whole(track.masks)) for track in people]


def _whole(masks: Patches) -> Patches:
    """Every frame's without holes."""
    return replace(masks, frames=tuple(_filled(patch, masks.size) for patch in masks.frames))


def _filled(mask: Patch, size: tuple[int, int]) -> Patch:
    """A mask and all small parts of the rest of the frame, but for the largest, which is the scene."""
    x, y, height, width = _window(mask, size)
    inside = mask.within(x, y, height, width)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~inside).view(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    # All that lies beyond the window is one part, to which every side of it within the frame belongs.
    areas[labels[0, 0] if x or y else labels[-1, -1]] += size[0] * size[1] - inside.size
    areas[0] = np.inf  # the mask itself
    small = areas <= _LARGEST * mask.area
    if len(areas) > 1:
        small[1 + int(areas[1:].argmax())] = False
    return Patch.of(inside | small[labels], x, y) if small.any() else mask


def _window(mask: Patch, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """x, y, height, width of what is to be looked at: the mask and a pixel around it, or all of the frame where the
    rest of it may be in several parts, or so little that it counts as a hole."""
    height, width = size
    x0, y0, x1, y1 = mask.box
    divided = x1 - x0 == width or y1 - y0 == height
    if divided or height * width - mask.inside.size <= _LARGEST * mask.area:
        return 0, 0, height, width
    left, top, right, bottom = Patch.of_box(np.array([x0 - 1, y0 - 1, x1 + 1, y1 + 1]), size).box
    return left, top, bottom - top, right - left
