"""2D pose of every person in every frame: ViTPose (Xu et al., NeurIPS 2022), as transformers has it."""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from operators.models.runtime.finite import check_finite, finite
from operators.models.runtime.loading import load_model, load_processor
from schemas.cues import PoseDetections
from schemas.errors import UserError

_BODY, _HANDS, _FACE = range(17), range(91, 133), range(23, 91)  # of COCO-WholeBody's 133 points


class VitPose:
    """Frames uint8 [T,H,W,3] RGB -> T PoseDetections of the persons whose boxes `detect` finds.

    The people of all frames go through the network together, `batch` at a time. A whole-body checkpoint gives
    hands, too, and the landmarks of the face with `face`. Raises UserError for unusable weights, ValueError if
    the model's output is not finite or a frame is missing.
    """

    def __init__(
        self,
        weights: str | Path,
        detect: Callable[[np.ndarray], Sequence[Any]],
        device: str = "cpu",
        batch: int = 32,
        dtype: str = "float32",
        face: bool = False,
    ) -> None:
        from transformers import VitPoseForPoseEstimation, VitPoseImageProcessor

        self.model = load_model(VitPoseForPoseEstimation, weights, device, dtype)
        self.processor = load_processor(VitPoseImageProcessor, weights)
        self.detect, self.batch = detect, batch
        points = self.model.config.num_labels
        if points not in (17, 133):
            remedy = "Name one for COCO (17) or COCO-WholeBody (133)"
            raise UserError(str(weights), f"gives {points} points a person", remedy)
        self.kept = [*_BODY, *(_HANDS if points == 133 else ()), *(_FACE if points == 133 and face else ())]

    def __call__(self, frames: np.ndarray) -> list[PoseDetections]:
        found = self.detect(frames)
        if len(found) != len(frames):
            raise ValueError(f"boxes of {len(found)} frames for {len(frames)}")
        people = [(t, box) for t, one in enumerate(found) for box in np.clip(one.boxes, 0, None)]
        points = [np.zeros((0, len(self.kept), 3), np.float32)]
        for start in range(0, len(people), self.batch):
            points.append(self._points(frames, people[start : start + self.batch]))
        ends = np.cumsum([len(one.boxes) for one in found])
        by_frame = np.split(np.concatenate(points), ends[:-1])
        return [
            PoseDetections(one.boxes, one.scores, part) for one, part in zip(found, by_frame, strict=True)
        ]

    @torch.inference_mode()
    def _points(self, frames: np.ndarray, people: list[tuple[int, np.ndarray]]) -> np.ndarray:
        """float32 [P,K,3] of as many people, each given by frame and box x0 y0 x1 y1."""
        by_frame = [
            (frames[t], [box for _, box in group]) for t, group in groupby(people, key=lambda one: one[0])
        ]
        boxes = [
            [[x0, y0, max(1, x1 - x0), max(1, y1 - y0)] for x0, y0, x1, y1 in some] for _, some in by_frame
        ]
        inputs = self.processor(
            images=[frame for frame, _ in by_frame],
            boxes=boxes,
            input_data_format="channels_last",
            return_tensors="pt",
        )
        pixels = inputs["pixel_values"].to(self.model.device, self.model.dtype)
        # ViTPose+ has experts by data set; COCO is the first.
        experts = self.model.config.backbone_config.num_experts > 1
        index = torch.zeros(len(people), dtype=torch.long, device=pixels.device) if experts else None
        outputs = self.model(pixels, dataset_index=index)
        outputs.heatmaps = outputs.heatmaps.float()
        check_finite(outputs.heatmaps)  # the search for its maximum would not notice
        poses = [one for some in self.processor.post_process_pose_estimation(outputs, boxes) for one in some]
        both = [torch.cat([pose["keypoints"], pose["scores"][:, None]], dim=1) for pose in poses]
        return finite(torch.stack(both))[:, self.kept]
