"""One person followed through a clip."""

from dataclasses import dataclass

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
