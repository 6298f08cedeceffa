"""Relative depth of every frame: ultralytics YOLO depth."""

from pathlib import Path

import numpy as np

from operators.models.runtime.finite import finite
from operators.models.runtime.yolo import Yolo


class DepthEstimator:
    """Frames uint8 [T,H,W,3] RGB -> inverse depth float32 [T,H,W], near = large, in no particular unit.

    Raises UserError for unusable weights, ValueError if the model's output is not finite.
    """

    def __init__(
        self, weights: str | Path, image_size: int = 640, device: str = "cpu", batch: int = 8
    ) -> None:
        self.yolo = Yolo(
            weights, "depth", image_size, device, batch, confidence=0.25
        )  # no detections, no effect

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        metres = [
            finite(result.depth.data).reshape(frames.shape[1:3]) for result in self.yolo.results(frames)
        ]
        return 1 / np.maximum(np.stack(metres), 1e-3)
