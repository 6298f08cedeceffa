"""Painting over: what a policy has blacked out, blurred or filled from around it in the source."""

import cv2
import numpy as np

from operators.actor.background.inpaint import inpaint

PAINTS = ("blackout", "blur", "inpaint")
_AROUND = 0.5  # of a rectangle's longer side: from how far beside it what fills it is taken
_LEAST = 8  # px


def paint(frames: np.ndarray, painted: np.ndarray, hidden: np.ndarray | None = None) -> None:
    """Paint over rectangles of `frames` uint8 [T,H,W,3], in place; the same rectangles give the same frames.

    painted int32 [N,6]: index into PAINTS, frame, x0, y0, x1, y1. hidden bool [T,H,W] or None: the masks of people,
    whom no fill is taken from. A blur leaves one row of averages, each as wide as the rectangle is high, so about three
    letters share one, and smooths between them. That cannot be read, but whoever has a list of strings can test which
    of them fits; black and a fill leave nothing.
    """
    for action, t, x0, y0, x1, y1 in painted.tolist():
        part = frames[t, max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
        if not part.size:
            continue
        match PAINTS[action]:
            case "blackout":
                part[:] = 0
            case "blur":
                part[:] = _blurred(part)
    filled = painted[painted[:, 0] == PAINTS.index("inpaint"), 1:]
    for t in np.unique(filled[:, 0]).tolist():
        rectangles = filled[filled[:, 0] == t, 1:]
        _fill(frames[t], rectangles, np.zeros(frames.shape[1:3], bool) if hidden is None else hidden[t])


def _blurred(part: np.ndarray) -> np.ndarray:
    height, width = part.shape[:2]
    row = (max(1, round(width / height)), 1)
    averages = cv2.resize(np.ascontiguousarray(part), row, interpolation=cv2.INTER_AREA)
    return cv2.resize(averages, (width, height), interpolation=cv2.INTER_LINEAR)


def _fill(frame: np.ndarray, rectangles: np.ndarray, hidden: np.ndarray) -> None:
    """Rectangles int [N,4] of a frame uint8 [H,W,3] from what lies around them and is neither in one nor `hidden`.

    Black where nothing is: what is to be covered is never shown.
    """
    inside = np.zeros_like(hidden)
    for x0, y0, x1, y1 in np.maximum(rectangles, 0).tolist():
        inside[y0:y1, x0:x1] = True
    unread = inside | hidden
    for x0, y0, x1, y1 in rectangles.tolist():
        margin = _LEAST + round(_AROUND * max(x1 - x0, y1 - y0))
        window = (
            slice(max(0, y0 - margin), max(0, y1 + margin)),
            slice(max(0, x0 - margin), max(0, x1 + margin)),
        )
        here = np.zeros_like(inside)
        here[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
        known = np.where(unread[window][..., None], np.uint8(0), frame[window])
        closed = inpaint(known, unread[window], patches=False)
        frame[window][here[window]] = closed[here[window]]
