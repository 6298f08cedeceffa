"""Who is still the source's? Every person in every frame, against the frames that are published."""

import cv2
import numpy as np

from operators.gates.source_copy import EQUAL, PATCH, luma

EXPOSED = 0.1  # share of somebody's pixels that is left original from which she is exposed in a frame


def exposure(
    output: np.ndarray, source: np.ndarray, masks: np.ndarray
) -> list[tuple[int, int, int, int, int]]:
    """(person, frame, height in px, pixels, pixels left original) of everybody in every frame.

    output, source uint8 [T,H,W,3]; masks int [T,H,W], 0 nobody, i person i. A pixel is original if the patch around it
    is the source's: of luma, as H.264 halves the resolution of colour, and of flat cloth as well as textured, unlike
    the copy gate, so cloth of the same shade counts by chance. A person's outermost two pixels are left out, as they
    show background as often; of somebody who has no others all count.
    """
    found = []
    for t, (after, before, people) in enumerate(zip(output, source, masks, strict=True)):
        there = [int(number) for number in np.unique(people) if number]
        if there:
            same = cv2.blur(np.abs(luma(after) - luma(before)), (PATCH, PATCH)) < EQUAL
        for number in there:
            body = people == number
            rows = np.flatnonzero(body.any(axis=1))
            inner = cv2.erode(body.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            body = inner if inner.any() else body
            counts = int(body.sum()), int((same & body).sum())
            found.append((number, t, int(rows[-1] - rows[0] + 1), *counts))
    return found
