"""Boxes of every person, or other things, in every frame: RT-DETR (Zhao et al., CVPR 2024) and its kin, and YOLOS (Fang
et al., NeurIPS 2021), as transformers has them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from operators.models.runtime.classes import chosen
from operators.models.runtime.finite import check_finite, finite
from operators.models.runtime.loading import load_model, load_processor
from schemas.cues import PersonBoxes

_LONGEST = 4  # times the shorter side: a panorama longer than that is scaled down further


class RtDetr:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, surest first. `detect` gives the boxes of other `classes` as well.

    Frames are scaled to a square of `image_size` px, for YOLOS, which learnt from pictures in their own form, to a
    shorter side of that.
    Raises UserError for unusable weights or a class that they lack, ValueError if the model's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        image_size: int = 640,
        device: str = "cpu",
        batch: int = 8,
        dtype: str = "float32",
        classes: Sequence[str] = ("person",),
    ) -> None:
        from transformers import AutoModelForObjectDetection, RTDetrImageProcessor, YolosImageProcessor

        self.model = load_model(AutoModelForObjectDetection, weights, device, dtype)
        in_form = self.model.config.model_type == "yolos"
        self.processor = load_processor(YolosImageProcessor if in_form else RTDetrImageProcessor, weights)
        names = {number: name.lower() for number, name in self.model.config.id2label.items()}
        asked = chosen(classes, names.values(), weights)
        self.wanted = {number: name for number, name in names.items() if name in asked}
        self.confidence, self.batch = confidence, batch
        shorter = {"shortest_edge": image_size, "longest_edge": _LONGEST * image_size}
        self.size = shorter if in_form else {"height": image_size, "width": image_size}

    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        return [PersonBoxes(boxes, scores) for boxes, scores, _ in self.detect(frames)]

    @torch.inference_mode()
    def detect(self, frames: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
        """Of each frame boxes float32 [N,4], scores float32 [N] and the names of their classes."""
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
                chosen = [n for n, label in enumerate(one["labels"].tolist()) if label in self.wanted]
                names = [self.wanted[int(one["labels"][n])] for n in chosen]
                yield finite(one["boxes"][chosen]), finite(one["scores"][chosen]), names
