"""The OpenPose skeleton as the generator was taught to read it: coloured strokes on black."""

import cv2
import numpy as np

# OpenPose's 18 points as indices into COCO's 17; the neck (1) is made from the shoulders.
_NECK = 1
_FROM_COCO = [0, 5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
# Limbs between OpenPose points: arms, legs, neck to hips, neck to nose, nose to eyes, eyes to ears.
_LIMBS = [
    *[(1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)],
    *[(1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)],
]
_LIMB_SHADE = 0.6  # limbs are drawn darker than the joints on top of them


def _hue(step: int) -> tuple[int, int, int]:
    """The n-th of 18 fully saturated colours around the wheel, red first."""
    pixel = np.array([[[step * 10, 255, 255]]], np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    return int(red), int(green), int(blue)


def openpose(keypoints: np.ndarray, min_score: float) -> np.ndarray:
    """float32 [P,17,3] COCO -> float32 [P,18,3] OpenPose; the neck is known if both shoulders are."""
    points = keypoints[:, _FROM_COCO].copy()
    shoulders = keypoints[:, [5, 6]]
    points[:, _NECK, :2] = shoulders[:, :, :2].mean(axis=1)
    known = (shoulders[:, :, 2] > min_score).all(axis=1)
    points[:, _NECK, 2] = np.where(known, shoulders[:, :, 2].min(axis=1), 0)
    return points


def draw_skeleton(keypoints: np.ndarray, height: int, width: int, min_score: float = 0.3) -> np.ndarray:
    """People's skeletons, uint8 [H,W,3] RGB on black.

    keypoints float32 [P,17,3], COCO order: x, y in pixels, score. Points scoring `min_score` or less are not
    drawn. Strokes grow with the frame so that they stay readable at model resolution. Source of the layout:
    OpenPose (18 body points), as rendered by DWPose.
    """
    canvas = np.zeros((height, width, 3), np.uint8)
    stroke = max(2, round(min(height, width) / 48))
    for person in openpose(np.asarray(keypoints, np.float32).reshape(-1, 17, 3), min_score):
        known = (person[:, 2] > min_score) & np.isfinite(person).all(axis=1)
        # cv2 takes 16-bit coordinates at most; far outside is outside.
        places = [tuple(int(v) for v in np.clip(np.nan_to_num(point[:2]), -9999, 9999)) for point in person]
        for number, (a, b) in enumerate(_LIMBS):
            if known[a] and known[b]:
                colour = tuple(int(channel * _LIMB_SHADE) for channel in _hue(number))
                cv2.line(canvas, places[a], places[b], colour, stroke, cv2.LINE_AA)
        for joint in np.nonzero(known)[0].tolist():
            cv2.circle(canvas, places[joint], stroke, _hue(joint), -1, cv2.LINE_AA)
    return canvas
