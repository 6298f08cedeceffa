"""Hands: where their knuckles are, and their fingers, which the template spreads wide and which bend."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

_CLOSING, _TIPS = 2.36, 2.72  # of the arm coordinate: from where fingers close in, to where most
# On the template's hand, in metres from the wrist: along it, and across towards the thumb.
_KNUCKLES = {"index": (0.090, 0.028), "pinky": (0.082, -0.042), "thumb": (0.085, 0.066)}
_NEAR = 0.012
_WEB, _ROOT = 0.11, 0.085  # metres from the wrist: where fingers are apart, and where they begin to bend
_THUMB, _ASIDE = (0.045, 0.105), 0.048  # along, from where to where, and across: there is the thumb
_BENT, _THUMB_BENT = 4.1, 1.5  # radians of a finger, and of a thumb, in the palm


def fingers(
    attributes: np.ndarray, faces: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Thumb, index, middle, ring and little finger of the left hand and then of the right: their vertices int64 [M],
    those at the root and at the tip, and how far they bend.

    attributes [V,8] of the template, faces int64 [F,3] of its skin.
    """
    found = []
    for side in (1, -1):
        here, along, sideways, _ = _hand(attributes, side)
        here &= np.isin(np.arange(len(here)), faces)
        thumb = here & (along > _THUMB[0]) & (along < _THUMB[1]) & (sideways > _ASIDE)
        tips = _apart(here & (along > _WEB) & ~thumb, faces)
        tips.sort(key=lambda one: -sideways[one].mean())
        assert len(tips) == 4, f"{len(tips)} fingers"
        own = np.flatnonzero(here & (along > _ROOT) & ~thumb)
        lines = [np.polyfit(along[tip], sideways[tip], 1) for tip in tips]
        nearest = np.argmin([np.abs(np.polyval(line, along[own]) - sideways[own]) for line in lines], 0)
        groups = [np.flatnonzero(thumb), *(own[nearest == number] for number in range(4))]
        for number, group in enumerate(groups):
            order = np.argsort(along[group] if number else sideways[group] + along[group])
            few = max(6, len(group) // 10)
            most = _BENT if number else _THUMB_BENT
            found.append((group, group[order[:few]], group[order[-few:]], most))
    return found


def _apart(chosen: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    """Pieces of the mesh that hang together, of the vertices `chosen` bool [V]."""
    inner = faces[chosen[faces].all(1)]
    links = (np.ones(inner.size), (inner.ravel(), inner[:, [1, 2, 0]].ravel()))
    _, piece = connected_components(coo_array(links, (len(chosen),) * 2), directed=False)
    used = np.unique(inner)
    return [used[piece[used] == number] for number in np.unique(piece[used])]


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
