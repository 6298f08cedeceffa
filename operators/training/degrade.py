"""Conditions for training as imperfect as extractors make them, from perfect ground truth."""

import cv2
import numpy as np

from operators.conditioning.fuse import fuse_structall, fuse_structhuman
from operators.conditioning.skeleton import draw_skeleton
from operators.training.synthetic_people import RenderedClip
from schemas.profile import Skeleton


def degrade_condition(
    sample: RenderedClip, rng: np.random.Generator, structall: bool, style: Skeleton = "bold"
) -> tuple[np.ndarray, np.ndarray]:
    """Conditioning uint8 [T,H,W,3] and mask of what to generate bool [T,H,W] (StructAll: everything).

    Joints are jittered by up to 2.5 % of the person's height, the same way for a while as an extractor is wrong, and
    one in twenty is dropped; masks lose their thin parts, are joined over neighbouring frames and dilated by a random
    reach, so that they tell little about the outline. Skeletons are drawn at this size, in the profile's `style`.
    """
    height, width = sample.frames.shape[1:3]
    lost, reach = _disc(int(rng.integers(0, 3))), _disc(int(rng.integers(2, 7)))
    body = np.stack([cv2.erode(frame, lost) > 0 for frame in (sample.masks > 0).astype(np.uint8)])
    joined = np.stack([body[max(0, t - 2) : t + 3].any(axis=0) for t in range(len(body))])
    mask = np.stack([cv2.dilate(frame, reach) > 0 for frame in joined.astype(np.uint8)])
    skeleton = np.stack(
        [draw_skeleton(people, height, width, style) for people in jitter(sample.keypoints, rng)]
    )
    if structall:
        return fuse_structall(sample.depth.astype(np.float32), mask, skeleton), np.ones_like(mask)
    return fuse_structhuman(sample.frames, mask, skeleton), mask


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def jitter(keypoints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32 [T,P,17,3] with a lasting and a momentary error per joint; visibility becomes 0 or 1."""
    points = keypoints.copy()
    size = rng.uniform(0, 0.025) * np.ptp(points[..., 1], axis=-1)[..., None, None]
    lasting = rng.normal(0, 1, (1, *points.shape[1:3], 2))
    points[..., :2] += size * (0.8 * lasting + 0.6 * rng.normal(0, 1, points[..., :2].shape))
    lost = (rng.random((1, *points.shape[1:3])) < 0.03) | (rng.random(points.shape[:3]) < 0.02)
    points[..., 2] = (points[..., 2] > 0) & ~lost
    return points
