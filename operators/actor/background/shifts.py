"""From where each hidden cell of a picture is to be copied: a few shifts, by which what is around a hole goes on.

Few shifts make the most of a picture go on (He and Sun 2014). Which one holds where is chosen for all cells together,
so that what meets fits (shift maps, Pritch et al. 2009), by loopy belief propagation (min-sum).
"""

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

_STEP, _TURNS = 2, (0, -2, 2, -5, 5)  # cells between shifts along a row, and up and down
_FOUND, _TRIED = 24, 110  # most frequent shifts of a patch search, and of all
_KEPT = 24  # shifts that are weighed for a cell
_ACROSS, _DOWN = 0.12, 0.6  # levels for each cell of a shift: what is as high in the picture is as far away
_GUESSED = 0.08  # how much of the difference from a guess counts
_BESIDE = 1.0  # how much of the difference from a known neighbour counts
_INWARD = 0.3  # how much that counts further in, for what is weighed there at all
_SEAM, _NOWHERE = 3.0, 120.0  # levels: where two shifts meet, and for a place that is not known
_ROUNDS, _DAMPED = 40, 0.5
_SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))  # the opposite of each is two further on
_AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


def chosen_shifts(
    picture: np.ndarray, holes: np.ndarray, guess: np.ndarray, found: np.ndarray | None
) -> np.ndarray:
    """int [h,w,2]: how many rows and columns from each hidden cell what is to be copied there lies; 0 elsewhere.

    picture, guess float32 [h,w,3] in levels, holes bool [h,w]; nothing of the picture inside the holes counts. `found`
    int [h,w,2] are shifts that a search for patches found. A cell from which no shift leads to a known place has one
    that leads to none. The same picture gives the same shifts.
    """
    places, chosen = np.argwhere(holes), np.zeros((*holes.shape, 2), int)
    shifts = _worth_trying(picture, places, holes, found)
    if not len(shifts):
        return chosen
    colours, known = _shown(picture, holes, places, shifts)
    far = _DOWN * np.abs(shifts[:, 0]) + _ACROSS * np.abs(shifts[:, 1])
    apart = np.abs(colours - guess[places[:, 0], places[:, 1]][:, None]).mean(axis=2)
    broken = _BESIDE * _broken(picture, holes, places, shifts)
    cost = np.where(known, _GUESSED * apart + far + broken, 10 * _NOWHERE).astype(np.float32)
    numbers = np.full(holes.shape, -1)
    numbers[holes] = np.arange(len(places))
    # What goes on from the nearest edge is worth a try further in, too.
    inward = _INWARD * broken[numbers[_nearest_edge(holes)][holes]]
    kept = np.argsort(cost + inward, axis=1, kind="stable")[:, :_KEPT]
    label = _agreed(np.take_along_axis(cost, kept, 1), kept, colours, known, _beside(places, numbers))
    chosen[holes] = shifts[label]
    return chosen


