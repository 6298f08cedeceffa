"""Masks over the parts of somebody that stick out of theirs."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from operators.conditioning.track import dilate
from operators.gates.people import Detector, look
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
            x0, y0, x1, y1 = patch.box
            parts[max(0, t - _SPREAD) : t + _SPREAD + 1, y0:y1, x0:x1] |= patch.inside
    return take_in(people, parts, policy)


def take_in(people: Sequence[Track], parts: np.ndarray, policy: MaskPolicy) -> list[Track]:
    """The tracks with each connected piece of `parts` bool [T,H,W], dilated, in the mask of whoever's is nearest.

    Whom none is nearest to stays the same track: masks of a crowd in large frames take gigabytes.
    """
    covered = list(people)
    for t in np.flatnonzero(parts.any(axis=(1, 2))).tolist():
        count, labels = cv2.connectedComponents(parts[t].astype(np.uint8))
        for part in (labels == number for number in range(1, count)):
            owner = _nearest(part, people, t)
            if owner is not None:
                if covered[owner] is people[owner]:
                    covered[owner] = replace(people[owner], mask=people[owner].mask.copy())
                covered[owner].mask[t - people[owner].first] |= dilate(part, policy.dilate_px)
    return covered


def _nearest(part: np.ndarray, people: Sequence[Track], t: int) -> int | None:
    """Index of the track whose mask in frame t is nearest to a part bool [H,W]; None if nobody is there."""
    away = cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distances = {
        i: float(away[track.mask[t - track.first]].min())
        for i, track in enumerate(people)
        if track.is_at(t) and track.mask[t - track.first].any()
    }
    return min(distances, key=lambda i: distances[i], default=None)
