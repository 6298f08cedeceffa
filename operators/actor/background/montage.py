"""A hole filled with pieces of the picture around it, each as sharp as it is, and blended where they meet."""

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

_BLENDED = 320  # px of the longer side at which seams are closed
_FAITHFUL = 0.001  # how much of a piece's own colours stays beside its gradients: else a tint would run far
_APART = 16.0  # levels: where what meets differs by more, it is an edge rather than a seam
_OUTLINE, _BEYOND = 0.7, 1.5  # cells by which outlines are smoothed; px by which a tint goes on beyond them
_RIM, _ASKED = 4, 600  # px around a hole, and how many of them, that say how a piece fits to the pixel
_SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))


def montage(picture: np.ndarray, holes: np.ndarray, shifts: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """float32 [H,W,3]: the picture uint8 [H,W,3] with every hidden pixel copied from where its cell's shift leads.

    holes bool [H,W]; shifts int [h,w,2] of the cells of a smaller picture, in cells, 0 where nothing is hidden; guess
    float32 [h,w,3] is for what a shift leads nowhere from. Pieces are blended by their gradients (Perez et al. 2003).
    """
    whole = picture.astype(np.float32)
    several, cells = np.unique(shifts.reshape(-1, 2), axis=0, return_inverse=True)
    cells = cells.reshape(shifts.shape[:2])
    moving = np.asarray(several.any(axis=1))
    piece = _outlined(cells, moving, holes)
    moves = _to_the_pixel(whole, holes, several * (np.array(holes.shape) / cells.shape), piece)
    scale = min(1.0, _BLENDED / max(holes.shape))
    small, hidden = smaller(whole, holes, scale)
    parts = _outlined(cells, moving, hidden)
    ratio = np.array(hidden.shape) / holes.shape
    pieces = _Pieces(small, hidden, np.round(moves * ratio).astype(int), parts, guess)
    blended = pieces.blended()
    full = _Pieces(whole, holes, moves, piece, blended)
    tint = _spread(blended - pieces.copied, pieces.piece, full.piece, holes)
    return np.where(holes[..., None], full.copied + tint, whole)


def smaller(picture: np.ndarray, holes: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """float32 [h,w,3] of the known pixels alone, and bool [h,w]: cells that holes reach into."""
    size = max(4, round(holes.shape[1] * scale)), max(4, round(holes.shape[0] * scale))
    weight = cv2.resize((~holes).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(picture.astype(np.float32) * ~holes[..., None], size, interpolation=cv2.INTER_AREA)
    return total / np.maximum(weight, 1e-3)[..., None], weight < 0.999


class _Pieces:
    """A picture float32 [h,w,3] with its `holes` copied from elsewhere, by the `moves` int [K,2] of the pieces that
    `piece` int [h,w] numbers; what none leads to a known place from is shown as `instead`, and numbered -1."""

    def __init__(
        self,
        picture: np.ndarray,
        holes: np.ndarray,
        moves: np.ndarray,
        piece: np.ndarray,
        instead: np.ndarray,
    ) -> None:
        self.picture, self.holes, self.moves = picture, holes, moves
        places = np.argwhere(holes)
        shown, known = self.at(places, piece[holes])
        self.piece = np.full(holes.shape, -1)
        self.piece[holes] = np.where(known, piece[holes], -1)
        made = cv2.resize(instead, holes.shape[::-1], interpolation=cv2.INTER_LINEAR)
        self.copied = picture.copy()
        self.copied[holes] = np.where(known[:, None], shown, made[holes])

    def at(self, places: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [N,3]: what the pieces numbered `piece` [N] show at places int [N,2]; bool [N]: if that is known."""
        there = places + self.moves[piece]
        inside = ((there >= 0) & (there < self.holes.shape)).all(axis=1)
        y, x = there.clip(0, np.array(self.holes.shape) - 1).T
        return self.picture[y, x], inside & ~self.holes[y, x] & (piece >= 0)

    def blended(self) -> np.ndarray:
        """float32 [h,w,3]: the gradients of each piece, and the picture at the holes' edges, as far as they fit."""
        places, numbers = np.argwhere(self.holes), np.full(self.holes.shape, -1)
        numbers[self.holes] = np.arange(len(places))
        wanted, weight = (
            _FAITHFUL * self.copied[self.holes].astype(np.float64),
            np.full(len(places), _FAITHFUL),
        )
        rows, columns, values = [np.arange(len(places))], [np.arange(len(places))], []
        for step in _SIDES:
            beside = places + np.array(step)
            here = np.flatnonzero(((beside >= 0) & (beside < self.holes.shape)).all(axis=1))
            there = numbers[tuple(beside[here].T)]
            gradient, fit = self._between(places[here], beside[here], there >= 0)
            edge = np.where((there < 0)[:, None], self.picture[tuple(beside[here].T)], 0)
            wanted[here] += fit[:, None] * (gradient + edge)
            weight[here] += fit
            rows.append(here[there >= 0])
            columns.append(there[there >= 0])
            values.append(-fit[there >= 0])
        index = np.concatenate(rows), np.concatenate(columns)
        system = coo_array((np.concatenate([weight, *values]), index), shape=(len(places),) * 2)
        result = self.copied.copy()
        result[self.holes] = spsolve(system.tocsc(), wanted).reshape(-1, 3)
        return result

    def _between(
        self, here: np.ndarray, there: np.ndarray, hidden: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """float32 [N,3]: by how much places `here` differ from their neighbours `there`, of which some are `hidden`, as
        the pieces of both have it; and [N]: how much that counts, less where pieces differ about either place."""
        first, second = (self.piece[tuple(places.T)] for places in (here, there))
        second = np.where(hidden, second, first)
        (a, known_a), (b, known_b) = self.at(here, first), self.at(there, first)
        (c, known_c), (d, known_d) = self.at(here, second), self.at(there, second)
        other = np.where(hidden[:, None], d, self.picture[tuple(there.T)])
        apart = np.abs(a - c).mean(axis=1) + np.abs(b - other).mean(axis=1)
        usable = known_a & known_b & known_c & known_d
        gradient = np.where(usable[:, None], (a - b + c - d) / 2, 0)
        return gradient, np.where(usable, 1 / (1 + (apart / _APART) ** 2), 1.0)


def _outlined(cells: np.ndarray, usable: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """int [H,W]: the piece of every hidden pixel, where `cells` [h,w] tell it roughly; -1 where there is none."""
    piece, most = np.full(holes.shape, -1), np.zeros(holes.shape, np.float32)
    for number in np.flatnonzero(usable):
        share = cv2.GaussianBlur((cells == number).astype(np.float32), (0, 0), _OUTLINE)
        share = cv2.resize(share, holes.shape[::-1], interpolation=cv2.INTER_LINEAR)
        better = holes & (share > most)
        piece[better], most[better] = number, share[better]
    return piece


def _to_the_pixel(picture: np.ndarray, holes: np.ndarray, moves: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """int [K,2]: the moves [K,2], which are known to half a cell, so that what is known beside each piece goes on."""
    exact, reach = np.round(moves).astype(int), int(np.ceil(max(holes.shape) / 128))
    tried = np.array([(y, x) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)])
    tried = tried[np.argsort((tried**2).sum(axis=1), kind="stable")]
    rim = cv2.dilate(holes.astype(np.uint8), np.ones((2 * _RIM + 1,) * 2, np.uint8)).astype(bool) & ~holes
    for number in np.unique(piece[piece >= 0]):
        near = cv2.dilate((piece == number).astype(np.uint8), np.ones((2 * _RIM + 1,) * 2, np.uint8)) > 0
        places = np.argwhere(near & rim)
        places = places[:: max(1, len(places) // _ASKED)]
        if not len(places):
            continue
        there = places[None] + exact[number] + tried[:, None]
        inside = ((there >= 0) & (there < holes.shape)).all(axis=2)
        y, x = np.moveaxis(there.clip(0, np.array(holes.shape) - 1), 2, 0)
        known = inside & ~holes[y, x]
        apart = np.abs(picture[y, x] - picture[tuple(places.T)]).mean(axis=2)
        misfit = (np.minimum(apart, 4 * _APART) * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        enough = known.sum(axis=1) >= 0.5 * known.sum(axis=1).max()
        exact[number] += tried[np.where(enough, misfit, np.inf).argmin()]
    return exact


def _spread(added: np.ndarray, coarse: np.ndarray, fine: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """float32 [H,W,3]: what is added to the pieces numbered `coarse` [h,w], for those numbered `fine` [H,W]; what is
    added to one never shows in another."""
    tint = np.zeros((*fine.shape, 3), np.float32)
    for number in np.unique(fine[holes & (fine >= 0)]):
        inside = (coarse == number).astype(np.float32)
        weight = cv2.GaussianBlur(inside, (0, 0), _BEYOND)
        total = cv2.GaussianBlur(added * inside[..., None], (0, 0), _BEYOND)
        beyond = np.where(inside[..., None] > 0, added, total / np.maximum(weight, 1e-4)[..., None])
        at = holes & (fine == number)
        tint[at] = cv2.resize(beyond, fine.shape[::-1], interpolation=cv2.INTER_LINEAR)[at]
    return tint
