"""Whose joints are those of somebody else, in whose box they fit better?"""

import numpy as np

from operators.models.boxes import box_iou

_KNOWN = 0.3  # score of a joint that counts
_SAME = 0.08  # of the longer side of the other's box: two people's own joints are further apart
_MOST = 0.6  # share of the known joints: of two people mixed up in a look at both, each keeps their own
_BEYOND = 0.1  # of the longer side of what joints span, that a body reaches beyond them


def borrowed(joints: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """bool [N]: whether most joints that are known of a person are the same as those of people whom they fit better.

    A close look at a box in which nobody is, or a part of somebody, finds whoever is near: the same limbs again
    speak for nobody else. joints float32 [N,17,3], boxes float32 [N,4].
    """
    known = joints[..., 2] >= _KNOWN
    fit = np.diag(box_iou(boxes, _spans(joints[..., :2], known)))
    apart = np.linalg.norm(joints[:, None, :, :2] - joints[None, :, :, :2], axis=-1)
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1)
    lent = known[None] & (apart <= _SAME * sides[None, :, None]) & (fit[None] > fit[:, None])[..., None]
    return np.asarray((known & lent.any(axis=1)).sum(axis=1) >= _MOST * np.maximum(known.sum(axis=1), 1))


def _spans(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """float32 [N,4]: the boxes of whom known joints are of; empty where none is known."""
    low = np.where(known[..., None], places, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known[..., None], places, -np.inf).max(axis=1, initial=-np.inf)
    margin = _BEYOND * (high - low).max(axis=1, keepdims=True, initial=0)
    spans = np.concatenate([low - margin, high + margin], axis=1)
    return np.where(known.any(axis=1, keepdims=True), spans, 0).astype(np.float32)
