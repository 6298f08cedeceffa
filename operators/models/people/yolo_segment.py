"""Instance masks of every person in every frame: ultralytics YOLO segmentation."""

from pathlib import Path

import numpy as np

from operators.models.runtime.finite import finite
from operators.models.runtime.yolo import Yolo
from schemas.cues import InstanceMasks, Patch


class PersonSegmenter:
    """Frames uint8 [T,H,W,3] RGB -> T InstanceMasks.

    Raises UserError for unusable weights, ValueError if the model's output is not finite.
    Every frame is looked at on its own: whoever enters later is found, which prompting on frame 0 misses.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        image_size: int = 1280,
        device: str = "cpu",
        batch: int = 8,
    ) -> None:
        self.yolo = Yolo(weights, "segment", image_size, device, batch, confidence)
        self.yolo.options |= {"retina_masks": True, "classes": [0]}  # class 0 is person, in COCO too

    def __call__(self, frames: np.ndarray) -> list[InstanceMasks]:
        size, detections = frames.shape[1:3], []
        for result in self.yolo.results(frames):
            boxes, scores = finite(result.boxes.xyxy), finite(result.boxes.conf)
            masks = () if result.masks is None else result.masks.data.cpu().numpy()
            if [mask.shape for mask in masks] != [size] * len(boxes):
                raise ValueError(f"{len(masks)} masks for {len(boxes)} boxes in frames of {size}")
            detections.append(InstanceMasks(boxes, scores, [Patch.of(mask > 0) for mask in masks]))
        return detections
