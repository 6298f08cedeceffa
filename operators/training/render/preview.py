"""A sheet of rendered clips with the labels drawn over them: outlines of masks, joints and limbs."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from operators.training.synthetic_people import RenderedClip, read_people
from schemas.errors import UserError

_LIMBS = [  # between COCO joints
    *[(5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (5, 11), (6, 12), (11, 12)],
    *[(11, 13), (13, 15), (12, 14), (14, 16), (0, 1), (0, 2), (1, 3), (2, 4)],
]
_OUTLINES = [(255, 225, 0), (0, 230, 255), (255, 90, 220), (120, 255, 80), (255, 140, 0)]
_LIMB, _HIDDEN_LIMB, _JOINT, _HIDDEN_JOINT = (255, 50, 50), (150, 60, 60), (60, 120, 255), (40, 40, 70)
_WIDTH = 2048


def sheet(folder: Path, rows: int = 2) -> np.ndarray:
    """`rows` rows of eight crops, then of four streets, uint8 [H,2048,3] RGB, spread over what shards there are.

    Raises UserError if there is neither.
    """
    bands = []
    for pattern, columns in (("crops-*.tar", 8), ("street-*.tar", 4)):
        shards = sorted(folder.glob(pattern))
        wanted = rows * columns
        numbers = [i * len(shards) // wanted for i in range(wanted)] if shards else []
        pictures = [
            _drawn(clip, _WIDTH // columns)
            for shard in sorted(set(numbers))
            for clip in islice(read_people(folder, shards[shard].name), numbers.count(shard))
        ]
        for first in range(0, len(pictures), columns):
            band = np.concatenate(pictures[first : first + columns], axis=1)
            bands.append(np.pad(band, ((0, 0), (0, _WIDTH - band.shape[1]), (0, 0))))
    if not bands:
        remedy = "Make some with python -m jobs.render_people"
        raise UserError(str(folder), "holds no shard of crops or streets", remedy)
    return np.concatenate(bands)


def _drawn(clip: RenderedClip, width: int) -> np.ndarray:
    """The middle frame `width` pixels wide, labels on top."""
    large = clip.resize(clip.frames.shape[1] * width // clip.frames.shape[2], width)
    middle = len(large.frames) // 2
    picture, masks = np.ascontiguousarray(large.frames[middle]), large.masks[middle]
    for number, points in enumerate(large.keypoints[middle], 1):
        own = (masks == number).astype(np.uint8)
        if own.any():
            contours, _ = cv2.findContours(own, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(picture, contours, -1, _OUTLINES[(number - 1) % len(_OUTLINES)])
            _draw_joints(picture, points)
    return picture


def _draw_joints(picture: np.ndarray, points: np.ndarray) -> None:
    """points float32 [17,3], those outside the frame left out."""
    places = [(round(float(x)), round(float(y))) for x, y in points[:, :2]]
    for a, b in _LIMBS:
        if seen := min(points[a, 2], points[b, 2]):
            cv2.line(picture, places[a], places[b], _LIMB if seen == 2 else _HIDDEN_LIMB, 2, cv2.LINE_AA)
    for place, seen in zip(places, points[:, 2], strict=True):
        if seen:
            cv2.circle(picture, place, 2, _JOINT if seen == 2 else _HIDDEN_JOINT, -1, cv2.LINE_AA)
