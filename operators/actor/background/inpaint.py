"""What nobody sees, made up from what lies around it: patches of the known picture that fit together.

Image completion after Wexler et al. (2007), with nearest patches found as in PatchMatch (Barnes et al. 2009): boards,
walls and lawns go on where a blur or a mirror image would show the outline of who was there.
"""

import cv2
import numpy as np

from operators.actor.background.patches import RADIUS, PatchSearch

_LEVELS = (
    (28, 5),
    (56, 2),
    (96, 1),
)  # px of the longer side of what is looked at, and rounds of looking and painting
_SLIVER = 0.002  # of the picture: smaller holes are closed from their edges
_AROUND = 0.5  # of the hole's size: what is looked at beside it
_JOINED, _MOST = 0.03, 12  # of the picture's longer side: holes that near are one; so many are gone into
_FEWEST = 40  # patches to choose from; with fewer the hole is closed from its edges
_SHIFTS, _AGREEING, _NOWHERE = 80, 13, 120.0  # how many; cells around each; levels
_UNLIKE = 16.0  # levels
_SCRAPS, _WHOLE = 0.3, 0.75  # of a cell's neighbours
_BAND, _SPREAD, _STEP = 2.0, 4.0, 30.0  # px at the last level; levels
_LARGE, _HUGE = (
    0.6,
    0.85,
)  # of what is looked at: from there on patches fade into a blur, as too few would be repeated


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
            made = _completed(known, hidden)
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
    made, shifts, coarse, unknown, size = None, None, None, None, (0, 0)
    for side, rounds in _LEVELS:
        scale = min(1.0, side / longer)
        if made is not None and scale == 1.0 and made.shape[:2] == holes.shape:
            break
        coarse, unknown = _shrunk(picture, holes, scale)
        start = _closed(coarse, unknown)
        if made is not None:
            larger = cv2.resize(made, start.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            start[unknown] = larger[unknown]
        found = _fitted(start, unknown, shifts, size, rounds, rng)
        if found is None:
            made = start
            continue
        made, shifts = found
        size = unknown.shape
    if made is None or coarse is None or unknown is None:
        return picture
    trust = float(np.clip((_HUGE - holes.mean()) / (_HUGE - _LARGE), 0, 1))
    if shifts is not None:
        shifts = _in_order(shifts, made, coarse, unknown)
    made = _levelled(made, coarse, unknown)
    if trust < 1:
        made = trust * made + (1 - trust) * _blurred(coarse, (~unknown).astype(np.float32))
    return _sharp(picture, holes, made, unknown, shifts, trust)


def _shrunk(picture: np.ndarray, holes: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """float32 [h,w,3] of the known pixels alone, and bool [h,w]: cells that holes reach into."""
    size = max(4, round(holes.shape[1] * scale)), max(4, round(holes.shape[0] * scale))
    known = (~holes).astype(np.float32)
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    summed = cv2.resize(picture.astype(np.float32) * known[..., None], size, interpolation=cv2.INTER_AREA)
    return summed / np.maximum(weight, 1e-3)[..., None], weight < 0.999


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


def _in_order(shifts: np.ndarray, made: np.ndarray, coarse: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """int [h,w,2]: of the shifts that most cells have, the one by which what is around a cell looks most like it.

    Few shifts make the most of a picture go on (He and Sun 2014). Chosen by costs that are blurred, as in cost-volume
    filtering (Rhemann et al. 2011), neighbours agree, so that finer detail goes on from cell to cell.
    """
    several, counts = np.unique(shifts[unknown], axis=0, return_counts=True)
    several = several[np.argsort(-counts, kind="stable")[:_SHIFTS]]
    height, width = unknown.shape
    rows, columns = np.mgrid[:height, :width]
    best, chosen = np.full(unknown.shape, np.inf), shifts.copy()
    for down, right in several.tolist():
        y, x = rows + down, columns + right
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = y.clip(0, height - 1), x.clip(0, width - 1)
        known = inside & ~unknown[y, x]
        apart = np.where(known, np.abs(coarse[y, x] - made).mean(axis=-1), _NOWHERE)
        cost = cv2.blur(apart.astype(np.float32), (_AGREEING, _AGREEING))
        better = known & unknown & (cost < best)
        best[better], chosen[better] = cost[better], (down, right)
    return chosen


def _levelled(made: np.ndarray, coarse: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """What was made up, as bright at the holes' edges as what lies beside them: else an outline would show."""
    inside = holes.astype(np.float32)
    beside = _mean(coarse, 1 - inside, _BAND) - _mean(made, inside, _BAND)
    deep = cv2.distanceTransform(holes.astype(np.uint8), cv2.DIST_L2, 3)
    edge = ((deep > 0) & (deep <= _BAND)).astype(np.float32)
    step = _blurred(np.clip(_mean(beside, edge, _SPREAD), -_STEP, _STEP), edge)
    return np.asarray(made + np.where(holes[..., None], step, 0))


def _mean(values: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """[h,w,3]: around each pixel, of those that have weight."""
    total = cv2.GaussianBlur(weights, (0, 0), sigma)
    summed = cv2.GaussianBlur(values.astype(np.float32) * weights[..., None], (0, 0), sigma)
    return summed / np.maximum(total, 1e-4)[..., None]


def _sharp(
    picture: np.ndarray,
    holes: np.ndarray,
    made: np.ndarray,
    unknown: np.ndarray,
    shifts: np.ndarray | None,
    trust: float,
) -> np.ndarray:
    """Full size: the colours that were painted and, as far as trusted, the finer detail of where patches came from."""
    height, width = holes.shape
    smooth = cv2.resize(made, (width, height), interpolation=cv2.INTER_CUBIC)
    result = picture.copy()
    places = np.argwhere(holes)
    detail = np.zeros((len(places), 3), np.float32)
    if shifts is not None:
        ratio = np.array([height / unknown.shape[0], width / unknown.shape[1]])
        cell = np.minimum((places / ratio).astype(int), np.array(unknown.shape) - 1)
        source = places + np.round(shifts[cell[:, 0], cell[:, 1]] * ratio).astype(int)
        source = np.clip(source, 0, [height - 1, width - 1])
        known = ~holes[source[:, 0], source[:, 1]] & unknown[cell[:, 0], cell[:, 1]]
        fine = picture[source[:, 0], source[:, 1]].astype(np.float32) - smooth[source[:, 0], source[:, 1]]
        share = cv2.resize(_coherent(shifts, unknown), (width, height))[holes]
        here, there = smooth[places[:, 0], places[:, 1]], smooth[source[:, 0], source[:, 1]]
        alike = np.clip(
            1 - np.abs(here - there).mean(axis=1) / _UNLIKE, 0, 1
        )  # half a line is worse than none
        detail = (trust * share * alike * known)[:, None] * fine
    result[holes] = np.clip(np.round(smooth[places[:, 0], places[:, 1]] + detail), 0, 255).astype(np.uint8)
    return result


def _coherent(shifts: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """float32 [h,w]: how far around each cell its neighbours come from beside where it does, 1 if all do.

    Where they come from everywhere, finer detail is scraps: of a line dashes, of a curtain drops.
    """
    near = np.zeros(unknown.shape, np.float32)
    for axis in (0, 1):
        same = (np.abs(np.diff(shifts, axis=axis)).max(axis=-1) <= 1).astype(np.float32)
        low, high = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
        low[axis], high[axis] = (1, 0), (0, 1)
        near += np.pad(same, low) + np.pad(same, high)
    share = cv2.GaussianBlur(near / 4, (0, 0), 1.0)
    return np.clip((share - _SCRAPS) / (_WHOLE - _SCRAPS), 0, 1)
