"""What of a mask shows nobody: the scene that other frames show, too, outside of all masks."""

from collections.abc import Sequence

import cv2
import numpy as np

from operators.actor.background.plate import plate
from operators.gates.source_copy import EQUAL, PATCH, luma

_CODED = 1.5  # what is encoded on the way may come closer to the source than the plate is


def scenery(source: np.ndarray, mask: np.ndarray, shots: Sequence[tuple[int, int]]) -> np.ndarray:
    """bool [T,H,W]: pixels of `mask` bool [T,H,W] around which the source is what other frames show there unmasked.

    source uint8 [T,H,W,3], of which only pixels outside the masks make the comparison's other side: the plate of each
    shot. In those frames detectors and gates found nobody in that place; so nobody is copied where a clip shows it, as
    it rightly does where scenery was taken for somebody for a while, or where a mask reaches beyond a body. Who stands
    before that scenery differs from it, and is not left out.
    """
    same = np.zeros_like(mask)
    for shot in (slice(*ends) for ends in shots):
        if not mask[shot].any():
            continue
        behind = plate(source[shot], mask[shot], patches=False)  # which reads no pixel inside the mask
        for t, asked in enumerate(mask[shot] & ~behind.holes):
            if asked.any():
                part = _around(asked)
                there, shown = luma(behind.frames[t][part]), luma(source[shot][t][part])
                apart = cv2.blur(np.abs(there - shown), (PATCH, PATCH))
                same[shot][t][part] = asked[part] & (apart < _CODED * EQUAL)
    return same


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    """The part of a frame that holds a mask bool [H,W] and a patch's width around it."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(max(0, y - PATCH), y + height + PATCH), slice(max(0, x - PATCH), x + width + PATCH)
