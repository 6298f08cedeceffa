"""Figures with intervals over whole sources: frames and people of one source are alike, other sources are not."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.stats import beta, bootstrap

from schemas.evaluation import Statistic

CONFIDENCE, DRAWS = 0.95, 2000


def figure(
    by_source: Mapping[str, tuple[float, float]], share: bool = True, chance: float | None = None
) -> Statistic:
    """Sum of numerators over sum of denominators, given both by source.

    The interval is a percentile bootstrap that draws whole sources with replacement (Efron 1979). Where a `share`, a
    number from 0 to 1, is the same in every source, as "never", drawing tells nothing: then it is the
    Clopper-Pearson interval of as many trials as there are sources, and so it is of any ratio from 0 to 1. Sources
    whose denominator is 0 do not count.
    """
    pairs = np.array([pair for pair in by_source.values() if pair[1] > 0], float).reshape(-1, 2)
    count, total = len(pairs), float(pairs[:, 1].sum())
    if not count:
        return Statistic(None, None, None, 0, 0, chance)
    value = float(pairs[:, 0].sum() / total)
    low, high = _drawn(pairs) if count > 1 else (None, None)
    if (share and value in (0.0, 1.0)) or (count > 1 and _alike(pairs) and (share or 0 <= value <= 1)):
        low, high = exact(value, count)
    return Statistic(value, low, high, count, total, chance)


def apart(
    ours: np.ndarray,
    others: np.ndarray,
    share: Callable[[np.ndarray, np.ndarray], float],
    chance: float | None = None,
) -> Statistic:
    """A `share` of two samples, a value of each source [N] and [M], of which both are drawn anew.

    Where it is 0 or 1 the interval is Clopper-Pearson's, of as many trials as the smaller sample has sources.
    """
    value, least = share(ours, others), min(len(ours), len(others))
    low, high = None, None
    if least > 1 and value in (0.0, 1.0):
        low, high = exact(value, least)
    elif least > 1:
        low, high = _bootstrap((ours, others), share, vectorized=False)
    return Statistic(value, low, high, len(ours) + len(others), len(ours), chance)


def exact(value: float, trials: int) -> tuple[float, float]:
    """Clopper-Pearson's interval of a share of so many trials, whose number of hits may be none that is whole."""
    tail, hits = (1 - CONFIDENCE) / 2, value * trials
    low = beta.ppf(tail, hits, trials - hits + 1) if hits > 0 else 0.0
    high = beta.ppf(1 - tail, hits + 1, trials - hits) if hits < trials else 1.0
    return float(low), float(high)


def _alike(pairs: np.ndarray) -> bool:
    return bool(np.ptp(pairs[:, 0] / pairs[:, 1]) == 0)


def _drawn(pairs: np.ndarray) -> tuple[float, float]:
    def ratio(numerators: np.ndarray, denominators: np.ndarray, axis: int = -1) -> np.ndarray:
        return numerators.sum(axis) / denominators.sum(axis)

    value = float(pairs[:, 0].sum() / pairs[:, 1].sum())
    if _alike(pairs):
        return value, value
    return _bootstrap((pairs[:, 0], pairs[:, 1]), ratio, paired=True, vectorized=True)


def _bootstrap(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., Any], **how: bool
) -> tuple[float, float]:
    """The percentile interval; the same samples always give the same."""
    found = bootstrap(
        samples, statistic, n_resamples=DRAWS, confidence_level=CONFIDENCE, method="percentile",
        rng=np.random.default_rng(0), **how,
    )  # fmt: skip
    interval = found.confidence_interval
    return float(interval.low), float(interval.high)
