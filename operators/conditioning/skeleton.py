"""The OpenPose skeleton as the generator was taught to read it: coloured strokes on black."""

from collections.abc import Sequence

import cv2
import numpy as np

from schemas.track import Track

# OpenPose's 18 points as indices into COCO's 17; the neck (1) is made from the shoulders.
_NECK = 1
_FROM_COCO = [0, 5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
# Limbs between OpenPose points: arms, legs, neck to hips, neck to nose, nose to eyes, eyes to ears.
_LIMBS = [
    *[(1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)],
    *[(1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)],
]
# From the wrist along each finger; a hand's 21 points are COCO-WholeBody's.
_FINGERS = [
    (0 if step == 0 else finger + step, finger + step + 1)
    for finger in (0, 4, 8, 12, 16)
    for step in range(4)
]
_HANDS, _FACE = (17, 38), 59  # where the hands' points begin, and the face's
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

    keypoints float32 [P,K,3] as in PoseDetections: body, then hands and face if there are any: x, y in pixels,
    score. Points scoring `min_score` or less are not drawn. Strokes grow with the frame so that they stay readable at
    model resolution. Source of the layout: OpenPose (18 body points), as rendered by DWPose.
    """
    canvas = np.zeros((height, width, 3), np.uint8)
    stroke = max(2, round(min(height, width) / 48))
    people = np.asarray(keypoints, np.float32)
    people = people if people.size else np.zeros((0, 17, 3), np.float32)
    for person, points in zip(openpose(people, min_score), people, strict=True):
        known, places = _places(person, min_score)
        for number, (a, b) in enumerate(_LIMBS):
            if known[a] and known[b]:
                colour = tuple(int(channel * _LIMB_SHADE) for channel in _hue(number))
                cv2.line(canvas, places[a], places[b], colour, stroke, cv2.LINE_AA)
        for joint in np.nonzero(known)[0].tolist():
            cv2.circle(canvas, places[joint], stroke, _hue(joint), -1, cv2.LINE_AA)
        _draw_details(canvas, points, max(1, stroke // 4), min_score)
    return canvas


def draw_tracks(people: Sequence[Track], shape: tuple[int, ...]) -> np.ndarray:
    """The skeletons of everybody in every frame of a clip of `shape` (T, H, W): uint8 [T,H,W,3] RGB on black."""
    frames, height, width = shape
    present = [[track.keypoints_at(t) for track in people if track.is_at(t)] for t in range(frames)]
    return np.stack([draw_skeleton(np.array(points), height, width) for points in present])


def _draw_details(canvas: np.ndarray, points: np.ndarray, stroke: int, min_score: float) -> None:
    """Fingers and the dots of a face, onto `canvas`."""
    known, places = _places(points, min_score)
    for first in (start for start in _HANDS if len(points) > start):
        for number, (a, b) in enumerate(_FINGERS):
            if known[first + a] and known[first + b]:
                colour = _hue(number * 18 // len(_FINGERS))
                cv2.line(canvas, places[first + a], places[first + b], colour, stroke, cv2.LINE_AA)
    for dot in range(_FACE, len(points)):
        if known[dot]:
            cv2.circle(canvas, places[dot], stroke, (255, 255, 255), -1, cv2.LINE_AA)


def _places(points: np.ndarray, min_score: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Of float32 [K,3]: which are known, and the pixel of each. cv2 takes 16 bits at most; far outside is outside."""
    known = (points[:, 2] > min_score) & np.isfinite(points).all(axis=1)
    pixels = np.clip(np.nan_to_num(points[:, :2]), -9999, 9999).astype(int)
    return known, [(int(x), int(y)) for x, y in pixels]
