"""What the cue models see in one frame. Boxes are x0 y0 x1 y1 in pixels; N may be 0."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class PersonBoxes:
    """boxes float32 [N,4], scores float32 [N]."""

    boxes: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class PoseDetections:
    """boxes float32 [N,4], scores float32 [N], keypoints float32 [N,K,3] (x, y in pixels, score).

    K is 17 (COCO's order), 59 with the 21 points of the left and of the right hand, or 127 with 68 of the face as
    well (COCO-WholeBody's order of each).
    """

    boxes: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray


@dataclass(frozen=True)
class Strings:
    """What is read in one frame: boxes float32 [N,4], scores float32 [N], and the N strings; and boxes float32 [M,4] of
    lines in a script that the reader does not know."""

    boxes: np.ndarray
    scores: np.ndarray
    texts: list[str]
    unread: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))


@dataclass(frozen=True)
class Patch:
    """A mask of a frame without its empty surroundings: a crowd in 4K would otherwise take gigabytes.

    inside bool [h,w]; its left upper pixel is the frame's `x`, `y`.
    """

    x: int
    y: int
    inside: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> "Patch":
        """Of a whole frame's mask bool [H,W]."""
        rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
        if not len(rows):
            return cls(0, 0, np.zeros((0, 0), bool))
        x, y = int(columns[0]), int(rows[0])
        return cls(x, y, mask[y : rows[-1] + 1, x : columns[-1] + 1].copy())

    @classmethod
    def of_box(cls, box: np.ndarray, size: tuple[int, int]) -> "Patch":
        """All of a box x0 y0 x1 y1, as far as it lies within a frame of `size` (H, W)."""
        x0, y0, x1, y1 = np.clip(box, 0, [size[1], size[0]] * 2)
        x, y = int(x0), int(y0)
        return cls(x, y, np.ones((int(np.ceil(y1)) - y, int(np.ceil(x1)) - x), bool))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0 y0 x1 y1."""
        return self.x, self.y, self.x + self.inside.shape[1], self.y + self.inside.shape[0]

    @property
    def area(self) -> int:
        """Pixels that are set."""
        return int(np.count_nonzero(self.inside))

    def within(self, x: int, y: int, height: int, width: int) -> np.ndarray:
        """bool [height,width]: what of it lies in the window whose left upper pixel is x, y."""
        window = np.zeros((height, width), bool)
        (h, w), left, top = self.inside.shape, self.x - x, self.y - y
        window[max(0, top) : max(0, top + h), max(0, left) : max(0, left + w)] = self.inside[
            max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)
        ]
        return window

    def __or__(self, other: "Patch") -> "Patch":
        """Both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        bottom = max(self.y + self.inside.shape[0], other.y + other.inside.shape[0])
        right = max(self.x + self.inside.shape[1], other.x + other.inside.shape[1])
        window = x, y, bottom - y, right - x
        return Patch(x, y, self.within(*window) | other.within(*window))


@dataclass(frozen=True)
class InstanceMasks:
    """boxes float32 [N,4], scores float32 [N], masks: N patches at the frame's resolution."""

    boxes: np.ndarray
    scores: np.ndarray
    masks: list[Patch]
