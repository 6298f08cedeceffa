"""Frames for somebody's eyes: drawn by no wish of theirs, all of them looked at, and counted over sources."""

import json
from collections import Counter

import pytest

from operators.evaluation.by_eye import Drawn, draw, seen
from schemas.by_eye import ByEye
from schemas.decision import read_list
from schemas.errors import UserError

CLIPS = {f"{source:020x}-{clip:06d}": 10 + source for source in range(5) for clip in range(3)}


def labels(drawn: list[Drawn], exposed: int = 0) -> list[ByEye]:
    return [
        ByEye(key=one.key, frame=one.frame, exposed=number < exposed, by="R. V")
        for number, one in enumerate(drawn)
    ]


def test_every_frame_is_as_likely_as_any_other_and_the_same_seed_draws_the_same() -> None:
    every = draw(CLIPS, 10_000, "seed")
    assert len(every) == len(set(every)) == sum(CLIPS.values())
    assert all(0 <= one.frame < CLIPS[one.key] for one in every)
    assert draw(dict(reversed(CLIPS.items())), 20, "seed") == every[:20] != draw(CLIPS, 20, "another")
    counts = Counter(draw(CLIPS, 1, str(seed))[0].key for seed in range(3000))
    for key, frames in CLIPS.items():
        assert counts[key] / 3000 == pytest.approx(frames / len(every), abs=0.025)


def test_what_was_seen_is_a_share_with_an_interval_over_sources() -> None:
    drawn = draw(CLIPS, 60, "seed")
    never = seen(labels(drawn), drawn, "labels.json")
    assert (never.value, never.low, never.sources, never.count) == (0.0, 0.0, 5, 60)
    assert never.high == pytest.approx(0.5218, abs=1e-3)  # Clopper-Pearson: 0 of 5 at 95 %
    some = seen(labels(drawn, 6), drawn, "labels.json")
    assert some.value == 0.1 and some.low is not None and some.low <= 0.1 <= (some.high or 0)


@pytest.mark.parametrize("kind", ["one is left out", "one twice", "another one", "of another dataset"])
def test_a_sample_is_looked_at_as_it_was_drawn(kind: str) -> None:
    drawn = draw(CLIPS, 20, "seed")
    given = {
        "one is left out": drawn[1:],
        "one twice": [*drawn[1:], drawn[1]],
        "another one": [*drawn[1:], draw(CLIPS, 21, "seed")[-1]],
        "of another dataset": draw(CLIPS, 20, "another"),
    }[kind]
    with pytest.raises(UserError, match=r"labels\.json"):
        seen(labels(given), drawn, "labels.json")


@pytest.mark.parametrize(
    "entry",
    [{}, {"key": "a", "frame": -1, "exposed": True, "by": "x"}, {"key": "a", "frame": 0, "by": "x"}, 7],
)
def test_a_bad_label_is_named(entry: object) -> None:
    with pytest.raises(UserError, match=r"labels\.json: entry 1"):
        read_list(ByEye, "labels.json", json.dumps([entry]).encode(), "Give the page's file")
