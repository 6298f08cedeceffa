"""The estimate: right on average, and its error bar holds the truth as often as it says."""

import numpy as np
import pytest

from operators.planning.cost import Sampled, estimate, per_petabyte

GPUS = {"condition": 0.25, "regenerate": 1.0}


def population(size: int) -> list[Sampled]:
    """Clips of 2 to 4 s; a third without people, who take no time to regenerate."""
    rng = np.random.default_rng(0)
    people = rng.poisson(1.1, size)
    return [
        Sampled(int(count), float(length), {"condition": 1.0 + length, "regenerate": 20.0 * count})
        for count, length in zip(people, rng.uniform(2, 4, size), strict=True)
    ]


def test_the_whole_population_leaves_no_error_of_sampling() -> None:
    clips = population(50)
    found = estimate(clips, len(clips), GPUS)
    seconds = sum(clip.stage_seconds["condition"] * 0.25 + clip.stage_seconds["regenerate"] for clip in clips)
    assert found["GPU-hours"].value == pytest.approx(seconds / 3600)
    minutes = sum(clip.video_seconds for clip in clips) / 60
    assert found["people per minute of video"].value == pytest.approx(sum(c.people for c in clips) / minutes)
    assert all(figure.error == 0 for figure in found.values())


def test_the_error_bar_holds_the_truth_nineteen_times_in_twenty() -> None:
    clips = population(5000)
    truth = estimate(clips, len(clips), GPUS)
    rng, draws = np.random.default_rng(1), 400
    held = dict.fromkeys(truth, 0)
    for _ in range(draws):
        chosen = [clips[index] for index in rng.choice(len(clips), 40, replace=False)]
        for name, figure in estimate(chosen, len(clips), GPUS).items():
            held[name] += abs(figure.value - truth[name].value) <= figure.error
    assert {name: 0.91 < count / draws <= 0.99 for name, count in held.items()} == dict.fromkeys(truth, True)


def test_none_of_a_few_is_not_none_at_all() -> None:
    clips = [Sampled(1, 3.0, {"condition": 1.0, "regenerate": 2.0})] * 4
    assert estimate(clips, 10**6, GPUS)["share of clips without people"].error > 0.3


def test_one_clip_says_nothing_of_the_error() -> None:
    with pytest.raises(ValueError, match="two clips"):
        estimate(population(1), 100, GPUS)


HOURS = 8e15 / 10e6 / 3600  # of video in a petabyte at 10 Mb/s


def test_a_petabyte_takes_what_the_clips_took_per_second() -> None:
    clips = [Sampled(2, 4.0, {"condition": 4.0, "regenerate": 40.0})] * 3
    clips += [Sampled(0, 2.0, {"condition": 2.0, "regenerate": 0.0})] * 3
    for empty, rate in [(0.0, 10.25), (1.0, 0.25), (0.5, 5.25), (None, (2 * 10.25 + 0.25) / 3)]:
        found = per_petabyte(clips, GPUS, 10, empty)
        assert found["hours of video in a petabyte"].value == pytest.approx(HOURS) == pytest.approx(222222.2)
        assert found["GPU-hours per petabyte"].value == pytest.approx(HOURS * rate)
        assert found["GPU-hours per petabyte"].error == pytest.approx(0, abs=1e-6)
    assert per_petabyte(clips, GPUS, 20, 0.5)["GPU-hours per petabyte"].value == pytest.approx(
        HOURS * 5.25 / 2
    )


def test_a_petabytes_error_bar_holds_the_truth_nineteen_times_in_twenty() -> None:
    clips = population(5000)
    truth = per_petabyte(clips, GPUS, 10, 0.6)["GPU-hours per petabyte"].value
    rng, draws, held = np.random.default_rng(2), 400, 0
    for _ in range(draws):
        chosen = [clips[index] for index in rng.choice(len(clips), 60, replace=False)]
        found = per_petabyte(chosen, GPUS, 10, 0.6)["GPU-hours per petabyte"]
        held += abs(found.value - truth) <= found.error
    assert 0.91 < held / draws <= 0.99


def test_without_an_empty_clip_none_is_taken_for_cheaper() -> None:
    clips = [Sampled(1, 2.0, {"condition": 1.0, "regenerate": n}) for n in (2.0, 3.0)]
    most, none = (per_petabyte(clips, GPUS, 10, share)["GPU-hours per petabyte"] for share in (0.9, 0.0))
    assert most.value == pytest.approx(none.value)
