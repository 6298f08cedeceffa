"""Who is still the source's? Every person in every frame, against the frames that are published."""

import cv2
import numpy as np

from operators.gates.source_copy import EQUAL, PATCH, luma

_SHADE = 6.0  # levels by which the colour of a patch may differ; H.264 at crf 20 stays below in 999 of 1000
_TEXTURED = 6.0  # levels of luma standard deviation within a patch: that is known again whatever its colour
EXPOSED = 0.1  # share of somebody's pixels that is left original from which she is exposed in a frame


def exposure(
    output: np.ndarray, source: np.ndarray, masks: np.ndarray
) -> list[tuple[int, int, int, int, int]]:
    """(person, frame, height in px, pixels, pixels left original) of everybody in every frame.

    output, source uint8 [T,H,W,3]; masks int [T,H,W], 0 nobody, i person i. A pixel is original if the patch around it
    is the source's: of luma, and of flat cloth, of which any of the same lightness would be, of colour, too. Cloth of
    the same shade counts by chance. A person's outermost two pixels are left out, as they show background as often; of
    somebody who has no others all count.
    """
    found = []
    for t, (after, before, people) in enumerate(zip(output, source, masks, strict=True)):
        there = [int(number) for number in np.unique(people) if number]
        if there:
            same = _original(after, before)
        for number in there:
            body = people == number
            rows = np.flatnonzero(body.any(axis=1))
            inner = cv2.erode(body.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            body = inner if inner.any() else body
            counts = int(body.sum()), int((same & body).sum())
            found.append((number, t, int(rows[-1] - rows[0] + 1), *counts))
    return found


def _original(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """bool [H,W]: where a frame uint8 [H,W,3] shows what another does."""
    light = luma(before)
    same = _around(np.abs(luma(after) - light)) < EQUAL
    shades = (cv2.cvtColor(one, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) for one in (after, before))
    shade = np.abs(_around(np.subtract(*shades))).max(axis=2) < _SHADE
    spread = np.sqrt(np.maximum(_around(light * light) - _around(light) ** 2, 0))
    return np.asarray(same & (shade | (spread > _TEXTURED)))


def _around(values: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.blur(values, (PATCH, PATCH)))
