"""Boxes of every person in every frame: RT-DETR (Zhao et al., CVPR 2024), as transformers has it."""

from pathlib import Path

import numpy as np
import torch

from operators.pretrained import check_finite, load_model, load_processor
from operators.yolo import finite
from schemas.cues import PersonBoxes
from schemas.errors import UserError


class RtDetr:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, surest first.

    Raises UserError for unusable weights, ValueError if the model's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        image_size: int = 640,
        device: str = "cpu",
        batch: int = 8,
        dtype: str = "float32",
    ) -> None:
        from transformers import AutoModelForObjectDetection, RTDetrImageProcessor

        self.model = load_model(AutoModelForObjectDetection, weights, device, dtype)
        self.processor = load_processor(RTDetrImageProcessor, weights)
        persons = [number for number, name in self.model.config.id2label.items() if name.lower() == "person"]
        if not persons:
            remedy = "Name a checkpoint trained on COCO, or another with that class"
            raise UserError(str(weights), "has no class called person", remedy)
        self.person, self.confidence, self.batch = persons[0], confidence, batch
        self.size = {"height": image_size, "width": image_size}

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        found = []
        for start in range(0, len(frames), self.batch):
            part = list(frames[start : start + self.batch])
            inputs = self.processor(
                images=part,
                size=self.size,
                input_data_format="channels_last",
                device=self.model.device,
                return_tensors="pt",
            )
            outputs = self.model(inputs["pixel_values"].to(self.model.dtype))
            outputs.logits, outputs.pred_boxes = outputs.logits.float(), outputs.pred_boxes.float()
            check_finite(outputs.logits, outputs.pred_boxes)
            sizes = [frames.shape[1:3]] * len(part)
            for one in self.processor.post_process_object_detection(outputs, self.confidence, sizes):
                chosen = one["labels"] == self.person
                found.append(PersonBoxes(finite(one["boxes"][chosen]), finite(one["scores"][chosen])))
        return found
