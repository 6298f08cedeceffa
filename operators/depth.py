"""Relative depth of every frame: ultralytics YOLO depth."""

from pathlib import Path

import cv2
import numpy as np

from operators.yolo import Yolo, finite


class DepthEstimator:
    """Frames uint8 [T,H,W,3] RGB -> inverse depth float32 [T,H,W], near = large, in no particular unit.

    Raises ValueError if the model's output is not finite.
    """

    def __init__(self, weights: str | Path, image_size: int = 640, device: str = "cpu", batch: int = 8) -> None:
        self.yolo = Yolo(weights, "depth", image_size, device, batch, 0.25)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        height, width = frames.shape[1:3]
        maps = [finite(result.depth.data).squeeze() for result in self.yolo.results(frames)]
        metres = np.stack([cv2.resize(map_, (width, height), interpolation=cv2.INTER_LINEAR) for map_ in maps])
        return 1 / np.maximum(metres, 1e-3)
