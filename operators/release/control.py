"""The control: originals passed through must be found, or who judges sees too little for any figure of privacy."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.evaluation import CONTROL, RECAST

_EXPOSED = 0.9  # share of person-frames of a pass-through that have to be exposed
_EXPOSURE = "exposed"
_ASKED = ("exposed, all heights", "body R-1", "parrot R-1")


def blind(methods: Mapping[str, Any], names: Iterable[str] = _ASKED) -> list[str]:
    """In words, of the figures `names` those by which nobody would notice that everybody was passed through.

    Of exposure the value counts, of whom is found the lower end of the interval, which has to lie above chance. A
    figure that of the dataset was not measured either is none of them, but for exposure.
    """
    try:
        control, own = (methods[name]["figures"] for name in (CONTROL, RECAST))
        asked = [name for name in names if name.startswith(_EXPOSURE) or _value(own, name) is not None]
        return [problem for name in asked if (problem := _problem(name, control.get(name) or {}))]
    except (AttributeError, KeyError, TypeError):
        return [f"it holds no figures of {CONTROL}, the control that must fail"]


def _value(figures: Mapping[str, Any], name: str) -> Any:
    return (figures.get(name) or {}).get("value")


def _problem(name: str, cell: Mapping[str, Any]) -> str:
    value, low, chance = (cell.get(part) for part in ("value", "low", "chance"))
    if name.startswith(_EXPOSURE):
        return (
            "" if value is not None and value >= _EXPOSED else f"{name} of {CONTROL} is {_said(value)}, not 1"
        )
    if low is not None and low > (chance or 0.0):
        return ""
    return f"{name} of {CONTROL} is {_said(value)} and cannot be told from guessing"


def _said(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
