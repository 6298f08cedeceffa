"""How far an actor's fingers are bent, by the points of a hand."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

COUNT = 10  # thumb to little finger of the left hand, then of the right
_HANDS, _POINTS = (17, 38), 21  # where a hand's points begin among PoseDetections', and how many they are
_WRIST, _INDEX, _MIDDLE, _LITTLE = 0, 5, 9, 17  # knuckles among them
_TIPS = [4, 8, 12, 16, 20]
# How far a tip is from the wrist, in palms (from there to the middle finger's knuckle): of a straight finger, and of
# one that lies in the palm. A thumb's is measured from the little finger's knuckle.
_STRAIGHT = np.array([1.3, 1.78, 1.88, 1.78, 1.55])
_IN_PALM = np.array([0.55, 0.85, 0.85, 0.8, 0.75])
_ACROSS = (
    1.15  # palms in the distance between the knuckles of index and little finger: a hand seen from its end
)
_EASE = np.array([0.2, 0.22, 0.28, 0.32, 0.36], np.float32)  # of a hand that nobody sees
_CALM = 1.0  # frames, sigma


def at_ease(frames: int) -> np.ndarray:
    """float32 [N,10]: fingers of hands that nobody sees."""
    return np.tile(_EASE, (frames, 2))


def bent_fingers(joints: np.ndarray) -> np.ndarray:
    """float32 [N,10], 0 straight to 1 in the palm, for joints float32 [N,K,3] as in schemas/cues.PoseDetections.

    Of a hand that is not seen in a frame the fingers are on the way between what was seen before and after; of one that
    never is, at ease.
    """
    found = at_ease(len(joints))
    for number, first in enumerate(_HANDS):
        hand = joints[:, first : first + _POINTS]
        if hand.shape[1] < _POINTS:
            continue
        bent, known = _bent(hand[..., :2].astype(float)), (hand[..., 2] > 0).all(axis=1)
        at = np.flatnonzero(known & np.isfinite(bent).all(axis=1))
        if len(at):
            ways = [np.interp(np.arange(len(hand)), at, bent[at, finger]) for finger in range(5)]
            found[:, 5 * number : 5 * number + 5] = gaussian_filter1d(
                np.stack(ways, 1), _CALM, axis=0, mode="nearest"
            )
    return found.astype(np.float32)


def _bent(hand: np.ndarray) -> np.ndarray:
    """[N,5] of points [N,21,2]; not finite where a hand is no larger than a point."""
    palm = np.linalg.norm(hand[:, _MIDDLE] - hand[:, _WRIST], axis=1)
    palm = np.maximum(palm, _ACROSS * np.linalg.norm(hand[:, _INDEX] - hand[:, _LITTLE], axis=1))
    reach = np.linalg.norm(hand[:, _TIPS] - hand[:, [_LITTLE, *[_WRIST] * 4]], axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (_STRAIGHT - reach / palm[:, None]) / (_STRAIGHT - _IN_PALM)
    return np.where(np.isfinite(share), np.clip(share, 0, 1), np.nan)
