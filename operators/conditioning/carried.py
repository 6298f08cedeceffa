"""What lies on a person, or is carried by one, belongs to that person: to the mask, and is never painted over."""

from collections.abc import Sequence

import numpy as np

from schemas.cues import Patch
from schemas.track import Track

_ON = 0.5  # share of a rectangle within somebody's mask from which on it is theirs


def carried(
    people: Sequence[Track], painted: np.ndarray, shape: tuple[int, ...]
) -> tuple[list[Track], np.ndarray]:
    """Tracks whose masks hold the things on them, and the rectangles int32 [N,6] that are left to `paint`.

    A rectangle most of which lies in one person's mask, in the T frames of `shape` [T,H,W], joins it: lettering on
    clothes, a badge, a bag. A black box there would hide the person from whoever looks next, and show where they are.
    """
    joined = list(people)
    left = []
    for row in painted.tolist():
        t, place = row[1], Patch.of_box(np.array(row[2:]), shape[1:])
        shares = [(track.mask_at(t) & place).area / max(1, place.area) for track in joined]
        if 0 <= t < shape[0] and max(shares, default=0.0) >= _ON:
            who = int(np.argmax(shares))
            joined[who] = joined[who].covering(t, place)
        else:
            left.append(row)
    return joined, np.array(left, np.int32).reshape(-1, 6)
