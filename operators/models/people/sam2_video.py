"""Instance masks of every person in every frame: SAM 2 video (Ravi et al., 2024), prompted in all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from operators.models.boxes import best_pairs, box_iou
from operators.models.runtime.finite import check_finite, finite
from operators.models.runtime.loading import load_model, load_processor, video_of
from schemas.cues import InstanceMasks, Patch

_SAME_PERSON_IOU = 0.3  # a box and the last one of somebody who is followed
_MEMORIES = 4  # prompted frames that a mask is remembered from; all of them would cost ever more


@dataclass
class _Followed:
    first: int  # frame of the first prompt
    box: np.ndarray  # float32 [4], where seen last
    score: float  # the detector's, when it last saw them


class Sam2Video:
    """Frames uint8 [T,H,W,3] RGB -> T InstanceMasks.

    Every box that `detect` finds, in whatever frame, prompts a mask there. Where the detector loses somebody the
    masks go on from memory, forwards, and backwards before the first box; their score is the detector's last times
    SAM's belief that they are there. Raises UserError for unusable weights, ValueError if the model's output is not
    finite or a frame is missing.
    """

    def __init__(
        self,
        weights: str | Path,
        detect: Callable[[np.ndarray], Sequence[Any]],
        device: str = "cpu",
        batch: int = 8,
        dtype: str = "float32",
    ) -> None:
        from transformers import Sam2VideoModel, Sam2VideoProcessor

        self.model = load_model(Sam2VideoModel, weights, device, dtype, max_cond_frame_num=_MEMORIES)
        self.processor = load_processor(Sam2VideoProcessor, weights)
        self.detect, self.batch = detect, batch

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> list[InstanceMasks]:
        found = self.detect(frames)
        if len(found) != len(frames):
            raise ValueError(f"boxes of {len(found)} frames for {len(frames)}")
        instances: list[list[tuple[np.ndarray, float, Patch]]] = [[] for _ in frames]
        people: dict[int, _Followed] = {}
        if any(len(one.boxes) for one in found):
            session = self.processor.init_video_session(
                video=video_of(frames),
                inference_device=self.model.device,
                dtype=self.model.dtype,
                max_vision_features_cache_size=self.batch,
            )
            for t, one in enumerate(found):
                prompted = self._prompt(session, t, one, people)
                if people:
                    instances[t] += self._masks(session, t, people, prompted, reverse=False)
            for t in reversed(range(max(person.first for person in people.values()))):
                later = {number: person for number, person in people.items() if person.first > t}
                instances[t] += self._masks(session, t, later, set(), reverse=True)
        return [_together(some) for some in instances]

    def _prompt(self, session: Any, t: int, found: Any, people: dict[int, _Followed]) -> set[int]:
        """Give SAM the boxes of frame `t`, each to the person it belongs to or to somebody new; returns whose."""
        if not len(found.boxes):
            return set()
        numbers, known = list(people), np.array([person.box for person in people.values()], np.float32)
        iou = box_iou(found.boxes, known)
        owner = {i: numbers[j] for i, j in best_pairs(iou, _SAME_PERSON_IOU).items()}
        for i, (box, score) in enumerate(zip(found.boxes, found.scores, strict=True)):
            number = owner.setdefault(i, len(people) + 1)
            first = people[number].first if number in people else t
            people[number] = _Followed(first, box, float(score))
        whose = [owner[i] for i in range(len(found.boxes))]
        self.processor.add_inputs_to_inference_session(session, t, whose, input_boxes=[found.boxes.tolist()])
        return set(whose)

    def _masks(
        self, session: Any, t: int, people: dict[int, _Followed], prompted: set[int], reverse: bool
    ) -> list[tuple[np.ndarray, float, Patch]]:
        """Box, score and mask of those of `people` who are in frame `t`: prompted there, or still seen by SAM."""
        self._encode(session, t, reverse)
        outputs = self.model(session, frame_idx=t, reverse=reverse)
        check_finite(outputs.pred_masks, outputs.object_score_logits)
        presence = finite(outputs.object_score_logits.float().sigmoid()).reshape(-1)
        size, seen = [[session.video_height, session.video_width]], []
        for number, low, present in zip(outputs.object_ids, outputs.pred_masks, presence, strict=True):
            if number not in people or (number not in prompted and present < 0.5):
                continue
            (mask,) = self.processor.post_process_masks([low[None].float()], size)
            patch, person = Patch.of(mask[0, 0].cpu().numpy()), people[number]
            if number in prompted:  # with an empty mask, too: tracking then takes the box
                seen.append((person.box, person.score, patch))
            elif patch.area:
                height, width = patch.inside.shape
                box = np.array([patch.x, patch.y, patch.x + width, patch.y + height], np.float32)
                seen.append((box, person.score * float(present), patch))
                person.box = box
        return seen

    def _encode(self, session: Any, t: int, reverse: bool) -> None:
        """Look at frame `t` and the next few together; SAM would look at one at a time."""
        if session.cache.get_vision_features(t) is not None:
            return
        session.cache.clear_all()
        first = max(0, t - self.batch + 1) if reverse else t
        part = range(first, min(session.num_frames, first + self.batch))
        seen = self.model.get_image_features(
            torch.stack([session.get_frame(i) for i in part]), return_dict=True
        )
        for place, i in enumerate(part):
            features = [level[:, place : place + 1] for level in seen.fpn_hidden_states]
            positions = [level[:, place : place + 1] for level in seen.fpn_position_encoding]
            session.cache.cache_vision_features(i, {"vision_feats": features, "vision_pos_embeds": positions})


def _together(seen: list[tuple[np.ndarray, float, Patch]]) -> InstanceMasks:
    boxes = np.array([box for box, _, _ in seen], np.float32).reshape(-1, 4)
    return InstanceMasks(
        boxes, np.array([score for _, score, _ in seen], np.float32), [patch for _, _, patch in seen]
    )
