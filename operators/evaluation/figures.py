"""From what was measured of every source to the figures of the report, each with its interval over sources."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from operators.evaluation.interval import figure
from operators.evaluation.recognition import Search
from schemas.evaluation import (
    BESIDE_SOURCE,
    CONTROL,
    HEIGHTS,
    RECAST,
    SOURCE,
    Measured,
    Statistic,
)

EXPOSED = (
    "exposed, all heights", *(f"exposed, {name}" for name in HEIGHTS),
    "original pixels", *(f"original pixels, {name}" for name in HEIGHTS),
)  # fmt: skip
UTILITY = (
    "detector recall", *(f"detector recall, {name}" for name in HEIGHTS), "pose", "flow", "depth", "masked",
    "captions alike", "answers alike",
)  # fmt: skip
Figures = dict[str, Statistic]


def ratios(measured: Sequence[Measured], method: str) -> Figures:
    """What is counted: exposure, quality, utility."""
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for one in measured:
        for ratio in one.ratios:
            if ratio.method == method:
                sums[ratio.name][one.source][0] += ratio.numerator
                sums[ratio.name][one.source][1] += ratio.denominator
    names = (*EXPOSED, *BESIDE_SOURCE, "frozen", "jumping", *UTILITY)
    return {
        name: figure(
            {source: (pair[0], pair[1]) for source, pair in sums[name].items()}, name not in BESIDE_SOURCE
        )
        for name in names
    } | {f"{name} z": _deviation(measured, method, name) for name in BESIDE_SOURCE}


def _deviation(measured: Sequence[Measured], method: str, name: str) -> Statistic:
    """How many standard deviations of the sources' clips above their mean a clip of the method is, on average; nothing
    where all sources' clips are the same."""
    clips = [
        (one.source, ratio.numerator, ratio.denominator)
        for one in measured
        for ratio in one.ratios
        if (ratio.method, ratio.name) == (method, name)
    ]
    real = np.array([was for *_, was in clips])
    spread = float(real.std()) if len(real) > 1 else 0.0
    by_source: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for source, made, _ in clips if spread > 0 else ():
        by_source[source][0] += (made - float(real.mean())) / spread
        by_source[source][1] += 1
    return figure({source: (pair[0], pair[1]) for source, pair in by_source.items()}, False)


def over(
    searches: Sequence[Search],
    value: Callable[[Search], float],
    share: bool = True,
    chance: float | None = None,
) -> Statistic:
    """The mean of a value of everybody who was looked for."""
    by_source: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in searches:
        if np.isfinite(value(one)):
            by_source[one.source][0] += value(one)
            by_source[one.source][1] += 1
    return figure({source: (pair[0], pair[1]) for source, pair in by_source.items()}, share, chance)


def rank1(searches: Sequence[Search]) -> Statistic:
    """How often somebody is found at the first guess, and how often guessing would."""
    guessed = float(np.mean([one.chance for one in searches])) if searches else None
    return over(searches, lambda one: one.rank1, True, guessed)


def _rank5(searches: Sequence[Search]) -> Statistic:
    """How often somebody is among the first five, and how often of five guesses one would be right."""
    guessed = float(np.mean([one.chance5 for one in searches])) if searches else None
    return over(searches, lambda one: float(one.better < 5), True, guessed)


def found_again(name: str, searches: Sequence[Search]) -> Figures:
    """R-1, R-5 and mAP under a name."""
    return {
        f"{name} R-1": rank1(searches),
        f"{name} R-5": _rank5(searches),
        f"{name} mAP": over(searches, lambda one: one.ap),
    }


def methods_of(measured: Iterable[Measured]) -> list[str]:
    """In the order of the report: Recast, the baselines, the control."""
    there = list(dict.fromkeys(ratio.method for one in measured for ratio in one.ratios))
    baselines = [name for name in there if name not in (RECAST, CONTROL, SOURCE)]
    return [name for name in (RECAST, *baselines, CONTROL) if name in there]
