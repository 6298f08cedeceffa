"""Somebody of whom a source's owner says where they are."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Listed:
    """One person in one frame, see operators/planning/people.py. Empty `consent` and `by`: to be masked like everybody.

    x0 y0 x1 y1 in pixels of the picture as displayed; `frame` counts those of what the list belongs to.
    """

    frame: int
    x0: float
    y0: float
    x1: float
    y1: float
    consent: str = ""
    by: str = ""

    @property
    def box(self) -> np.ndarray:
        """float32 [4]."""
        return np.array([self.x0, self.y0, self.x1, self.y1], np.float32)

    def is_in(self, size: tuple[int, int]) -> bool:
        """Whether the box is in order, and at least a pixel of it lies in a picture of `size` (height, width), beyond
        which it reaches no farther than the picture is large."""
        sides = (self.x0, self.x1, size[1]), (self.y0, self.y1, size[0])
        return all(
            -most <= low and high <= 2 * most and max(0, low) + 1 <= min(most, high)
            for low, high, most in sides  # of no number nothing is true
        )
