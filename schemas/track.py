"""One person followed through a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Track:
    """One person over the frames `first` .. `first + N - 1` of a clip's window.

    body       bool [N,H,W]: what was detected (or filled in between detections); may be empty in frames
               that the union over neighbours reaches into
    mask       bool [N,H,W]: `body` joined over neighbouring frames and dilated; what gets regenerated
    keypoints  float32 [N,K,3], K as in PoseDetections, x, y in pixels and score; score 0 where nothing is known
    """

    number: int
    first: int
    body: np.ndarray
    mask: np.ndarray
    keypoints: np.ndarray


def union(people: Sequence[Track], name: Literal["body", "mask"], shape: tuple[int, ...]) -> np.ndarray:
    """bool [T,H,W] of `shape`: everybody's `body` or `mask`."""
    joined = np.zeros(shape, bool)
    for track in people:
        joined[track.first : track.first + len(track.mask)] |= getattr(track, name)
    return joined
