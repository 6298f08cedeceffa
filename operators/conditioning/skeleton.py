"""The OpenPose skeleton as the generator was taught to read it: coloured strokes on black.

`dwpose` is what VACE and ReGenHuman's adapters were trained on: DWPose's canvas with its channels flipped, since
VACE's annotator turns it round and ReGenHuman writes it with cv2.imwrite. Shoulders are blue, the neck is red, legs go
from green to orange. `bold` is what the embedded generator was trained on: the colours unflipped, and strokes thick
enough for frames of 64 px.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from schemas.profile import Skeleton
from schemas.track import Track

ANNOTATED = (
    1024  # px: VACE's annotator draws on a picture whose shorter side has so many, whatever the video's
)
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
_STICK, _FINGER, _DOT = (
    4,
    2,
    3,
)  # px of DWPose's canvas: half a limb and a joint's radius, a finger, a face's dot


def _hue(share: float) -> tuple[int, int, int]:
    """The fully saturated colour at this share of the way around the wheel, red first."""
    pixel = np.array([[[360 * share, 1, 1]]], np.float32)
    red, green, blue = (255 * cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]).round()
    return int(red), int(green), int(blue)


_HUES = [_hue(step / 18) for step in range(18)]
_FINGER_HUES = [_hue(step / len(_FINGERS)) for step in range(len(_FINGERS))]


def openpose(keypoints: np.ndarray, min_score: float) -> np.ndarray:
    """float32 [P,17,3] COCO -> float32 [P,18,3] OpenPose; the neck is known if both shoulders are."""
    points = keypoints[:, _FROM_COCO].copy()
    shoulders = keypoints[:, [5, 6]]
    points[:, _NECK, :2] = shoulders[:, :, :2].mean(axis=1)
    known = (shoulders[:, :, 2] > min_score).all(axis=1)
    points[:, _NECK, 2] = np.where(known, shoulders[:, :, 2].min(axis=1), 0)
    return points


def draw_skeleton(
    keypoints: np.ndarray,
    height: int,
    width: int,
    style: Skeleton = "dwpose",
    drawn_at: int = 0,
    min_score: float = 0.3,
) -> np.ndarray:
    """People's skeletons, uint8 [H,W,3] RGB on black.

    keypoints float32 [P,K,3] as in PoseDetections: body, then hands and face if there are any: x, y in pixels,
    score. Points scoring `min_score` or less are not drawn. DWPose's strokes are 4 px in the picture that they are
    drawn on: one whose shorter side has `drawn_at` px and which is scaled to this size, or this very one. Source:
    DWPose (Yang et al., 2023) as VACE's and ReGenHuman's code use it.
    """
    people = np.asarray(keypoints, np.float32)
    people = people if people.size else np.zeros((0, 17, 3), np.float32)
    if style == "bold":
        return _bold(people, height, width, min_score)
    scale = drawn_at / min(height, width) if drawn_at else 1.0
    canvas = np.zeros((round(height * scale), round(width * scale), 3), np.uint8)
    people = people * np.array([scale, scale, 1], np.float32)
    canvas = _body(canvas, openpose(people, min_score), min_score)
    for points in people:
        _hands(canvas, points, min_score)
    for points in people[:, _FACE:]:
        known, places = _places(points, min_score)
        for dot in np.nonzero(known)[0].tolist():
            cv2.circle(canvas, places[dot], _DOT, (255, 255, 255), -1)
    if canvas.shape[:2] != (height, width):
        interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LANCZOS4
        canvas = cv2.resize(canvas, (width, height), interpolation=interpolation)
    return np.ascontiguousarray(canvas[..., ::-1])


def draw_tracks(people: Sequence[Track], shape: tuple[int, ...], style: Skeleton = "dwpose") -> np.ndarray:
    """The skeletons of everybody in every frame of a clip of `shape` (T, H, W): uint8 [T,H,W,3] RGB on black.

    Strokes are 4 px at the source's size, as ReGenHuman draws them, and shrink with the frames.
    """
    frames, height, width = shape
    drawn = np.zeros((frames, height, width, 3), np.uint8)
    for t, frame in enumerate(drawn):
        points = [track.keypoints_at(t) for track in people if track.is_at(t)]
        if points:
            frame[:] = draw_skeleton(np.array(points), height, width, style)
    return drawn


def _body(canvas: np.ndarray, people: np.ndarray, min_score: float) -> np.ndarray:
    """Everybody's limbs as filled ellipses, darkened, then everybody's joints."""
    seen = [_places(person, min_score) for person in people]
    for (a, b), hue in zip(_LIMBS, _HUES, strict=False):
        colour = tuple(int(channel * _LIMB_SHADE) for channel in hue)
        for known, places in seen:
            if known[a] and known[b]:
                (xa, ya), (xb, yb) = places[a], places[b]
                axes = int(math.hypot(xa - xb, ya - yb) / 2), _STICK
                angle = int(math.degrees(math.atan2(ya - yb, xa - xb)))
                middle = int((xa + xb) / 2), int((ya + yb) / 2)
                cv2.fillConvexPoly(canvas, cv2.ellipse2Poly(middle, axes, angle, 0, 360, 1), colour)
    for joint, colour in enumerate(_HUES):
        for known, places in seen:
            if known[joint]:
                cv2.circle(canvas, places[joint], _STICK, colour, -1)
    return canvas


def _hands(canvas: np.ndarray, points: np.ndarray, min_score: float) -> None:
    """Fingers and their joints, onto `canvas`."""
    known, places = _places(points, min_score)
    for first in (start for start in _HANDS if len(points) > start):
        for (a, b), colour in zip(_FINGERS, _FINGER_HUES, strict=True):
            if known[first + a] and known[first + b]:
                cv2.line(canvas, places[first + a], places[first + b], colour, _FINGER)
        for joint in range(first, first + 21):
            if known[joint]:
                cv2.circle(canvas, places[joint], _STICK, (0, 0, 255), -1)


def _bold(people: np.ndarray, height: int, width: int, min_score: float) -> np.ndarray:
    canvas = np.zeros((height, width, 3), np.uint8)
    stroke = max(2, round(min(height, width) / 48))
    for person in openpose(people, min_score):
        known, places = _places(person, min_score)
        for (a, b), hue in zip(_LIMBS, _HUES, strict=False):
            if known[a] and known[b]:
                colour = tuple(int(channel * _LIMB_SHADE) for channel in hue)
                cv2.line(canvas, places[a], places[b], colour, stroke, cv2.LINE_AA)
        for joint in np.nonzero(known)[0].tolist():
            cv2.circle(canvas, places[joint], stroke, _HUES[joint], -1, cv2.LINE_AA)
    return canvas


def _places(points: np.ndarray, min_score: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Of float32 [K,3]: which are known, and the pixel of each. cv2 takes 16 bits at most; far outside is outside."""
    known = (points[:, 2] > min_score) & np.isfinite(points).all(axis=1)
    pixels = np.clip(np.nan_to_num(points[:, :2]), -9999, 9999).astype(int)
    return known, [(int(x), int(y)) for x, y in pixels]
