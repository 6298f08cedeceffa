"""People as the models of a profile find them: joints by one, masks by another."""

from collections.abc import Callable

import numpy as np

from operators.models.boxes import best_pairs, box_iou
from operators.models.build import pose_model, segment_model
from operators.models.people.ensemble import People
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.evaluation import PosedSettings

_SAME = 0.5  # overlap of two models' boxes of one person
_JOINTS = 17


def posed(settings: PosedSettings, device: str) -> Callable[[np.ndarray], list[People]]:
    """Frames uint8 [T,H,W,3] -> T People, whom either model sees. Raises UserError for unusable weights."""
    pose, segment = pose_model(settings.pose, device), segment_model(settings.segment, device)
    return lambda frames: [
        _joined(*one, frames.shape[1:3]) for one in zip(pose(frames), segment(frames), strict=True)
    ]


def _joined(joints: PoseDetections, masks: InstanceMasks, size: tuple[int, int]) -> People:
    """Who has no mask is their box, who has no joints has none that are known."""
    pairs = best_pairs(box_iou(joints.boxes, masks.boxes), _SAME)
    alone = [j for j in range(len(masks.boxes)) if j not in set(pairs.values())]
    shapes = [
        masks.masks[pairs[i]] if i in pairs else Patch.of_box(box, size) for i, box in enumerate(joints.boxes)
    ]
    unknown = np.zeros((len(alone), _JOINTS, 3), np.float32)
    return People(
        np.concatenate([joints.boxes, masks.boxes[alone]]).reshape(-1, 4),
        np.concatenate([joints.scores, masks.scores[alone]]),
        np.concatenate([joints.keypoints[:, :_JOINTS], unknown]),
        [*shapes, *(masks.masks[j] for j in alone)],
    )
