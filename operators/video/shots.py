"""Where a video cuts from one scene to another: across that nobody is followed, and no background is taken."""

from itertools import pairwise

import cv2
import numpy as np

_SIZE = 64, 36
_CHANGE = 25.0  # levels of mean change; whoever walks by or a camera that is moved changes less than
_SUDDEN = 3.0  # times what is usual in the frames around
_AROUND = 4  # frames


def shots(frames: np.ndarray) -> list[tuple[int, int]]:
    """First frame of each shot of uint8 [T,H,W,3], and the one after its last; together they are all frames.

    A cut is a change of the whole picture that stands out from the changes around it. Fades and slow dissolves are not
    found: there, two scenes are one shot.
    """
    small = [cv2.resize(frame, _SIZE, interpolation=cv2.INTER_AREA).astype(np.int16) for frame in frames]
    changes = np.array([0.0] + [np.abs(b - a).mean() for a, b in pairwise(small)])
    starts = [0]
    for t in np.flatnonzero(changes > _CHANGE).tolist():
        near = np.r_[changes[max(1, t - _AROUND) : t], changes[t + 1 : t + 1 + _AROUND]]
        if changes[t] > _SUDDEN * np.median(near) if len(near) else True:
            starts.append(t)
    return list(zip(starts, [*starts[1:], len(frames)], strict=True))
