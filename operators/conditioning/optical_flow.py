"""Boxes followed through frames by optical flow: a plate moves on between two looks at it."""

import cv2
import numpy as np

_CORNERS = 24  # in each box
_WINDOW = (15, 15)  # px
_GROWTH = 0.25  # of the height it was found with: so much a lost box grows to every side in each frame


def follow_boxes(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Where what lies in `boxes` float32 [N,4] of the first frame lies in each: float32 [T,N,4].

    frames uint8 [T,H,W,3] RGB. Corners within each box by pyramidal Lucas-Kanade (Bouguet 2001); the box moves by their
    median and stays of its size. Where no corner can be followed any more it goes on as before, and grows.
    """
    places = [boxes.astype(np.float32)]
    if not len(boxes):
        return np.stack(places * len(frames))
    before = _gray(frames[0])
    points = [_corners(before, box) for box in boxes]
    pace, growth = np.zeros((len(boxes), 2), np.float32), _GROWTH * (boxes[:, 3] - boxes[:, 1])
    for frame in frames[1:]:
        after, box = _gray(frame), places[-1].copy()
        moved = _flow(before, after, points)
        for n, (old, (new, found)) in enumerate(zip(points, moved, strict=True)):
            if found.any():
                pace[n] = np.median(new[found] - old[found], axis=0)
            else:
                box[n] += growth[n] * np.array([-1, -1, 1, 1], np.float32)
            box[n] += np.tile(pace[n], 2)
            points[n] = new[found]
        places.append(box)
        before = after
    return np.stack(places)


def _gray(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)


def _corners(gray: np.ndarray, box: np.ndarray) -> np.ndarray:
    """float32 [M,2], M may be 0."""
    x0, y0, x1, y1 = (int(v) for v in np.clip(box, 0, [gray.shape[1], gray.shape[0]] * 2))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.zeros((0, 2), np.float32)
    found = cv2.goodFeaturesToTrack(gray[y0:y1, x0:x1], _CORNERS, 0.05, 2)
    if found is None:
        return np.zeros((0, 2), np.float32)
    return found.reshape(-1, 2) + np.array([x0, y0], np.float32)


def _flow(
    before: np.ndarray, after: np.ndarray, points: list[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each box where its points [M,2] are now, and which of them, bool [M], come back to where they were."""
    every = np.concatenate(points)
    if not len(every):
        return [(one, np.zeros(len(one), bool)) for one in points]
    new, forth, _ = cv2.calcOpticalFlowPyrLK(before, after, every, None, winSize=_WINDOW)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, new, None, winSize=_WINDOW)
    sound = (forth.ravel() > 0) & (again.ravel() > 0) & (np.abs(back - every).max(axis=1) < 1)
    cuts = np.cumsum([len(one) for one in points])[:-1]
    return list(zip(np.split(new, cuts), np.split(sound, cuts), strict=True))
