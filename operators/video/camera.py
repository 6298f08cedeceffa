"""How the camera moved, told from the background: what lies outside a mask of everybody."""

from collections.abc import Sequence

import cv2
import numpy as np

_STILL = 0.25  # px that features may wander in a clip whose camera stands still
_FEATURES, _FEWEST = 400, 12
_WINDOW = 15  # px of optical flow; features keep this far from masks
_INLIER = 1.5  # px


def stands_still(grays: Sequence[np.ndarray], mask: np.ndarray) -> bool:
    """Whether the camera of grays uint8 [H,W], T of them, stays where it is; looks outside mask bool [T,H,W] alone."""
    steps = np.unique(np.linspace(min(1, len(grays) - 1), len(grays) - 1, 8).astype(int))
    for t in steps:
        before, after = _followed(grays[0], grays[t], mask[0], mask[t])
        if len(before) < _FEWEST:
            both = ~mask[0] & ~mask[t]
            apart = np.abs(grays[0][both].astype(np.int16) - grays[t][both]) if both.any() else np.zeros(1)
            if apart.mean() > 4:
                return False
        elif (
            np.linalg.norm(np.median(after - before, axis=0)) > _STILL
            or np.median(np.linalg.norm(after - before, axis=1)) > 2 * _STILL
        ):
            return False
    return True


def camera_motions(grays: Sequence[np.ndarray], mask: np.ndarray) -> list[np.ndarray]:
    """Homographies [3,3] of every frame: from pixels of the first one to its own; arguments as of `stands_still`."""
    motions = [np.eye(3)]
    for t in range(1, len(grays)):
        before, after = _followed(grays[t - 1], grays[t], mask[t - 1], mask[t])
        step = np.eye(3)
        if len(before) >= 4 * _FEWEST:
            found, inliers = cv2.findHomography(before, after, cv2.RANSAC, _INLIER)
            step = found if found is not None and inliers.sum() >= _FEWEST else step
        elif len(before) >= _FEWEST:
            found, _ = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=_INLIER)
            step = np.vstack([found, [0, 0, 1]]) if found is not None else step
        motions.append(step @ motions[-1])
    return motions


def _followed(
    before: np.ndarray, after: np.ndarray, hidden: np.ndarray, hidden_after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Background features [K,2] of one frame, and where the other has them."""
    clear = shrunk(~hidden, _WINDOW)
    corners = cv2.goodFeaturesToTrack(before, _FEATURES, 0.01, 6, mask=clear)
    if corners is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(_WINDOW, _WINDOW))
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None, winSize=(_WINDOW, _WINDOW))
    good = (found[:, 0] > 0) & (again[:, 0] > 0) & (np.linalg.norm(back - corners, axis=2)[:, 0] < 0.5)
    height, width = hidden.shape
    places = np.clip(np.round(there[:, 0]), 0, [width - 1, height - 1]).astype(int)
    good &= shrunk(~hidden_after, _WINDOW)[places[:, 1], places[:, 0]] > 0
    return corners[good, 0], there[good, 0]


def shrunk(known: np.ndarray, by: int = 2) -> np.ndarray:
    """bool [H,W] as uint8, without what is within `by` px of anything else; the frame's sides take nothing away."""
    return cv2.erode(known.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8), borderValue=1)
