"""Edges of a drawing that has one sample a pixel, as soft as a camera's."""

import cv2
import numpy as np

_APART = 0.03  # m between neighbouring pixels that show different things
_FAR = 1e3  # m
_AROUND = np.ones((3, 3), np.uint8)


def smooth(rgba: np.ndarray, depth: np.ndarray) -> None:
    """Soften a drawing in place: float32 [H,W,4], colour not multiplied by coverage, and metres float32 [H,W].

    Where somebody ends, or an arm lies before the trunk, a pixel takes a little of those around it; others stay.
    """
    near = np.minimum(depth, _FAR)
    nearest = cv2.erode(near, _AROUND)
    edge = cv2.dilate(near, _AROUND) - nearest > _APART
    cover = rgba[..., 3:]
    around = cv2.GaussianBlur(np.concatenate([rgba[..., :3] * cover, cover], axis=2), (3, 3), 0)
    soft = np.concatenate([around[..., :3] / np.maximum(around[..., 3:], 1e-6), around[..., 3:]], axis=2)
    rgba[edge] = soft[edge]
    begun = edge & np.isinf(depth)
    depth[begun] = nearest[begun]
