"""Painting over: what a policy has blacked out or blurred in the source."""

import cv2
import numpy as np

PAINTS = ("blackout", "blur")


def paint(frames: np.ndarray, painted: np.ndarray) -> None:
    """Paint over rectangles of `frames` uint8 [T,H,W,3], in place; the same rectangles give the same frames.

    painted int32 [N,6]: index into PAINTS, frame, x0, y0, x1, y1. A blur leaves one row of averages, each as wide as
    the rectangle is high, so about three letters share one, and smooths between them. That cannot be read, but whoever
    has a list of strings can test which of them fits; black leaves nothing.
    """
    for action, t, x0, y0, x1, y1 in painted.tolist():
        part = frames[t, max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
        if not part.size:
            continue
        if PAINTS[action] == "blackout":
            part[:] = 0
        else:
            height, width = part.shape[:2]
            averages = cv2.resize(
                np.ascontiguousarray(part), (max(1, round(width / height)), 1), interpolation=cv2.INTER_AREA
            )
            part[:] = cv2.resize(averages, (width, height), interpolation=cv2.INTER_LINEAR)
