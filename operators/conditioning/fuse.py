"""Cues -> the conditioning frames StructHuman and StructAll (ReGenHuman, section "Idea").

The paper blends with soft, undilated masks, which lets original human pixels through at the edges. Here masks
are hard: inside, no value of the output depends on the source's pixels.
"""

import cv2
import numpy as np

from operators.models.runtime.finite import check_finite
from schemas.clip import GRAY

_STROKE_LEVEL = 10  # a rendered skeleton shows where its gray value is above this


def fuse_structhuman(frames: np.ndarray, mask: np.ndarray, skeleton: np.ndarray) -> np.ndarray:
    """RGB outside the mask, constant gray inside, skeletons on top.

    frames, skeleton uint8 [T,H,W,3]; mask bool [T,H,W] -> uint8 [T,H,W,3].
    """
    _check(frames.shape, mask, skeleton)
    fused, gray = frames.copy(), np.full(frames.shape[1:], GRAY, np.uint8)
    for frame, inside in zip(fused, mask, strict=True):
        cv2.copyTo(gray, inside.view(np.uint8), frame)  # a tenth of what assigning to a bool's pixels takes
    return _paste(fused, skeleton)


def fuse_structall(depth: np.ndarray, mask: np.ndarray, skeleton: np.ndarray) -> np.ndarray:
    """Grayscale depth outside the mask, the frame's mean depth inside, skeletons on top.

    depth float32 [T,H,W], any scale, near = large; min-max normalised per frame. Minimum, maximum and mean are
    taken outside the mask: taken over the person they would tell of the body. A frame that is all mask is gray.
    Raises ValueError for depth that is not finite.
    """
    _check((*depth.shape, 3), mask, skeleton)
    check_finite(depth, what="depth")
    fused = np.full((*depth.shape, 3), GRAY, np.uint8)
    for frame, values, person in zip(fused, depth, mask, strict=True):
        outside = values[~person]
        if outside.size:
            low, high = float(outside.min()), float(outside.max())
            scaled = np.round((outside - low) / max(high - low, 1e-6) * 255).astype(np.uint8)
            frame[~person] = scaled[:, None]
            frame[person] = round(float(scaled.mean()))
    return _paste(fused, skeleton)


def _paste(fused: np.ndarray, skeleton: np.ndarray) -> np.ndarray:
    for frame, strokes in zip(fused, skeleton, strict=True):
        if strokes.any():
            shown = cv2.cvtColor(strokes, cv2.COLOR_RGB2GRAY) > _STROKE_LEVEL
            cv2.copyTo(strokes, shown.view(np.uint8), frame)
    return fused


def _check(shape: tuple[int, ...], mask: np.ndarray, skeleton: np.ndarray) -> None:
    if mask.dtype != bool or (*mask.shape, 3) != shape or skeleton.shape != shape:
        raise ValueError(f"shapes differ: {shape}, mask {mask.dtype} {mask.shape}, skeleton {skeleton.shape}")
