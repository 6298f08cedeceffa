"""Masks without holes: what a mask encloses is of the same person, or too little to be worth keeping."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from schemas.track import Track

_LARGEST = 0.05  # of the mask's own area: more is a piece of the scene


def cover_holes(people: Sequence[Track]) -> list[Track]:
    """The tracks with masks that also cover what each of them encloses, alone or with the frame's edge.

    A mask made of a body and of what a witness boxed beside it leaves corners between the two, in which hair or a hand
    is left. Bodies stay as they are.
    """
    return [_whole(track) for track in people]


def _whole(track: Track) -> Track:
    """The track, or one with another mask if anything was to be covered."""
    mask = track.mask
    for t, frame in enumerate(track.mask):
        filled = _filled(frame)
        if not np.array_equal(filled, frame):
            mask = track.mask.copy() if mask is track.mask else mask
            mask[t] = filled
    return track if mask is track.mask else replace(track, mask=mask)


def _filled(mask: np.ndarray) -> np.ndarray:
    """A bool [H,W] and all small parts of the rest of the frame, but for the largest, which is the scene."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = np.inf  # the mask itself
    small = areas <= _LARGEST * mask.sum()
    if len(areas) > 1 and not mask.all():
        small[1 + int(areas[1:].argmax())] = False
    return np.asarray(mask | small[labels])
