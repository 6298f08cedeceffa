"""What lies on a person, or is carried by one, belongs to that person: to the mask, and is never painted over."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

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
        t, x0, y0, x1, y1 = row[1], *(max(0, side) for side in row[2:])
        shares = [_share(track, t, (x0, y0, x1, y1)) for track in joined]
        if 0 <= t < shape[0] and max(shares, default=0.0) >= _ON:
            who = int(np.argmax(shares))
            if joined[who] is people[who]:
                joined[who] = replace(people[who], mask=people[who].mask.copy())
            joined[who].mask[t - people[who].first, y0:y1, x0:x1] = True
        else:
            left.append(row)
    return joined, np.array(left, np.int32).reshape(-1, 6)


def _share(track: Track, t: int, box: tuple[int, int, int, int]) -> float:
    """Of the box x0 y0 x1 y1 within somebody's mask in frame t."""
    if not track.is_at(t):
        return 0.0
    x0, y0, x1, y1 = box
    part = track.mask[t - track.first, y0:y1, x0:x1]
    return float(part.mean()) if part.size else 0.0
