"""2D pose of every person in every frame: ultralytics YOLO pose."""

from pathlib import Path

import numpy as np

from operators.models.runtime.finite import finite
from operators.models.runtime.yolo import Yolo
from schemas.cues import PoseDetections


class PoseEstimator:
    """Frames uint8 [T,H,W,3] RGB -> T PoseDetections.

    Raises UserError for unusable weights, ValueError if the model's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        image_size: int = 1280,
        device: str = "cpu",
        batch: int = 8,
    ) -> None:
        self.yolo = Yolo(weights, "pose", image_size, device, batch, confidence)

    def __call__(self, frames: np.ndarray) -> list[PoseDetections]:
        detections = []
        for result in self.yolo.results(frames):
            points = finite(result.keypoints.data).reshape(len(result.boxes), 17, 3)
            detections.append(PoseDetections(finite(result.boxes.xyxy), finite(result.boxes.conf), points))
        return detections
