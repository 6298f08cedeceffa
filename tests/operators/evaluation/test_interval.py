"""Intervals over whole sources."""

import numpy as np
import pytest

from operators.evaluation.interval import figure


def test_many_frames_of_few_sources_say_no_more_than_few_sources() -> None:
    few = figure({"a": (900, 1000), "b": (100, 1000), "c": (500, 1000)})
    assert few.value == pytest.approx(0.5)
    assert few.high - few.low > 0.4


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(60):
        shares = rng.beta(2, 6, 25)  # mean 0.25
        one = figure({str(i): (float(rng.binomial(40, share)), 40.0) for i, share in enumerate(shares)})
        held += one.low <= 0.25 <= one.high
    assert held >= 50


@pytest.mark.parametrize(("hits", "value"), [(0.0, 0.0), (5.0, 1.0)])
def test_never_and_always_are_not_certain(hits: float, value: float) -> None:
    one = figure({str(i): (hits, 5.0) for i in range(10)})
    assert one.value == value
    assert one.high - one.low == pytest.approx(0.308, abs=1e-3)  # Clopper-Pearson of ten


def test_one_source_has_no_interval_and_none_has_no_figure() -> None:
    alone = figure({"a": (3.0, 4.0), "b": (0.0, 0.0)})
    assert (alone.value, alone.low, alone.high, alone.sources) == (0.75, None, None, 1)
    assert figure({}).value is None
    ratio = figure({"a": (2.0, 1.0), "b": (2.0, 1.0)}, share=False)
    assert (ratio.low, ratio.value, ratio.high) == (2, 2, 2)


@pytest.mark.parametrize("hits", [0, 1, 2, 2.5, 4, 5])
@pytest.mark.parametrize("sources", [2, 3, 10])
def test_what_is_the_same_in_every_source_is_not_certain_either(hits: float, sources: int) -> None:
    """Whatever the share."""
    one = figure({str(i): (hits, 5.0) for i in range(sources)})
    assert one.low <= one.value <= one.high and one.high - one.low > 0.3
    for value in (0.0, 1.0):
        over = figure({"a": (2 * value, 2.0), "b": (3 * value, 3.0)}, share=False)
        assert over.high - over.low > 0.5, "a ratio, too"
