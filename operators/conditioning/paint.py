"""Painting over: what a policy has blacked out, blurred or filled from around it in the source."""

import cv2
import numpy as np

from operators.actor.background.inpaint import inpaint
from operators.conditioning.pieces import around

PAINTS = ("blackout", "blur", "inpaint")
_AROUND = 0.5  # of a rectangle's longer side: from how far beside it what fills it is taken
_LEAST = 8  # px


def paint(frames: np.ndarray, painted: np.ndarray, hidden: np.ndarray | None = None, first: int = 0) -> None:
    """Paint over rectangles of `frames` uint8 [T,H,W,3], in place; the same rectangles give the same frames.

    painted int32 [N,6]: index into PAINTS, frame, x0, y0, x1, y1; of `frames` the first is number `first`. hidden bool
    [T,H,W] or None: the masks of people, whom no fill is taken from. A blur leaves one row of averages, each as wide as
    the rectangle is high, so about three letters share one, and smooths between them. That cannot be read, but whoever
    has a list of strings can test which of them fits; black and a fill leave nothing.
    """
    rows = painted[painted[:, 1] >= first]
    for action, t, *box in rows.tolist():
        part = frames[t - first][around(np.array(box), 0)]
        if part.size and PAINTS[action] == "blackout":
            part[:] = 0
        elif part.size and PAINTS[action] == "blur":
            part[:] = _blurred(part)
    filled = rows[rows[:, 0] == PAINTS.index("inpaint"), 1:]
    for t in np.unique(filled[:, 0]) - first:
        people = np.zeros(frames.shape[1:3], bool) if hidden is None else hidden[t]
        _fill(frames[t], filled[filled[:, 0] == t + first, 1:], people)


def _blurred(part: np.ndarray) -> np.ndarray:
    height, width = part.shape[:2]
    row = (max(1, round(width / height)), 1)
    averages = cv2.resize(np.ascontiguousarray(part), row, interpolation=cv2.INTER_AREA)
    return cv2.resize(averages, (width, height), interpolation=cv2.INTER_LINEAR)


def _fill(frame: np.ndarray, rectangles: np.ndarray, hidden: np.ndarray) -> None:
    """Rectangles int [N,4] of a frame uint8 [H,W,3] from what lies around them and is neither in one nor `hidden`.

    Black where nothing is: what is to be covered is never shown.
    """
    unread = hidden.copy()
    for box in rectangles:
        unread[around(box, 0)] = True
    known = np.where(unread[..., None], np.uint8(0), frame)
    for box in rectangles:
        margin = _LEAST + round(_AROUND * int((box[2:] - box[:2]).max()))
        place, window = around(box, 0), around(box, margin)
        closed = inpaint(known[window], unread[window], patches=False)
        top, left = (inner.start - outer.start for inner, outer in zip(place, window, strict=True))
        height, width = frame[place].shape[:2]
        frame[place] = closed[top : top + height, left : left + width]
