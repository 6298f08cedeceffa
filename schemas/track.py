"""One person followed through a clip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from schemas.clip import Person
from schemas.cues import Patch, Patches


@dataclass(frozen=True)
class Track:
    """One person over the frames `first` .. `first + N - 1` of a clip's window.

    bodies     what was detected (or filled in between detections); may be empty in frames that the union over
               neighbours reaches into
    masks      `bodies` joined over neighbouring frames and dilated; what gets regenerated
    keypoints  float32 [N,K,3], K as in PoseDetections, x, y in pixels and score; score 0 where nothing is known
    score      of the surest sight of them

    Whole frames, bool [N,H,W], are taken for `bodies` and `masks`, too.
    """

    number: int
    first: int
    bodies: Patches
    masks: Patches
    keypoints: np.ndarray
    score: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "bodies", Patches.of(self.bodies))
        object.__setattr__(self, "masks", Patches.of(self.masks))

    @property
    def body(self) -> np.ndarray:
        """bool [N,H,W], made when it is asked for."""
        return self.bodies.whole()

    @property
    def mask(self) -> np.ndarray:
        """bool [N,H,W], made when it is asked for."""
        return self.masks.whole()

    def is_at(self, t: int) -> bool:
        """Whether frame `t` of the window is one of the track's."""
        return 0 <= t - self.first < len(self.keypoints)

    def keypoints_at(self, t: int) -> np.ndarray:
        """float32 [K,3] in frame `t` of the window, which is one of the track's."""
        return np.asarray(self.keypoints[t - self.first])

    def mask_at(self, t: int) -> Patch:
        """The mask in frame `t` of the window; nothing in those that are none of the track's."""
        return self.masks.frames[t - self.first] if self.is_at(t) else Patch.union([])

    def covering(self, t: int, patch: Patch) -> "Track":
        """The same with a patch more in the mask of frame `t`, which is one of the track's."""
        return replace(self, masks=self.masks.joined(t - self.first, patch))

    def boxes_throughout(self) -> np.ndarray:
        """float32 [N,4]: boxes of the body, between and beyond the frames that have one as far as those around tell."""
        boxes, steps = self.bodies.boxes(), np.arange(len(self.bodies))
        known = np.isfinite(boxes[:, 0])
        if not known.any():
            boxes, known = self.masks.boxes(), known | True
        columns = [np.interp(steps, steps[known], column[known]) for column in boxes.T]
        return np.stack(columns, axis=1).astype(np.float32)

    def person(self) -> Person:
        """What may go on with the clip: boxes of the body, and joints."""
        return Person(self.number, self.first, self.bodies.boxes(), self.keypoints)


def union(people: Sequence[Track], name: Literal["body", "mask"], shape: tuple[int, ...]) -> np.ndarray:
    """bool [T,H,W] of `shape`: everybody's `body` or `mask`."""
    joined = np.zeros(shape, bool)
    for track in people:
        (track.bodies if name == "body" else track.masks).paste(joined, track.first)
    return joined
