"""Hands at ease: the template spreads its fingers wide, people hold them side by side."""

from functools import lru_cache

import numpy as np

from operators.actor.body.body import template

_KNUCKLES, _TIPS = 2.36, 2.72  # of the arm coordinate: from where fingers close in, to where most


@lru_cache(maxsize=1)
def together() -> np.ndarray:
    """float32 [V,3]: how the vertices of the fingers move so that all meet in one line; a third of it is natural."""
    attributes = template().attributes
    moved = np.zeros((len(attributes), 3), np.float32)
    for side in (-1, 1):
        fingers = (attributes[:, 3] > _KNUCKLES) & (attributes[:, 4] > 0.5) & (side * attributes[:, 0] > 0)
        points = attributes[fingers, :3]
        centred = points - points.mean(0)
        across = np.linalg.svd(centred, full_matrices=False)[2][1]
        share = np.clip((attributes[fingers, 3] - _KNUCKLES) / (_TIPS - _KNUCKLES), 0, 1)
        moved[fingers] = -(share * (centred @ across))[:, None] * across
    return moved
