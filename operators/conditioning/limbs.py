"""Masks over the parts of somebody that stick out of theirs."""

from collections.abc import Sequence

import cv2
import numpy as np

from operators.conditioning.pieces import apart
from operators.conditioning.track import dilate
from operators.gates.people import Detector, look
from schemas.cues import Patch
from schemas.policy import MaskPolicy
from schemas.track import Track, union

_SPREAD = 2  # frames before and after a sighting in which the mask grows, too


def cover_limbs(
    frames: np.ndarray, people: Sequence[Track], limbs: Detector, policy: MaskPolicy
) -> list[Track]:
    """The tracks with masks that also cover what `limbs` sees beside them in uint8 [T,H,W,3] frames.

    Their bodies stay as they are: the detector is often wrong, and what it takes for somebody's arm is then scenery,
    which nobody has to be drawn over, and which may look like the source behind a mask. For the same reason it looks
    once, and nobody is found by it.
    """
    if not people:
        return []
    shape = frames.shape[:3]
    (seen,) = look((limbs,), frames, union(people, "mask", shape))
    parts = np.zeros(shape, bool)
    for t, found in enumerate(seen):
        for patch in found.masks:
            parts[max(0, t - _SPREAD) : t + _SPREAD + 1, *patch.window] |= patch.inside
    return take_in(people, parts, policy)


def take_in(people: Sequence[Track], parts: np.ndarray, policy: MaskPolicy) -> list[Track]:
    """The tracks with each connected piece of `parts` bool [T,H,W], dilated, in the mask of whoever's is nearest."""
    covered, size = list(people), (parts.shape[1], parts.shape[2])
    for t in np.flatnonzero(parts.any(axis=(1, 2))).tolist():
        for part in apart(parts[t]):
            owner = _nearest(part, people, t)
            if owner is not None:
                covered[owner] = covered[owner].covering(t, dilate(part, size, policy.dilate_px))
    return covered


def _nearest(part: Patch, people: Sequence[Track], t: int) -> int | None:
    """Index of the track whose mask in frame t is nearest to a part; None if nobody is there."""
    masks = [track.mask_at(t) for track in people]
    gaps = sorted((_gap(part, mask), i) for i, mask in enumerate(masks) if mask.area)
    nearest: tuple[float, int | None] = np.inf, None
    for gap, i in gaps:  # no distance is less than that of the boxes
        if gap > nearest[0]:
            break
        nearest = min(nearest, (_distance(part, masks[i]), i))
    return nearest[1]


def _gap(a: Patch, b: Patch) -> int:
    """How far the boxes of two are apart, across or down."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    return max(0, ax0 - bx1, bx0 - ax1, ay0 - by1, by0 - ay1)


def _distance(a: Patch, b: Patch) -> float:
    """From the nearest pixel of one to that of the other."""
    (x0, y0), (x1, y1) = np.minimum(a.box, b.box)[:2].tolist(), np.maximum(a.box, b.box)[2:].tolist()
    first, other = (one.within(x0, y0, y1 - y0, x1 - x0) for one in (a, b))
    away = cv2.distanceTransform((~first).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(away[other].min())
