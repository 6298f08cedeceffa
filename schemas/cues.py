"""What the cue models see in one frame, and masks of some. Boxes are x0 y0 x1 y1 in pixels; N may be 0."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
    def of(cls, mask: np.ndarray, x: int = 0, y: int = 0) -> "Patch":
        """What is set in a mask bool [H,W] of a frame, or of the part of one that begins at `x`, `y`."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return cls(0, 0, np.zeros((0, 0), bool))
        left, top = int(columns[0]), int(rows[0])
        return cls(x + left, y + top, mask[top : rows[-1] + 1, left : columns[-1] + 1].copy())

    @classmethod
    def of_box(cls, box: np.ndarray, size: tuple[int, ...]) -> "Patch":
        """All of a box x0 y0 x1 y1, as far as it lies within a frame of `size` (H, W)."""
        x0, y0, x1, y1 = np.clip(box, 0, [size[1], size[0]] * 2)
        x, y = int(x0), int(y0)
        return cls(x, y, np.ones((int(np.ceil(y1)) - y, int(np.ceil(x1)) - x), bool))

    @classmethod
    def union(cls, patches: Iterable["Patch"]) -> "Patch":
        """All of them in one."""
        some = [one for one in patches if one.inside.size]
        if not some:
            return cls(0, 0, np.zeros((0, 0), bool))
        boxes = np.array([one.box for one in some])
        (x, y), (right, bottom) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
        inside = np.zeros((bottom - y, right - x), bool)
        for one in some:
            replace(one, x=one.x - x, y=one.y - y).paste(inside)
        return cls(x, y, inside)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0 y0 x1 y1."""
        return self.x, self.y, self.x + self.inside.shape[1], self.y + self.inside.shape[0]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the frame, which it lies within."""
        x0, y0, x1, y1 = self.box
        return slice(y0, y1), slice(x0, x1)

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

    def clipped(self, size: tuple[int, ...]) -> "Patch":
        """What of it is set within a frame of `size` (H, W)."""
        return self & Patch.of_box(np.array(self.box), size)

    def paste(self, frame: np.ndarray) -> None:
        """Set it in a bool [H,W] that it lies within."""
        frame[self.window] |= self.inside

    def pick(self, frame: np.ndarray) -> np.ndarray:
        """The values [n,...] of a frame [H,W,...] where it is set."""
        return np.asarray(frame[self.window][self.inside])

    def __or__(self, other: "Patch") -> "Patch":
        """Both."""
        return Patch.union([self, other])

    def __and__(self, other: "Patch") -> "Patch":
        """What is set in both."""
        return Patch.of(self.within(other.x, other.y, *other.inside.shape) & other.inside, other.x, other.y)


@dataclass(frozen=True)
class Patches:
    """A mask bool [N,H,W] as a patch for each of its N frames of `size` (H, W), all of which lie within the frame.

    It takes what the people in it take, not what the frames would. Who differs in a frame shares the others.
    """

    size: tuple[int, int]
    frames: tuple[Patch, ...]

    @classmethod
    def of(cls, mask: "np.ndarray | Patches") -> "Patches":
        """Of whole frames bool [N,H,W]; what is patches already is given back."""
        if isinstance(mask, Patches):
            return mask
        return cls((mask.shape[1], mask.shape[2]), tuple(Patch.of(frame) for frame in mask))

    def __len__(self) -> int:
        return len(self.frames)

    def whole(self) -> np.ndarray:
        """bool [N,H,W]."""
        whole = np.zeros((len(self), *self.size), bool)
        self.paste(whole)
        return whole

    def paste(self, clip: np.ndarray, first: int = 0) -> None:
        """Set them in a bool [T,H,W] from frame `first` on."""
        for frame, patch in zip(clip[first : first + len(self)], self.frames, strict=True):
            patch.paste(frame)

    def boxes(self) -> np.ndarray:
        """float32 [N,4]: x0 y0 x1 y1 of what is set; NaN where nothing is."""
        tight = (Patch.of(patch.inside, patch.x, patch.y) for patch in self.frames)
        extents = [patch.box if patch.inside.size else (np.nan,) * 4 for patch in tight]
        return np.array(extents, np.float32).reshape(-1, 4)

    def joined(self, i: int, patch: Patch) -> "Patches":
        """The same with a patch more in frame `i`."""
        return replace(self, frames=(*self.frames[:i], self.frames[i] | patch, *self.frames[i + 1 :]))


@dataclass(frozen=True)
class InstanceMasks:
    """boxes float32 [N,4], scores float32 [N], masks: N patches at the frame's resolution."""

    boxes: np.ndarray
    scores: np.ndarray
    masks: list[Patch]
