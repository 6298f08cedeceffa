"""Boxes of several people together, as detectors draw them around a crowd in the distance."""

import numpy as np

from operators.models.boxes import shared_area
from schemas.cues import PersonBoxes

_FAINT = 0.6  # the most that a detector is sure of a group
_WIDE = 1.5  # how many times its height a group is wide at least
_SEVERAL, _SURER = 2, 0.3  # so many people, each so much surer,
_SMALL, _WITHIN = (
    0.15,
    0.9,
)  # each of that share of the group's area at most, and with that share of their own in it


def groups(found: PersonBoxes) -> np.ndarray:
    """bool [N]: which boxes of one frame are not of somebody, but around several who are found by themselves.

    As a person, a group would have everything between its people masked. Whoever is large, or upright, or seen surely
    stays, whoever else is in their box.
    """
    wide, high = (found.boxes[:, 2:] - found.boxes[:, :2]).T
    areas = np.maximum(wide * high, 1e-6)
    members = (shared_area(found.boxes, found.boxes) >= _WITHIN * areas[None]) & (
        areas[None] <= _SMALL * areas[:, None]
    )
    members &= found.scores[None] >= found.scores[:, None] + _SURER
    return np.asarray((found.scores <= _FAINT) & (wide > _WIDE * high) & (members.sum(axis=1) >= _SEVERAL))