def _worth_trying(
    picture: np.ndarray, places: np.ndarray, holes: np.ndarray, found: np.ndarray | None
) -> np.ndarray:
    """int [K,2]: the shifts that a search found most often; those that lead most cells to known places, of which each
    next one counts most where the others lead nowhere; and for each cell at an edge the one that goes on best there."""
    width = holes.shape[1]
    steps = np.arange(-(width - 1) // _STEP * _STEP, width, _STEP)
    rows = np.arange(-(holes.shape[0] - 1) // _STEP * _STEP, holes.shape[0], _STEP)
    ways = {(y, x) for y in _TURNS for x in steps.tolist()} | {(y, x) for y in rows.tolist() for x in _TURNS}
    several = np.array(sorted(ways - {(0, 0)}))
    known = _known(holes, places, several)
    far = _DOWN * np.abs(several[:, 0]) + _ACROSS * np.abs(several[:, 1])
    held, taken = np.zeros(len(places)), list[int]()
    for _ in range(min(_TRIED - _FOUND, len(several))):
        gain = (known / (1 + held)[:, None]).mean(axis=0) * (1 - far / _NOWHERE)
        gain[taken] = -1
        taken.append(int(gain.argmax()))
        held += known[:, taken[-1]]
    edge = places[_at_edge(holes)[holes]]
    goes_on = np.where(_known(holes, edge, several), _broken(picture, holes, edge, several) + far, np.inf)
    taken += goes_on.argmin(axis=1).tolist() if len(several) else []
    tried = several[[one for one in taken if known[:, one].any()]]
    if found is not None:
        often, counts = np.unique(found[holes], axis=0, return_counts=True)
        tried = np.concatenate([tried, often[np.argsort(-counts, kind="stable")[:_FOUND]]])
    return np.unique(tried.reshape(-1, 2), axis=0)


def _at_edge(holes: np.ndarray) -> np.ndarray:
    """bool [h,w]: hidden cells beside a known one; all, if there is none."""
    edge = holes & (cv2.dilate((~holes).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    return np.asarray(edge if edge.any() else holes)


def _nearest_edge(holes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns int [h,w] of the hidden cell at an edge that is nearest to each."""
    rows, columns = distance_transform_edt(~_at_edge(holes), return_distances=False, return_indices=True)
    return rows, columns


def _known(holes: np.ndarray, places: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """bool [N,K]: whether a shift leads from a place to what is known."""
    there = places[:, None] + shifts[None]
    inside = ((there >= 0) & (there < holes.shape)).all(axis=2)
    y, x = np.moveaxis(there.clip(0, np.array(holes.shape) - 1), 2, 0)
    return np.asarray(inside & ~holes[y, x])


def _shown(
    picture: np.ndarray, holes: np.ndarray, places: np.ndarray, shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """float32 [N,K,3]: the colour to which a shift leads from a place, and bool [N,K]: whether it is known."""
    y, x = np.moveaxis((places[:, None] + shifts[None]).clip(0, np.array(holes.shape) - 1), 2, 0)
    return picture[y, x].astype(np.float32), _known(holes, places, shifts)


def _broken(picture: np.ndarray, holes: np.ndarray, places: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """float32 [N,K]: levels by which the known neighbours of a hidden place differ from what would lie there."""
    broken, limit = np.zeros((len(places), len(shifts)), np.float32), np.array(holes.shape) - 1
    for step in _AROUND:
        beside = places + np.array(step)
        at = np.flatnonzero(((beside >= 0) & (beside <= limit)).all(axis=1))
        at = at[~holes[beside[at, 0], beside[at, 1]]]
        shown, known = _shown(picture, holes, beside[at], shifts)
        differs = np.abs(shown - picture[beside[at, 0], beside[at, 1]][:, None]).mean(axis=2)
        broken[at] += np.where(known, differs, _NOWHERE / 2)
    return broken


def _beside(places: np.ndarray, numbers: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each side the numbers of the places that have a hidden neighbour there, and those neighbours'."""
    pairs = []
    for step in _SIDES:
        beside = places + np.array(step)
        inside = ((beside >= 0) & (beside < numbers.shape)).all(axis=1)
        y, x = beside.clip(0, np.array(numbers.shape) - 1).T
        there = np.where(inside, numbers[y, x], -1)
        pairs.append((np.flatnonzero(there >= 0), there[there >= 0]))
    return pairs


def _agreed(
    cost: np.ndarray,
    kept: np.ndarray,
    colours: np.ndarray,
    known: np.ndarray,
    beside: list[tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """int [N]: of the shifts that are `kept` [N,M] for each place, at a `cost` of their own, which fit together."""
    seams = [_seams(kept, colours, known, *pair) for pair in beside]
    cost = np.ascontiguousarray(cost.T)
    told = np.zeros((len(_SIDES), *cost.shape), np.float32)  # by the neighbour on each side
    for _ in range(_ROUNDS):
        belief, before = cost + told.sum(axis=0), told.copy()
        for side, (here, there) in enumerate(beside):
            theirs = belief[:, there] - before[(side + 2) % 4][:, there]
            said = np.full((len(cost), len(here)), np.inf, np.float32)
            through = np.empty_like(said)
            for one, seam in zip(theirs, seams[side], strict=True):
                np.minimum(said, np.add(one, seam, out=through), out=said)
            said -= said.min(axis=0)
            told[side][:, here] = _DAMPED * before[side][:, here] + (1 - _DAMPED) * said
    best = (cost + told.sum(axis=0)).argmin(axis=0)
    return np.asarray(np.take_along_axis(kept, best[:, None], 1)[:, 0])


def _seams(
    kept: np.ndarray, colours: np.ndarray, known: np.ndarray, here: np.ndarray, there: np.ndarray
) -> np.ndarray:
    """float32 [M,M,P]: levels by which neighbours differ at both places, for each shift of `there` and of `here`.

    Such shapes, with what is short in front, are many times as fast to go through as with it behind.
    """
    ours = np.ascontiguousarray(kept[here].T)
    sides = [
        [_of_shifts(own, place, colours, known) for own in (kept[there], kept[here])]
        for place in (here, there)
    ]
    seams = np.empty((len(ours), *ours.shape), np.float32)
    for one, shift in enumerate(kept[there].T):
        total = np.where(shift == ours, np.float32(0), np.float32(_SEAM))
        for (their_colours, they_know), (our_colours, we_know) in sides:
            apart = sum(np.abs(their_colours[c][one] - our_colours[c]) for c in range(3))
            total += np.where(they_know[one] & we_know, apart / np.float32(3), np.float32(_NOWHERE))
        seams[one] = np.where(shift == ours, np.float32(0), total)
    return seams


def _of_shifts(
    own: np.ndarray, place: np.ndarray, colours: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """float32 [3,M,P]: the colours at a `place` [P] under each of the shifts `own` [P,M]; bool [M,P]: whether known."""
    shown = colours[place[:, None], own]
    return np.ascontiguousarray(shown.transpose(2, 1, 0)), np.ascontiguousarray(known[place[:, None], own].T)
