"""A mask over some frames, frame by frame without its empty surroundings."""

from dataclasses import dataclass, replace

import numpy as np

from schemas.cues import Patch


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
