"""The estimate: right on average, and its error bar holds the truth as often as it says."""

import numpy as np
import pytest

from operators.estimate import Sampled, estimate

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
