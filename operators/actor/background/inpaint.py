"""What nobody sees, made up from what lies around it: patches of the known picture that fit together.

Seen from afar, a picture is completed after Wexler et al. (2007), with nearest patches found as in PatchMatch (Barnes
et al. 2009). That is a guess of what lies where; what is shown are pieces of the picture itself (shifts.py,
montage.py): boards, walls and lawns go on where a blur or a mirror image would show the outline of who was there.
"""

import cv2
import numpy as np

from operators.actor.background.montage import montage, smaller
from operators.actor.background.patches import RADIUS, PatchSearch
from operators.actor.background.shifts import chosen_shifts
from operators.actor.smoothstep import smoothstep

_LEVELS = (28, 5), (64, 2)  # px of the longer side of what is looked at, and rounds of looking and painting
_SLIVER = 0.002  # of the picture: smaller holes are closed from their edges
_AROUND = 0.5  # of the hole's size: what is looked at beside it
_JOINED, _MOST = 0.03, 12  # of the picture's longer side: holes that near are one; so many are gone into
_MOST_OF_IT = 0.6, 0.75  # of the picture: of so large holes the middle is shown out of focus,
_DEEP = 0.02, 0.12  # of what is looked at: so far from what is known
_BLUR = 0.03  # of it, as sigma
_FEWEST = 40  # patches to choose from; with fewer the hole is closed from its edges


def inpaint(picture: np.ndarray, holes: np.ndarray, patches: bool = True) -> np.ndarray:
    """Picture uint8 [H,W,3] with what is inside `holes` bool [H,W] made up; no pixel in there is read, others stay.

    The same picture gives the same result. Without `patches` holes are filled with a blur, which costs a fifteenth.
    """
    if not holes.any() or holes.all():
        return picture
    closed = picture.copy()
    for apart in _apart(holes) if patches else [holes]:
        window = _window(apart)
        here, hidden = apart[window], holes[window]
        known = np.where(hidden[..., None], 0, picture[window])
        if apart.sum() < _SLIVER * holes.size:
            made = _closed(known.astype(np.float32), hidden)
        elif patches:
            made = _defocused(_completed(known, hidden), hidden, apart.mean())
        else:
            made = _blurred(known.astype(np.float32), (~hidden).astype(np.float32))
        closed[window][here] = np.clip(np.round(made[here]), 0, 255).astype(np.uint8)
    return closed


def _apart(holes: np.ndarray) -> list[np.ndarray]:
    """The holes that lie apart, each bool [H,W], so that each is seen closely; the smallest go together."""
    reach = max(1, round(_JOINED * max(holes.shape)))
    joined = cv2.dilate(holes.astype(np.uint8), np.ones((reach, reach), np.uint8))
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(joined)
    largest = np.argsort(-sizes[1:, cv2.CC_STAT_AREA], kind="stable")[: _MOST - 1] + 1
    parts = [holes & (labels == number) for number in largest]
    rest = holes & ~np.isin(labels, largest)
    return [*parts, *([rest] if rest.any() else [])]


def _window(holes: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.nonzero(holes.any(1))[0], np.nonzero(holes.any(0))[0]
    margin = int(_AROUND * max(rows[-1] - rows[0], columns[-1] - columns[0])) + 8
    down = slice(max(0, rows[0] - margin), rows[-1] + 1 + margin)
    return down, slice(max(0, columns[0] - margin), columns[-1] + 1 + margin)


def _completed(picture: np.ndarray, holes: np.ndarray) -> np.ndarray:
    longer, rng = max(holes.shape), np.random.default_rng(0)
    made, found, size = None, None, (0, 0)
    for side, rounds in _LEVELS:
        coarse, unknown = smaller(picture, holes, min(1.0, side / longer))
        start = _closed(coarse, unknown)
        if made is not None:
            larger = cv2.resize(made, start.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            start[unknown] = larger[unknown]
        fitted = _fitted(start, unknown, found, size, rounds, rng)
        made, found, size = (*fitted, unknown.shape) if fitted else (start, None, (0, 0))
    assert made is not None
    return montage(picture, holes, chosen_shifts(coarse, unknown, made, found), made)


def _defocused(made: np.ndarray, holes: np.ndarray, share: float) -> np.ndarray:
    """What was made up, out of focus where it lies deep in a hole that is most of the picture, a `share` of it: there
    the few pieces that are known would only be repeated."""
    strength = float(smoothstep(*_MOST_OF_IT, np.array(share)))
    if not strength:
        return made
    deep = cv2.distanceTransform(holes.astype(np.uint8), cv2.DIST_L2, 5) / max(holes.shape)
    far = (strength * smoothstep(*_DEEP, deep))[..., None].astype(np.float32)
    soft = cv2.GaussianBlur(made, (0, 0), _BLUR * max(holes.shape))
    return np.asarray(made * (1 - far) + soft * far)


def _closed(picture: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """float32 [h,w,3] closed from the holes' edges (Telea 2004)."""
    if holes.all():
        return picture
    flat = np.clip(picture, 0, 255).astype(np.uint8)
    made = cv2.inpaint(flat, holes.astype(np.uint8), 4, cv2.INPAINT_TELEA).astype(np.float32)
    return np.where(holes[..., None], cv2.GaussianBlur(made, (0, 0), 1.0), picture)


def _blurred(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """float32 [h,w,3] with what has no weight in `known` [h,w] taken from coarser and coarser means of what has."""
    if known.all() or max(known.shape) <= 2:
        mean = (picture * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1e-6)
        return np.where(known[..., None] > 0, picture, mean).astype(np.float32)
    half = max(1, known.shape[1] // 2), max(1, known.shape[0] // 2)
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    summed = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    coarser = _blurred(summed / np.maximum(weight, 1e-3)[..., None], (weight > 0.1).astype(np.float32))
    larger = cv2.resize(coarser, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None] > 0, picture, cv2.GaussianBlur(larger, (0, 0), 1.0)).astype(np.float32)


def _fitted(
    start: np.ndarray,
    holes: np.ndarray,
    coarser: np.ndarray | None,
    size: tuple[int, int],
    rounds: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray] | None:
    """The picture with its holes painted by patches, and int [h,w,2]: from where each pixel's patch comes, as a shift.

    Begins with the shifts of a `coarser` level of `size`. None where there are too few patches to choose from.
    """
    height, width = holes.shape
    whole = cv2.erode((~holes).astype(np.uint8), np.ones((2 * RADIUS + 1,) * 2, np.uint8), borderValue=0)
    whole[:RADIUS], whole[-RADIUS:], whole[:, :RADIUS], whole[:, -RADIUS:] = 0, 0, 0, 0
    sources = np.argwhere(whole)
    if len(sources) < _FEWEST:
        return None
    places = np.argwhere(holes)
    shifts = np.zeros((height, width, 2), int)
    shifts[holes] = sources[rng.integers(len(sources), size=len(places))] - places
    if coarser is not None:
        ratio = np.array([height / size[0], width / size[1]])
        nearest = np.minimum((places / ratio).astype(int), np.array(size) - 1)
        shifts[holes] = np.round(coarser[nearest[:, 0], nearest[:, 1]] * ratio).astype(int)
    search = PatchSearch(holes, whole.astype(bool), places, sources, rng)
    made = start.copy()
    for _ in range(rounds):
        shifts, fit = search.improved(made, shifts)
        made = search.painted(made, shifts, fit)
    return made, shifts
