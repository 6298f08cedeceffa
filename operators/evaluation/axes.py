"""Three axes from 0 to 1: what all figures of a method come to, and between which values their intervals leave that."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from operators.evaluation import by_eye
from schemas.evaluation import Statistic

# What an attacker may find by looks, and counts for privacy; places and motion are kept on purpose, and stated.
BY_LOOKS = (
    "body R-1",
    "head R-1",
    "face R-1",
    "clothes-changing R-1",
    "parrot R-1",
    "reversal R-1",
    "linked by looks R-1",
)
EXPOSURES = ("exposed, all heights", by_eye.NAME)
AS_SOURCE = ("warping", "flicker", "sharpness", "seam")  # best at 1
AGREEING = ("detector recall", "pose", "flow", "depth")  # best at 1, never above
TRAINED = ("trained detector", "trained tracker")  # over training on originals; by chance a little above 1
_SAME_FOR_ALL = ("shuffled", "place", "timestamps")  # whoever is passed through
Parts = list[tuple[float | None, float, float | None]]  # least, as measured, most


@dataclass(frozen=True)
class Axis:
    """`value`, None where nothing tells, and the interval in which it lies if every figure that it is made of lies in
    its own; None where one of them has none."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def between(self) -> list[float] | None:
        """The interval, for JSON."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def axes(figures: Mapping[str, Statistic], unseen: Collection[str] = ()) -> dict[str, Axis]:
    """Of one method. By figures that are `unseen` not even a pass-through is found: one lucky guess among two faces is
    no attack, and they count only if there is no other.

    privacy  1 less what the best attack gains over chance, or the share of exposed person-frames, whichever is more
    quality  geometric mean of how near warping, flicker, sharpness and seam are to the source's
    utility  mean of what detector, pose, flow and depth find again, and who learns from it in originals, times the
             share of frames that is not lost
    """
    told = [name for name in BY_LOOKS if name in figures and figures[name].value is not None]
    attacks = [name for name in told if name not in unseen] or told
    risks = _parts(figures, attacks, _gained) + _parts(figures, EXPOSURES, lambda _, value: value)
    near = _parts(figures, AS_SOURCE, lambda _, value: min(value, 1 / value) if value > 0 else 0.0)
    agree = _parts(figures, (*AGREEING, *TRAINED), lambda _, value: float(np.clip(value, 0, 1)))
    kept = _parts(figures, ("lost",), lambda _, value: 1 - value)
    return {
        "privacy": _axis(lambda some: 1 - max(some), risks),
        "quality": _axis(lambda some: float(np.prod(some) ** (1 / len(some))), near),
        "utility": _axis(
            lambda some: float(np.mean(some[: len(agree)])) * float(np.prod(some[len(agree) :])),
            agree + kept if agree else [],
        ),
    }


def unseen(control: Mapping[str, Statistic]) -> list[str]:
    """Figures of whom is found at the first guess by which not even those are told who are passed through."""
    return sorted(
        name
        for name, one in control.items()
        if name.endswith("R-1") and not name.startswith(_SAME_FOR_ALL) and one.value is not None
        if one.low is None or one.low <= (one.chance or 0.0)
    )


def gain(one: Statistic) -> float:
    """From 0, as good as guessing, to 1, always right."""
    return _gained(one, one.value or 0.0)


def _gained(one: Statistic, value: float) -> float:
    chance = one.chance or 0.0
    return float(np.clip((value - chance) / max(1 - chance, 1e-9), 0, 1))


def _parts(
    figures: Mapping[str, Statistic], names: Sequence[str], of: Callable[[Statistic, float], float]
) -> Parts:
    found: Parts = []
    for one in (figures[name] for name in names if name in figures):
        if one.value is None:
            continue
        if one.low is None or one.high is None:
            found.append((None, of(one, one.value), None))
            continue
        known = {one.low, one.value, one.high} | ({1.0} if one.low <= 1 <= one.high else set())
        moved = [of(one, value) for value in known]
        found.append((min(moved), of(one, one.value), max(moved)))
    return found


def _axis(made: Callable[[list[float]], float], parts: Parts) -> Axis:
    if not parts:
        return Axis(None)
    least, measured, most = zip(*parts, strict=True)
    value = round(made(list(measured)), 4)
    if None in least:
        return Axis(value)
    low, high = sorted(round(made(list(ends)), 4) for ends in (least, most))
    return Axis(value, low, high)
