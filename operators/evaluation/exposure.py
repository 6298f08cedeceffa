"""Who is still the source's? Every person in every frame, against the frames that are published."""

import cv2
import numpy as np

PATCH = 5  # px
EQUAL = 4.0  # levels: mean absolute difference over a patch and all channels that H.264 at crf 18 stays below
EXPOSED = 0.1  # share of somebody's pixels that is left original from which she is exposed in a frame


def exposure(
    output: np.ndarray, source: np.ndarray, masks: np.ndarray
) -> list[tuple[int, int, int, int, int]]:
    """(person, frame, height in px, pixels, pixels left original) of everybody in every frame.

    output, source uint8 [T,H,W,3]; masks int [T,H,W], 0 nobody, i person i. A pixel is original if the patch around it
    is the source's, in all channels. A person's outermost two pixels are left out, as they show background as often; of
    somebody who has no others all count.
    """
    found = []
    for t, (after, before, people) in enumerate(zip(output, source, masks, strict=True)):
        there = [int(number) for number in np.unique(people) if number]
        if there:
            same = cv2.blur(cv2.absdiff(after, before).astype(np.float32).mean(2), (PATCH, PATCH)) < EQUAL
        for number in there:
            body = people == number
            rows = np.flatnonzero(body.any(axis=1))
            inner = cv2.erode(body.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            body = inner if inner.any() else body
            counts = int(body.sum()), int((same & body).sum())
            found.append((number, t, int(rows[-1] - rows[0] + 1), *counts))
    return found
