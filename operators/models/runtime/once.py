"""The same picture is looked at once: a detector says the same of it, however often it is asked."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

import numpy as np

_KEPT = 512  # pictures: several windows, so that a clip's next try may profit
_Found = TypeVar("_Found")


class Once(Generic[_Found]):
    """Frames uint8 [T,H,W,3] -> what `detect` finds in each, asked for those alone that it was not shown of late.

    A picture is told by all its bytes and its size, so a frame that was painted over is another one. `detect` has to
    say of a frame what it says of it alone. Raises ValueError if it leaves a frame out.
    """

    def __init__(self, detect: Callable[[np.ndarray], Sequence[_Found]], kept: int = _KEPT) -> None:
        self.detect, self.kept = detect, kept
        self.found: dict[bytes, _Found] = {}

    def __call__(self, frames: np.ndarray) -> list[_Found]:
        names = [_name(frame) for frame in frames]
        new = {name: t for t, name in enumerate(names) if name not in self.found}
        if new:
            shown = frames if len(new) == len(frames) else frames[sorted(new.values())]
            seen = self.detect(shown)
            if len(seen) != len(new):
                raise ValueError(f"a detector looked at {len(seen)} of {len(new)} frames")
            self.found |= dict(zip(sorted(new, key=lambda name: new[name]), seen, strict=True))
        found = [self.found[name] for name in names]
        for name in list(self.found)[: max(0, len(self.found) - self.kept)]:
            del self.found[name]
        return found


def _name(frame: np.ndarray) -> bytes:
    return repr(frame.shape).encode() + blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest()
