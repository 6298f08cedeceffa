"""Re-identification: is somebody found again among others, and how surely?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from scipy.special import gammaln

from schemas.evaluation import Look


@dataclass(frozen=True)
class Search:
    """One person looked for in a gallery. Ties count as a coin would decide them.

    rank1, ap, auc  whether the first of the gallery is hers, the average precision, the share of others below her best
    chance          that guessing hits her
    better, others  how many of the `others` are more like her than her own best, half of those that are as like
    height          hers, in px
    chance5         that one of five guesses does
    genuine         her highest likeness; `impostor` the mean of the others'
    """

    source: str
    height: float
    rank1: float
    ap: float
    auc: float
    chance: float
    chance5: float
    better: float
    others: int
    genuine: float
    impostor: float


def search(
    queries: Sequence[Look], gallery: Sequence[Look], likeness: np.ndarray, mode: str = "standard"
) -> list[Search]:
    """Everybody of `queries` in `gallery`; likeness float [Q,G], NaN where nothing can be compared.

    mode  standard  hers is what shows the same person in the same clothes
          clothes   hers is what shows the same person in other clothes; the same clothes are left out
          elsewhere hers is what shows the same person beyond the scope in which the policy keeps her look, which a clip
                    is by default; all that lies in her own scope is left out
    As usual (Zheng et al., ICCV 2015) what is neither hers nor a stranger's is left out, and so is who has nothing
    there. What cannot be compared is least alike.
    """
    found = []
    for query, scores in zip(queries, np.where(np.isfinite(likeness), likeness, -np.inf), strict=True):
        same = np.array([one.person == query.person for one in gallery], bool)
        dressed = np.array([one.outfit == query.outfit for one in gallery], bool)
        away = np.array([(one.scope or one.clip) != (query.scope or query.clip) for one in gallery], bool)
        hers = same & {"standard": dressed, "clothes": ~dressed, "elsewhere": away}[mode]
        others = ~same & (away | (mode != "elsewhere"))
        if hers.any() and others.any():
            found.append(_search(query, scores[hers], scores[others]))
    return found


def _search(query: Look, hers: np.ndarray, others: np.ndarray) -> Search:
    best, count = hers.max(), len(hers)
    above, level = int((others > best).sum()), int((others == best).sum())
    ahead = np.array([float((others > one).sum() + (others == one).sum() / 2) for one in np.sort(hers)[::-1]])
    ties = int((hers == best).sum())
    finite = others[np.isfinite(others)]
    return Search(
        source=query.source,
        height=query.height,
        rank1=0.0 if above else ties / (ties + level),
        ap=float(np.mean(np.arange(1, count + 1) / (np.arange(1, count + 1) + ahead))),
        auc=1 - (above + level / 2) / len(others),
        chance=count / (count + len(others)),
        chance5=1 - comb(len(others), 5) / comb(count + len(others), 5) if len(others) >= 5 else 1.0,
        better=above + level / 2,
        others=len(others),
        genuine=float(best) if np.isfinite(best) else np.nan,
        impostor=float(finite.mean()) if len(finite) else np.nan,
    )


def rank1_at(searches: Sequence[Search], size: int) -> float:
    """Expected R-1 in a gallery of `size`, hers among as many others drawn from those that were there; NaN if there are
    never as many."""
    values = []
    for one in searches:
        drawn = size - 1
        if drawn <= one.others:
            below = one.others - one.better
            ways = _log_choose(below, drawn) - _log_choose(one.others, drawn) if drawn <= below else -np.inf
            values.append(float(np.exp(ways)))
    return float(np.mean(values)) if values else np.nan


def _log_choose(n: float, k: float) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def cosines(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """float [N,M] of vectors [N,D] and [M,D]; NaN where either has one."""
    lengths = [np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9) for vectors in (one, two)]
    return np.asarray((one / lengths[0]) @ (two / lengths[1]).T)


def nearness(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """float [N,M]: minus the root mean square distance of features [N,D] and [M,D], each in units of its spread in
    `two`; of those that both have. NaN where they share fewer than half."""
    if not len(one) or not len(two):
        return np.zeros((len(one), len(two)))
    known = np.isfinite(two).sum(axis=0) > 1
    spread = np.ones(two.shape[1])
    spread[known] = np.maximum(np.nanstd(two[:, known], axis=0), 1e-6)
    apart = (one[:, None] / spread - two[None] / spread) ** 2
    enough = np.isfinite(apart).mean(axis=2) >= 0.5
    mean = np.where(np.isfinite(apart), apart, 0).sum(axis=2) / np.maximum(np.isfinite(apart).sum(axis=2), 1)
    return np.where(enough, -np.sqrt(mean), np.nan)
