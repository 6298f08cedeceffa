"""The copy test: does the output reproduce the source where it must not?"""

import cv2
import numpy as np

_PATCH = 5  # px
_TEXTURED = 6.0  # levels of luma standard deviation within a patch: flat cloth equals flat cloth by chance
_EQUAL = (
    4.0  # mean absolute luma difference below which a patch counts as copied; H.264 at crf 18 stays below
)


def copied_share(output: np.ndarray, source: np.ndarray, region: np.ndarray, offset: int) -> float:
    """Largest share, over frames, of textured pixels in `region` whose surroundings equal the source's.

    output uint8 [N,H,W,3]; source uint8 [offset+N,H,W,3]; region bool [N,H,W]. Each output frame is compared
    with its own source frame and both neighbours, which catches passed-through and off-by-one frames. The
    region's outermost two pixels are left out: they show background as often as a person. A region without
    texture is judged on all its pixels. 0 where the region is empty everywhere.
    """
    inner = [cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for mask in region]
    luma_out = [_luma(frame) for frame in output]
    luma_source = [_luma(frame) for frame in source]
    worst = 0.0
    for t, body in enumerate(inner):
        if not body.any():
            continue
        for s in range(max(0, offset + t - 1), min(len(source), offset + t + 2)):
            worst = max(worst, _copied(luma_out[t], luma_source[s], body))
    return worst


def _copied(output: np.ndarray, source: np.ndarray, body: np.ndarray) -> float:
    mean = cv2.blur(source, (_PATCH, _PATCH))
    spread = np.sqrt(np.maximum(cv2.blur(source * source, (_PATCH, _PATCH)) - mean * mean, 0))
    textured = body & (spread > _TEXTURED)
    judged = textured if textured.sum() >= _PATCH * _PATCH else body
    difference = cv2.blur(np.abs(output - source), (_PATCH, _PATCH))
    return float((difference[judged] < _EQUAL).mean())


def _luma(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
