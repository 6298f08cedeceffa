"""What counts as a score: a number, and nothing that only reads like one."""

from typing import Any

import numpy as np
import pytest

from schemas.certificate import Gate
from schemas.measures import MEASURES


def plain(name: str, score: Any, threshold: Any) -> Gate:
    """As whoever makes one without asking."""
    return Gate(name, MEASURES[name], score, threshold, "at most")


@pytest.mark.parametrize(
    "score", [None, "0", "0.0", b"0", [], [0.0], np.zeros(1), False, np.bool_(False), 0j, Gate]
)
@pytest.mark.parametrize("make", [Gate.at_most, Gate.at_least, plain])
def test_what_is_no_number_is_no_score(make: Any, score: Any) -> None:
    with pytest.raises(TypeError):
        make("copy", score, 0.1)
    with pytest.raises(TypeError):
        make("copy", 0.0, score)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), np.float32("nan")])
def test_what_is_not_finite_passes_no_limit(score: float) -> None:
    assert not Gate.at_most("copy", score, 0.1).passed
    assert not Gate.at_least("copy", score, 0.1).passed
    assert not Gate.at_most("copy", 0.0, score).passed


@pytest.mark.parametrize("score", [0, 0.05, np.float32(0.05), np.float64(0.05), np.int64(0)])
def test_numbers_of_any_type_are_scores(score: float) -> None:
    assert Gate.at_most("copy", score, 0.1).passed
    assert type(Gate.at_most("copy", score, 0.1).score) is float
