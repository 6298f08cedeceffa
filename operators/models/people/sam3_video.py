"""Instance masks of every person in every frame: SAM 3 video (Meta, 2025), looking for a word in all of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from operators.models.runtime.finite import check_finite, finite
from operators.models.runtime.loading import load_model, load_processor, video_of
from schemas.cues import InstanceMasks, Patch

# Meta's settings are for clean tracks; these are for missing nobody.
_RECALL = {
    "hotstart_delay": 0,  # else whom the detector sees for less than 8 of the first 15 frames is removed again
    "assoc_iou_thresh": 0.5,  # a detection that hardly overlaps somebody's mask is somebody else (0.1)
    "suppress_overlapping_based_on_recent_occlusion_threshold": 0.0,  # nobody is hidden for being behind another
    "det_nms_thresh": 0.0,  # tracking joins those who are found twice; this and the next would ask a hub for code
    "fill_hole_area": 0,  # which also removes small people
}


class Sam3Video:
    """Frames uint8 [T,H,W,3] RGB -> T InstanceMasks.

    The detector looks for the words in every frame, and whom it finds is followed from there, forwards and, before
    they were first found, backwards. Raises UserError for unusable weights, ValueError if the model's output is
    not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        words: Sequence[str] = ("person",),
        confidence: float = 0.2,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        from transformers import Sam3VideoModel, Sam3VideoProcessor

        thresholds = {"score_threshold_detection": confidence, "new_det_thresh": confidence}
        self.model = load_model(Sam3VideoModel, weights, device, dtype, **thresholds, **_RECALL)
        self.model.detector_model.register_forward_hook(_watch)
        self.processor, self.words = load_processor(Sam3VideoProcessor, weights), list(words)

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> list[InstanceMasks]:
        session = self.processor.init_video_session(
            video=video_of(frames), inference_device=self.model.device, dtype=self.model.dtype
        )
        session = self.processor.add_text_prompt(session, self.words)
        found = [[self._masks(session, t, reverse=False)] for t in range(len(frames))]
        late = max(session.obj_first_frame_idx.values(), default=0)
        for t in reversed(range(late)):
            found[t].append(self._masks(session, t, reverse=True))
        return [_together(both) for both in found]

    def _masks(self, session: Any, t: int, reverse: bool) -> dict[int, tuple[np.ndarray, float, Patch]]:
        """Box, score and mask of everybody in frame `t`, by number."""
        outputs = self.model(session, frame_idx=t, reverse=reverse)
        check_finite(*outputs.obj_id_to_mask.values())
        seen = self.processor.postprocess_outputs(session, outputs)
        patches = [Patch.of(mask) for mask in seen["masks"].cpu().numpy()]
        parts = finite(seen["boxes"]), finite(seen["scores"]), patches
        return {
            int(number): (box, float(score), patch)
            for number, box, score, patch in zip(seen["object_ids"], *parts, strict=True)
            if patch.area  # all of an empty one's pixels are in another's mask
        }


def _together(found: list[dict[int, tuple[np.ndarray, float, Patch]]]) -> InstanceMasks:
    """One frame, seen forwards and perhaps backwards: everybody once, with the masks of both."""
    people: dict[int, tuple[np.ndarray, float, Patch]] = {}
    for one in found:
        for number, seen in one.items():
            people[number] = _joined(people[number], seen) if number in people else seen
    return InstanceMasks(
        np.array([box for box, _, _ in people.values()], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in people.values()], np.float32),
        [patch for _, _, patch in people.values()],
    )


def _joined(
    one: tuple[np.ndarray, float, Patch], other: tuple[np.ndarray, float, Patch]
) -> tuple[np.ndarray, float, Patch]:
    low, high = np.minimum(one[0][:2], other[0][:2]), np.maximum(one[0][2:], other[0][2:])
    return np.concatenate([low, high]), max(one[1], other[1]), one[2] | other[2]


def _watch(_module: Any, _inputs: Any, output: Any) -> None:
    check_finite(output.pred_logits, output.presence_logits, output.pred_masks)
