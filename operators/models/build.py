"""From a profile's settings to the operators that look at the footage: a match for each cue.

What runs by torch is imported where it is built: that takes seconds, and jobs that only name a stage do without.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from operators.models.boxes import best_pairs, box_iou
from operators.models.people.ensemble import PeopleEnsemble
from operators.models.people.yolo_pose import PoseEstimator
from operators.models.people.yolo_segment import PersonSegmenter
from operators.models.runtime.once import Once
from operators.models.scene.caption_filter import without_appearance
from operators.models.scene.qwen_vl import SceneDescriber
from operators.models.scene.yolo_depth import DepthEstimator
from schemas import extractors as choice
from schemas.cues import InstanceMasks, PoseDetections

_SAME_PERSON_IOU = 0.5  # of two detectors' boxes

PoseModel = Callable[[np.ndarray], list[PoseDetections]]
SegmentModel = Callable[[np.ndarray], list[InstanceMasks]]
DepthModel = Callable[[np.ndarray], np.ndarray]
SceneModel = Callable[[np.ndarray, float], str | None]


def pose_model(settings: choice.Poses, device: str) -> PoseModel:
    """The pose estimator that the profile names; of several, each adds whom those before it did not find."""
    if isinstance(settings, list):
        models = [pose_model(one, device) for one in settings]
        return lambda frames: [unite_poses(found) for found in _by_frame(models, frames)]
    match settings:
        case choice.YoloSettings():
            return PoseEstimator(
                settings.weights, settings.confidence, settings.image_size, device, settings.batch
            )
        case choice.VitPoseSettings():
            from operators.models.people.vitpose import VitPose

            detect = detector(settings.detector, device)
            return VitPose(settings.weights, detect, device, settings.batch, settings.dtype, settings.face)
        case choice.EnsembleSettings():
            look = detector(settings, device)
            return lambda frames: [PoseDetections(one.boxes, one.scores, one.points) for one in look(frames)]


def segment_model(settings: choice.Segments, device: str) -> SegmentModel:
    """The segmenter that the profile names; of several, all masks count."""
    if isinstance(settings, list):
        models = [segment_model(one, device) for one in settings]
        return lambda frames: [unite_masks(found) for found in _by_frame(models, frames)]
    match settings:
        case choice.YoloSettings():
            return PersonSegmenter(
                settings.weights, settings.confidence, settings.image_size, device, settings.batch
            )
        case choice.Sam2VideoSettings():
            from operators.models.people.sam2_video import Sam2Video

            detect = detector(settings.detector, device)
            return Sam2Video(settings.weights, detect, device, settings.batch, settings.dtype)
        case choice.Sam3VideoSettings():
            from operators.models.people.sam3_video import Sam3Video

            return Sam3Video(settings.weights, settings.words, settings.confidence, device, settings.dtype)
        case choice.EnsembleSettings():
            look = detector(settings, device)
            return lambda frames: [InstanceMasks(one.boxes, one.scores, one.masks) for one in look(frames)]


def depth_model(settings: choice.Depth, device: str) -> DepthModel:
    """The depth estimator that the profile names."""
    match settings:
        case choice.YoloSettings():
            return DepthEstimator(settings.weights, settings.image_size, device, settings.batch)
        case choice.DepthAnythingSettings():
            from operators.models.scene.depth_anything import DepthAnything

            return DepthAnything(settings.weights, device, settings.batch, settings.dtype, settings.steady)


def scene_model(settings: choice.Caption, device: str) -> SceneModel:
    """From the masked frames and their rate to words for the scene; None with the template."""
    match settings:
        case choice.TemplateSettings():
            return lambda _frames, _fps: None
        case choice.QwenVlSettings():
            describe = SceneDescriber(settings.weights, device, settings.dtype)
            return lambda frames, fps: without_appearance(describe(frames, fps))


@lru_cache(maxsize=4)
def detector(settings: choice.Boxes, device: str) -> Callable[[np.ndarray], Sequence[Any]]:
    """What finds the persons that other models look at closely: anything with boxes and scores for each frame.

    Those with equal settings are one, which looks at a picture once for all who ask.
    """
    match settings:
        case choice.YoloSettings():
            return Once(segment_model(settings, device))
        case choice.RtDetrSettings():
            from operators.models.people.rt_detr import RtDetr

            size, batch = settings.image_size, settings.batch
            return Once(RtDetr(settings.weights, settings.confidence, size, device, batch, settings.dtype))
        case choice.EnsembleSettings():
            return Once(PeopleEnsemble(settings.weights, settings.confidence, device))


def unite_poses(found: Sequence[PoseDetections]) -> PoseDetections:
    """One frame as several models see it. A person whom two find is the earlier's; unknown points score 0."""
    width = max(one.keypoints.shape[1] for one in found)
    people: list[PoseDetections] = []
    for one in found:
        known = np.concatenate([np.zeros((0, 4), np.float32), *(other.boxes for other in people)])
        new = ~(box_iou(one.boxes, known) > _SAME_PERSON_IOU).any(axis=1)
        points = np.pad(one.keypoints[new], ((0, 0), (0, width - one.keypoints.shape[1]), (0, 0)))
        people.append(PoseDetections(one.boxes[new], one.scores[new], points))
    return PoseDetections(
        np.concatenate([one.boxes for one in people]),
        np.concatenate([one.scores for one in people]),
        np.concatenate([one.keypoints for one in people]),
    )


def unite_masks(found: Sequence[InstanceMasks]) -> InstanceMasks:
    """One frame as several models see it: all of it. Masks of two models that are one person's become one."""
    boxes, scores, masks = found[0].boxes, found[0].scores, list(found[0].masks)
    for one in found[1:]:
        pairs = best_pairs(box_iou(one.boxes, boxes), _SAME_PERSON_IOU)
        new = [i for i in range(len(one.boxes)) if i not in pairs]
        boxes, scores = np.concatenate([boxes, one.boxes[new]]), np.concatenate([scores, one.scores[new]])
        for i, j in pairs.items():
            masks[j], scores[j] = masks[j] | one.masks[i], max(scores[j], one.scores[i])
            boxes[j] = [
                *np.minimum(boxes[j, :2], one.boxes[i, :2]),
                *np.maximum(boxes[j, 2:], one.boxes[i, 2:]),
            ]
        masks += [one.masks[i] for i in new]
    return InstanceMasks(boxes, scores, masks)


def _by_frame(models: Sequence[Callable[[np.ndarray], list[Any]]], frames: np.ndarray) -> list[Any]:
    """For every frame what each model says of it. Raises ValueError if one left a frame out."""
    return list(zip(*(model(frames) for model in models), strict=True))
