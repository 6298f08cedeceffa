"""What a plan will cost, from a sample of its clips: figures for the whole with the error that sampling leaves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

Z = 1.96  # of the normal distribution: 95 %


@dataclass(frozen=True)
class Sampled:
    """One clip of the sample: people in it, its length in seconds of video, and the seconds that each stage's actor
    took for it, by stage."""

    people: int
    video_seconds: float
    stage_seconds: dict[str, float]


@dataclass(frozen=True)
class Estimate:
    """A value, and how far the truth may lie from it to either side (95 %, from sampling alone)."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.error:.2g}"


def estimate(sample: Sequence[Sampled], clips: int, gpus: dict[str, float]) -> dict[str, Estimate]:
    """Figures for a plan of `clips` clips, of which `sample` was drawn at random without returning.

    `gpus` is the share of a GPU that one actor of each stage holds. The intervals are the normal ones: of a ratio for
    people per minute, Wilson's for the share without people (its greater half), of a total for the hours.
    Raises ValueError for fewer than 2 clips: they say nothing of the error.
    """
    count = len(sample)
    if count < 2:
        raise ValueError("a sample needs two clips at least")
    rest = math.sqrt(max(0.0, 1 - count / clips))  # what is not sampled is what can differ

    def total(values: list[float]) -> Estimate:
        return Estimate(clips * sum(values) / count, Z * clips * rest * _spread(values) / math.sqrt(count))

    minutes = sum(clip.video_seconds for clip in sample) / 60
    rate = sum(clip.people for clip in sample) / minutes
    residuals = [clip.people - rate * clip.video_seconds / 60 for clip in sample]
    empty = sum(not clip.people for clip in sample) / count
    found = {
        "people per minute of video": Estimate(
            rate, Z * rest * _spread(residuals) * math.sqrt(count) / minutes
        ),
        "share of clips without people": Estimate(empty, rest * _wilson(empty, count)),
    }
    for stage in gpus:
        hours = [clip.stage_seconds.get(stage, 0.0) / 3600 for clip in sample]
        found[f"actor-hours in {stage}"] = total(hours)
    found["GPU-hours"] = total(
        [
            sum(clip.stage_seconds.get(stage, 0.0) * share for stage, share in gpus.items()) / 3600
            for clip in sample
        ]
    )
    return found


def per_petabyte(
    sample: Sequence[Sampled], gpus: dict[str, float], megabits: float, empty: float | None = None
) -> dict[str, Estimate]:
    """GPU-hours for a petabyte (10^15 bytes) of video of `megabits` a second, as the sample's clips took them.

    `empty` is the share of the video that shows nobody; without it the sample's own. Clips with and without people
    are told apart, and of each GPU-seconds per second of video are a ratio of sums; `gpus` as in `estimate`. A kind of
    which the sample has fewer than 2 clips is taken for as costly as all of them: of clips without people that says
    too much. Raises ValueError for fewer than 2 clips.
    """
    if len(sample) < 2:
        raise ValueError("a sample needs two clips at least")

    def rate(clips: list[Sampled]) -> Estimate:
        """GPU-seconds per second of video."""
        clips = clips if len(clips) > 1 else list(sample)
        video = sum(clip.video_seconds for clip in clips)
        costs = [
            sum(clip.stage_seconds.get(stage, 0.0) * share for stage, share in gpus.items()) for clip in clips
        ]
        ratio = sum(costs) / video
        residuals = [cost - ratio * clip.video_seconds for cost, clip in zip(costs, clips, strict=True)]
        return Estimate(ratio, Z * _spread(residuals) * math.sqrt(len(clips)) / video)

    nobody = [clip for clip in sample if not clip.people]
    if empty is None:
        empty = sum(clip.video_seconds for clip in nobody) / sum(clip.video_seconds for clip in sample)
    without, having = rate(nobody), rate([clip for clip in sample if clip.people])
    hours = 8e15 / (megabits * 1e6) / 3600
    return {
        "hours of video in a petabyte": Estimate(hours, 0.0),
        "GPU-hours per petabyte": Estimate(
            hours * (empty * without.value + (1 - empty) * having.value),
            hours * math.hypot(empty * without.error, (1 - empty) * having.error),
        ),
    }


def _spread(values: list[float]) -> float:
    """Standard deviation, of the population that `values` were drawn from."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _wilson(share: float, count: int) -> float:
    """The greater of the two distances from `share` to the ends of Wilson's interval: not 0 even for 0 of `count`."""
    interval = binomtest(round(share * count), count).proportion_ci(0.95, method="wilson")
    return float(max(abs(share - interval.low), abs(interval.high - share)))
