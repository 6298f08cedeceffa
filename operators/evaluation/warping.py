"""What changes from frame to frame beyond the motion of the real video."""

import cv2
import numpy as np


def flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """float32 [H,W,2]: where each pixel of uint8 [H,W,3] `after` was in `before`, by dense inverse search (OpenCV)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (after, before)]
    return np.asarray(search.calc(gray[0], gray[1], None))


def warped_difference(before: np.ndarray, after: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """float32 [H,W]: mean over channels of |after - before moved by `motion`|, which is as `flow` gives it."""
    height, width = after.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    moved = cv2.remap(before, grid + motion, None, cv2.INTER_LINEAR)
    return np.abs(after.astype(np.float32) - moved.astype(np.float32)).mean(axis=-1)


def warping_error(frames: np.ndarray, real: np.ndarray, within: np.ndarray) -> float:
    """Mean absolute difference, inside the masks, of each frame and the one before moved by the real video's flow.

    Frames uint8 [T,H,W,3], `within` bool [T,H,W]; the flow is that of the real frames for both. NaN where nothing is
    inside.
    """
    errors = []
    for t in range(1, len(frames)):
        inside = within[t] & within[t - 1]
        if inside.any():
            motion = flow(real[t - 1], real[t])
            errors.append(warped_difference(frames[t - 1], frames[t], motion)[inside].mean())
    return float(np.mean(errors)) if errors else np.nan
