"""Loading and running an ultralytics model: offline, silent, at native resolution."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from operators.models.runtime.finite import check_finite
from operators.weights import vouched
from schemas.errors import UserError

_STRIDE = 32  # sides of the model's input are multiples of it


class Yolo:
    """One checkpoint of ultralytics' format. `results(frames)` yields its result for every frame.

    Frames are seen at native resolution up to a longer side of `image_size` px; larger ones are scaled down.
    Raises UserError if the checkpoint is missing, unreadable or made for another task.
    """

    def __init__(
        self, weights: str | Path, task: str, image_size: int, device: str, batch: int, confidence: float
    ) -> None:
        from ultralytics import YOLO  # slow to import, and only actors need it

        remedy = "Name an existing ultralytics checkpoint of this task in the profile"
        if not Path(weights).is_file():
            raise UserError(str(weights), f"{task} weights not found", remedy)
        if (
            Path(weights).suffix != ".pt"
        ):  # ultralytics makes random weights of YAML, and runs what other formats hold
            raise UserError(str(weights), "is no .pt", remedy)
        file = vouched(weights)
        try:
            self.model = YOLO(str(file))
        except Exception as error:  # whatever unpickling somebody's file raises
            raise UserError(str(weights), f"not a checkpoint ({type(error).__name__})", remedy) from error
        if self.model.task != task:
            raise UserError(str(weights), f"made for {self.model.task}, not for {task}", remedy)
        self.image_size, self.batch = image_size, batch
        self.options: dict[str, Any] = {
            "device": device,
            "conf": confidence,
            "verbose": False,
            "max_det": 300,
        }
        self.model.add_callback("on_predict_start", _watch)

    def results(self, frames: np.ndarray) -> Iterator[Any]:
        """frames uint8 [T,H,W,3] RGB -> one ultralytics result each, in order."""
        for start in range(0, len(frames), self.batch):
            # ultralytics takes arrays as OpenCV reads them: blue first.
            pictures = [
                np.ascontiguousarray(frame[..., ::-1]) for frame in frames[start : start + self.batch]
            ]
            yield from self.model.predict(pictures, imgsz=self.input_size(*frames.shape[1:3]), **self.options)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the model sees a frame: as it is, or smaller, up to the next stride."""
        scale = min(1.0, self.image_size / max(height, width))
        return _up(height * scale), _up(width * scale)


def _watch(predictor: Any) -> None:
    """Check what the network says before detections are picked: NaN passes no threshold, so nobody would be found."""
    if not predictor.model._forward_hooks:
        predictor.model.register_forward_hook(lambda _module, _inputs, output: check_finite(output))


def _up(side: float) -> int:
    return -(-round(side) // _STRIDE) * _STRIDE
