"""Which box belongs to which: overlap, the best one-to-one pairs, and each thing once."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def shared_area(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[N,M]: area that boxes x0 y0 x1 y1, [N,4] and [M,4], have in common; N and M may be 0."""
    a, b = np.reshape(a, (-1, 4)), np.reshape(b, (-1, 4))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.prod(np.clip(high - low, 0, None), axis=2))


def box_area(boxes: np.ndarray) -> np.ndarray:
    """[...]: of boxes x0 y0 x1 y1, [...,4]."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1))


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float [N,M]: intersection over union of boxes x0 y0 x1 y1, [N,4] and [M,4]; N and M may be 0."""
    a, b = np.reshape(a, (-1, 4)), np.reshape(b, (-1, 4))
    shared = shared_area(a, b)
    area_a, area_b = box_area(a), box_area(b)
    return np.asarray(shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-6))


def best_pairs(overlap: np.ndarray, least: float) -> dict[int, int]:
    """Row -> column of the one-to-one pairs that share most in all (Kuhn 1955), each at least `least` of `overlap`
    [N,M]."""
    rows, columns = linear_sum_assignment(-overlap)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= least}


def surest_once(boxes: np.ndarray, scores: np.ndarray, most: float) -> np.ndarray:
    """int [K]: the boxes [N,4] that share at most `most` (IoU) with every surer one of them, surest first; scores [N].

    Non-maximum suppression. torchvision has it, too, and takes two seconds of every process that only imports it.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        order = rest[box_iou(boxes[first], boxes[rest])[0] <= most]
    return np.array(kept, int)
