"""Masks as COCO's uncompressed RLE: counts of 0 and 1 in turn, down the columns, the first of 0."""

from collections.abc import Sequence

import numpy as np


def runs(mask: np.ndarray) -> list[int]:
    """bool [H,W] -> counts."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return [0, *counts] if flat.size and flat[0] else counts


def unrolled(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """Counts -> bool [H,W]. Raises ValueError unless they are those of such a mask, in the one way to write it."""
    if not counts or min(counts) < 0 or min(counts[1:], default=1) < 1 or sum(counts) != height * width:
        raise ValueError("counts of no mask of this size")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T
