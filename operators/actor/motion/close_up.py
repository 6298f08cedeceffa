"""A face that fills the frame: how tall they are whose face it is, and which joints cannot be theirs."""

import numpy as np

FACE = 5  # nose, eyes and ears, the first of the COCO joints
_EYES, _EARS, _FACE_ALONE = (1, 2), (3, 4), [1, 2, 3, 4]
_BETWEEN_EYES, _BETWEEN_EARS = 0.037, 0.09  # of the height, of adults (ANSUR II: 63 mm and 150 mm of 1.7 m)
SEEN = 0.3  # a joint's score
_FACING = 0.7  # of the widths seen, the one that counts: who looks aside has a narrower face
_OFTEN = 0.5  # of the frames in which both have to be seen
_UNLIKE, _UNSTEADY = 1.7, 0.2  # by how much eyes and ears may tell otherwise, and each frame: more is noise
_LEVEL = 0.9  # cosine between eyes and ears
_OFF = 0.6  # of the distance of the ears, how far from it the eyes may be, and the nose from them
_CLOSE = 2.2  # times the box's height: then most of them lies outside the frame
_NECK = 1.2  # widths of the head: what is nearer to the face's middle is none of the body's joints


def close_up(joints: np.ndarray, scores: np.ndarray, boxes: np.ndarray) -> tuple[float, np.ndarray]:
    """The height in px of somebody of whom hardly more than the face is seen, else 0; and scores [T,17] without joints
    of the body within the face, which a network that looks for whole people puts there.

    joints [T,17,2] px, scores [T,17], boxes [T,4] x0 y0 x1 y1 px.
    """
    height = _height(joints, scores)
    if height < _CLOSE * np.median(boxes[:, 3] - boxes[:, 1]):
        return 0.0, scores
    weight = scores[:, :FACE, None] * (scores[:, :FACE, None] > SEEN)
    middle = (joints[:, :FACE] * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)
    away = np.linalg.norm(joints - middle[:, None], axis=-1)
    within = away < _NECK * _BETWEEN_EARS * height
    within[:, :FACE] = False
    return height, np.where(within, 0.0, scores)


def shows_face(scores: np.ndarray) -> np.ndarray:
    """bool [T]: whether all of a face but one of its five points is seen, of scores [T,17]."""
    return np.asarray((scores[:, :FACE] > SEEN).sum(axis=1) >= FACE - 1)


def _height(joints: np.ndarray, scores: np.ndarray) -> float:
    """What eyes and ears say of the height, px; 0 unless they are seen often enough, and say the same."""
    seen = _is_face(joints, scores)
    if seen.sum() < _OFTEN * len(joints):
        return 0.0
    eyes, ears = (_apart(joints, pair) for pair in (_EYES, _EARS))
    told = np.maximum(eyes / _BETWEEN_EYES, ears / _BETWEEN_EARS)[seen]
    height = float(np.quantile(told, _FACING))
    return height if np.median(np.abs(told - height)) < _UNSTEADY * height else 0.0


def _is_face(joints: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """bool [T]: whether eyes and ears are seen, and lie as in a face that looks this way."""
    eyes, ears = (_apart(joints, pair) for pair in (_EYES, _EARS))
    across = joints[:, _EARS[0]] - joints[:, _EARS[1]]
    level = ((joints[:, _EYES[0]] - joints[:, _EYES[1]]) * across).sum(axis=1) > _LEVEL * eyes * ears
    middle = (joints[:, _EYES[0]] + joints[:, _EYES[1]]) / 2
    between = np.linalg.norm(middle - (joints[:, _EARS[0]] + joints[:, _EARS[1]]) / 2, axis=-1) < _OFF * ears
    nose = np.linalg.norm(joints[:, 0] - middle, axis=-1) < _OFF * ears
    told = eyes / _BETWEEN_EYES, ears / _BETWEEN_EARS
    alike = np.maximum(*told) < _UNLIKE * np.minimum(*told)
    return np.asarray((scores[:, _FACE_ALONE] > SEEN).all(axis=1) & level & between & nose & alike)


def _apart(joints: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    return np.asarray(np.linalg.norm(joints[:, pair[0]] - joints[:, pair[1]], axis=-1))
