"""One person followed through a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from schemas.clip import Person


@dataclass(frozen=True)
class Track:
    """One person over the frames `first` .. `first + N - 1` of a clip's window.

    body       bool [N,H,W]: what was detected (or filled in between detections); may be empty in frames
               that the union over neighbours reaches into
    mask       bool [N,H,W]: `body` joined over neighbouring frames and dilated; what gets regenerated
    keypoints  float32 [N,K,3], K as in PoseDetections, x, y in pixels and score; score 0 where nothing is known
    score      of the surest sight of them
    """

    number: int
    first: int
    body: np.ndarray
    mask: np.ndarray
    keypoints: np.ndarray
    score: float = 1.0

    def is_at(self, t: int) -> bool:
        """Whether frame `t` of the window is one of the track's."""
        return 0 <= t - self.first < len(self.keypoints)

    def keypoints_at(self, t: int) -> np.ndarray:
        """float32 [K,3] in frame `t` of the window, which is one of the track's."""
        return np.asarray(self.keypoints[t - self.first])

    def boxes_throughout(self) -> np.ndarray:
        """float32 [N,4]: boxes of the body, between and beyond the frames that have one as far as those around tell."""
        boxes, steps = self.person().boxes, np.arange(len(self.body))
        known = np.isfinite(boxes[:, 0])
        if not known.any():
            boxes, known = (
                np.array([_extent(mask) for mask in self.mask], np.float32).reshape(-1, 4),
                known | True,
            )
        columns = [np.interp(steps, steps[known], column[known]) for column in boxes.T]
        return np.stack(columns, axis=1).astype(np.float32)

    def person(self) -> Person:
        """What may go on with the clip: boxes of the body, and joints."""
        boxes = np.array([_extent(body) for body in self.body], np.float32).reshape(-1, 4)
        return Person(self.number, self.first, boxes, self.keypoints)


def union(people: Sequence[Track], name: Literal["body", "mask"], shape: tuple[int, ...]) -> np.ndarray:
    """bool [T,H,W] of `shape`: everybody's `body` or `mask`."""
    joined = np.zeros(shape, bool)
    for track in people:
        joined[track.first : track.first + len(track.mask)] |= getattr(track, name)
    return joined


def _extent(body: np.ndarray) -> tuple[float, float, float, float]:
    """x0 y0 x1 y1 of a bool [H,W]; NaN if nothing is set."""
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    if not len(rows):
        return (np.nan,) * 4
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
