"""Loading and running an ultralytics model: offline, silent, at native resolution."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import UserError

os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # never install or fetch anything while a job runs
os.environ.setdefault("YOLO_OFFLINE", "true")


class Yolo:
    """One checkpoint of ultralytics' format. `results(frames)` yields its result for every frame."""

    def __init__(self, weights: str | Path, task: str, image_size: int, device: str, batch: int, confidence: float) -> None:
        from ultralytics import YOLO  # slow to import, and only actors need it

        if not Path(weights).is_file():
            raise UserError(str(weights), f"{task} weights not found", "Name an existing checkpoint in the profile")
        self.model = YOLO(str(weights), task=task)
        self.image_size, self.batch = image_size, batch
        self.options: dict[str, Any] = {"device": device, "conf": confidence, "verbose": False, "max_det": 300}

    def results(self, frames: np.ndarray) -> Iterator[Any]:
        """frames uint8 [T,H,W,3] RGB -> one ultralytics result each, in order."""
        side = min(self.image_size, -(-max(frames.shape[1:3]) // 32) * 32)
        for start in range(0, len(frames), self.batch):
            # ultralytics takes arrays as OpenCV reads them: blue first.
            pictures = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames[start : start + self.batch]]
            yield from self.model.predict(pictures, imgsz=side, **self.options)


def finite(array: Any) -> np.ndarray:
    """A tensor as float32 numpy; ValueError for NaN or infinity."""
    values = np.asarray(array.cpu(), np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a cue model's output is not finite")
    return values
