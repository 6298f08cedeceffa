"""What the cue models see in one frame. Boxes are x0 y0 x1 y1 in pixels; N may be 0."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PoseDetections:
    """boxes float32 [N,4], scores float32 [N], keypoints float32 [N,17,3] (COCO order: x, y in pixels, score)."""

    boxes: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray


@dataclass(frozen=True)
class InstanceMasks:
    """boxes float32 [N,4], scores float32 [N], masks bool [N,H,W] at the frame's resolution."""

    boxes: np.ndarray
    scores: np.ndarray
    masks: np.ndarray
