"""Hands: where their knuckles are, and fingers at ease, as the template spreads them wide."""

import numpy as np

_CLOSING, _TIPS = 2.36, 2.72  # of the arm coordinate: from where fingers close in, to where most
# On the template's hand, in metres from the wrist: along it, and across towards the thumb.
_KNUCKLES = {"index": (0.090, 0.028), "pinky": (0.082, -0.042), "thumb": (0.085, 0.066)}
_NEAR = 0.012


def together(attributes: np.ndarray) -> np.ndarray:
    """float32 [V,3]: how the vertices of the fingers move so that all meet in one line; a third of it is natural.

    attributes [V,8] of the template.
    """
    moved = np.zeros((len(attributes), 3), np.float32)
    for side in (1, -1):
        here, _, sideways, across = _hand(attributes, side)
        fingers = here & (attributes[:, 3] > _CLOSING)
        off = sideways[fingers] - sideways[fingers].mean()
        share = np.clip((attributes[fingers, 3] - _CLOSING) / (_TIPS - _CLOSING), 0, 1)
        moved[fingers] = -(share * off)[:, None] * across
    return moved


def knuckles(attributes: np.ndarray, skin: np.ndarray) -> list[np.ndarray]:
    """Of the vertices `skin`, those around the knuckles of index finger, little finger and thumb, of the left hand and
    of the right."""
    found = []
    for side in (1, -1):
        here, along, sideways, _ = _hand(attributes, side)
        for far, aside in _KNUCKLES.values():
            near = here[skin] & (np.hypot(along[skin] - far, sideways[skin] - aside) < _NEAR)
            found.append(skin[near])
    return found


def _hand(attributes: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """bool [V]: of that hand; metres [V] from its wrist along it, and across it towards the thumb; that way, [3]."""
    here = (attributes[:, 4] > 0.5) & (side * attributes[:, 0] > 0)
    points, arm = attributes[:, :3], attributes[:, 3]
    wrist = points[here & (np.abs(arm - 2) < 0.05)].mean(0)
    fingers = points[here & (arm > _CLOSING)]
    along = _unit(points[here & (arm > 2.3)].mean(0) - wrist)
    widest = np.linalg.svd(fingers - fingers.mean(0), full_matrices=False)[2][0]
    across = _unit(widest - (widest @ along) * along)
    across = across if across[1] < 0 else -across  # thumbs are in front
    return here, (points - wrist) @ along, (points - wrist) @ across, across


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector))
