"""Detectors for the gates that see what a test wants them to."""

import numpy as np

from operators.gates.people import Detector
from schemas.cues import InstanceMasks, Patch, PersonBoxes

NOTHING = InstanceMasks(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])


def nobody(frames: np.ndarray, _covered: np.ndarray) -> list[InstanceMasks]:
    """Sees an empty scene in every frame."""
    return [NOTHING] * len(frames)


def no_boxes(frames: np.ndarray) -> list[PersonBoxes]:
    """A final look at an empty scene."""
    return [PersonBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)) for _ in frames]


def seeing(
    box: tuple[int, int, int, int], score: float = 0.9, until: int | None = None, hides: bool = True
) -> Detector:
    """Sees somebody at `box` in frames 0 to `until`, told by their numbers in the look at all frames.

    When looked at again she is gone where `covered` holds all of the box, unless she `hides` not.
    """
    x0, y0, x1, y1 = box

    def look(frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        found = []
        for t, hidden in enumerate(covered):
            gone = hides and hidden[y0:y1, x0:x1].all()
            there = Patch.of_box(np.array(box), hidden.shape)
            one = InstanceMasks(np.array([box], np.float32), np.array([score], np.float32), [there])
            found.append(NOTHING if gone or (until is not None and t >= until) else one)
        return found

    return look
