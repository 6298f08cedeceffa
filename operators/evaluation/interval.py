"""Figures with intervals over whole sources: frames and people of one source are alike, other sources are not."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import binomtest, bootstrap

from schemas.evaluation import Statistic

CONFIDENCE, DRAWS = 0.95, 2000


def figure(
    by_source: Mapping[str, tuple[float, float]], share: bool = True, chance: float | None = None
) -> Statistic:
    """Sum of numerators over sum of denominators, given both by source.

    The interval is a percentile bootstrap that draws whole sources with replacement (Efron 1979). Where a `share`, a
    number from 0 to 1, is the same in every source, as "never", drawing tells nothing: then it is the
    Clopper-Pearson interval of as many trials as there are sources. Sources whose denominator is 0 do not count.
    """
    pairs = np.array([pair for pair in by_source.values() if pair[1] > 0], float).reshape(-1, 2)
    count, total = len(pairs), float(pairs[:, 1].sum())
    if not count:
        return Statistic(None, None, None, 0, 0, chance)
    value = float(pairs[:, 0].sum() / total)
    low, high = _drawn(pairs) if count > 1 else (None, None)
    if share and value in (0.0, 1.0):
        exact = binomtest(round(value * count), count).proportion_ci(CONFIDENCE, method="exact")
        low, high = float(exact.low), float(exact.high)
    return Statistic(value, low, high, count, total, chance)


def _drawn(pairs: np.ndarray) -> tuple[float, float]:
    def ratio(numerators: np.ndarray, denominators: np.ndarray, axis: int = -1) -> np.ndarray:
        return numerators.sum(axis) / denominators.sum(axis)

    value = float(pairs[:, 0].sum() / pairs[:, 1].sum())
    if np.ptp(pairs[:, 0] / pairs[:, 1]) == 0:
        return value, value
    found = bootstrap(
        (pairs[:, 0], pairs[:, 1]), ratio, paired=True, vectorized=True, n_resamples=DRAWS,
        confidence_level=CONFIDENCE, method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    interval = found.confidence_interval
    return float(interval.low), float(interval.high)
