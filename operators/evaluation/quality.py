"""How good is what was made, beside the source? Inside the mask, as outside it is the source."""

from collections.abc import Iterator

import cv2
import numpy as np

from operators.evaluation.before import Before
from operators.evaluation.warping import warped_difference

_FROZEN = 0.05  # of the source's change from frame to frame
Measures = Iterator[tuple[str, float, float]]  # name, numerator, denominator


def quality(output: np.ndarray, before: Before) -> Measures:
    """Of uint8 [T,H,W,3] frames, each over what the source has of it; 1 is as the source.

    warping    change from frame to frame beyond the source's motion
    flicker    second difference in time
    sharpness  standard deviation of the Laplacian
    seam       gradient across the mask's edge
    frozen     share of the frames in which the inside stands still where the source moves (0 is as the source)
    """
    source, mask = before.frames, before.mask
    for t, motion in before.flows.items():
        inside = mask[t] & mask[t - 1]
        if inside.any():
            made, real = (
                _mean(warped_difference(one[t - 1], one[t], motion), inside) for one in (output, source)
            )
            yield "warping", made, real
            still, moved = (
                _mean(cv2.absdiff(one[t - 1], one[t]).mean(2), inside) for one in (output, source)
            )
            yield "frozen", float(still < _FROZEN * moved), 1.0
        if t + 1 < len(source) and (inside & mask[t + 1]).any():
            made, real = (_mean(_second(one, t), inside & mask[t + 1]) for one in (output, source))
            yield "flicker", made, real
    for t in before.moments:
        if mask[t].any():
            edge = cv2.morphologyEx(mask[t].astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
            lumas = [cv2.cvtColor(one[t], cv2.COLOR_RGB2GRAY) for one in (output, source)]
            made, real = (float(cv2.Laplacian(one, cv2.CV_32F)[mask[t]].std()) for one in lumas)
            yield "sharpness", made, real
            made, real = (_mean(_gradient(one), edge) for one in lumas)
            yield "seam", made, real


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].mean())


def _second(frames: np.ndarray, t: int) -> np.ndarray:
    past, now, next_ = (frames[i].astype(np.float32) for i in (t - 1, t, t + 1))
    return np.abs(past - 2 * now + next_).mean(2)


def _gradient(luma: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
