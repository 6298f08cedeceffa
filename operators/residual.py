"""Gate 1: is anyone left in the conditioning?"""

import numpy as np

from operators.extractors import PoseModel
from operators.outcome import Rejected
from schemas.certificate import Gate


def nobody_left(background: np.ndarray, mask: np.ndarray, detect: PoseModel, threshold: float) -> Gate:
    """Look again at the frames with the people taken out.

    background uint8 [T,H,W,3], gray inside `mask` bool [T,H,W]. Whoever is now detected with a box that lies
    mostly outside the mask was missed the first time. Gray silhouettes inside the mask do not count. Frames
    without a mask are unchanged: the first look found nobody there, and would again.
    Raises Rejected if the highest such confidence reaches `threshold`.
    """
    changed = np.nonzero(mask.any(axis=(1, 2)))[0]
    worst = 0.0
    if len(changed):
        for t, found in zip(changed, detect(background[changed]), strict=True):
            for box, score in zip(found.boxes, found.scores, strict=True):
                if _outside(box, mask[t]):
                    worst = max(worst, float(score))
    gate = Gate("nobody left", "confidence of a person outside the mask", worst, threshold, worst < threshold)
    if not gate.passed:
        raise Rejected("somebody may be left in the conditioning", [gate])
    return gate


def _outside(box: np.ndarray, mask: np.ndarray) -> bool:
    x0, y0, x1, y1 = (int(v) for v in np.clip(np.round(box), 0, [mask.shape[1], mask.shape[0]] * 2))
    inside = mask[y0:y1, x0:x1]
    return bool(inside.size) and float(inside.mean()) < 0.5
