"""The copy test: does the output reproduce the source where it must not?"""

from collections.abc import Sequence

import cv2
import numpy as np

from schemas.certificate import Gate

PATCH = 5  # px
_TEXTURED = 6.0  # levels of luma standard deviation within a patch: flat cloth equals flat cloth by chance
EQUAL = 4.0  # mean absolute luma difference below which a patch counts as copied; H.264 at crf 20 stays below in 98 %


def source_copy(
    output: np.ndarray,
    source: np.ndarray,
    regions: Sequence[np.ndarray],
    offset: int,
    most: float,
    name: str = "copy",
) -> Gate:
    """At most the share `most` of each region may be the source's; arguments as of `copied_share`. A small region
    beside a large one is asked on its own, or it would hardly count."""
    share = float(np.max([copied_share(output, source, region, offset) for region in regions]))
    return Gate.at_most(name, share, most)


def copied_share(output: np.ndarray, source: np.ndarray, region: np.ndarray, offset: int) -> float:
    """Largest share, over frames, of textured pixels in `region` whose surroundings equal the source's.

    output uint8 [N,H,W,3]; source uint8 [offset+N,H,W,3]; region bool [N,H,W]. Each source frame is looked for, where
    its region is, in its own output frame and both neighbours, which catches passed-through and off-by-one frames. The
    region's outermost two pixels are left out: they show background as often as a person. A region without
    texture is judged on all its pixels. 0 where the region is empty everywhere.
    """
    worst = 0.0
    for s, mask in enumerate(region):
        body = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if not body.any():
            continue
        part = _surroundings(body)
        inside, shown = body[part], luma(source[offset + s][part])
        for t in range(max(0, s - 1), min(len(output), s + 2)):
            worst = max(worst, _copied(luma(output[t][part]), shown, inside))
    return worst


def _surroundings(body: np.ndarray) -> tuple[slice, slice]:
    """The rectangle that holds `body` bool [H,W] and all that a patch around one of its pixels covers."""
    spans = [np.flatnonzero(body.any(axis=axis)) for axis in (1, 0)]
    rows, columns = [slice(max(0, int(span[0]) - PATCH), int(span[-1]) + PATCH + 1) for span in spans]
    return rows, columns


def _copied(output: np.ndarray, source: np.ndarray, body: np.ndarray) -> float:
    mean = cv2.blur(source, (PATCH, PATCH))
    spread = np.sqrt(np.maximum(cv2.blur(source * source, (PATCH, PATCH)) - mean * mean, 0))
    textured = body & (spread > _TEXTURED)
    judged = textured if textured.sum() >= PATCH * PATCH else body
    difference = cv2.blur(np.abs(output - source), (PATCH, PATCH))
    return float((difference[judged] < EQUAL).mean())


def luma(frame: np.ndarray) -> np.ndarray:
    """float32 [H,W] of uint8 [H,W,3], 0 to 255."""
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
