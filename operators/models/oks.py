"""Object keypoint similarity, as COCO measures whether two poses are one (Lin et al., ECCV 2014)."""

import numpy as np

# How far COCO's 17 joints are apart when two people mark them, in shares of the person's size.
_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float32) / 1000
_KNOWN = 0.2  # score of a joint that counts
_LEAST = 4  # joints that both know; from fewer nothing follows


def oks(a: np.ndarray, b: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """float32 [N,M], 0 to 1: how much poses a [N,K,3] and b [M,K,3] are alike; 0 where too few joints are known.

    Points are x, y in pixels and score, of which COCO's 17 count. `areas` [N] in px² are those of a's people.
    """
    a, b = a[:, None, :17], b[None, :, :17]
    known = (a[..., 2] > _KNOWN) & (b[..., 2] > _KNOWN)
    squares = ((a[..., :2] - b[..., :2]) ** 2).sum(axis=-1)
    near = np.exp(-squares / (2 * np.maximum(areas, 1)[:, None, None] * (2 * _SIGMAS) ** 2))
    count = known.sum(axis=-1)
    return np.where(count >= _LEAST, (near * known).sum(axis=-1) / np.maximum(count, 1), 0).astype(np.float32)
