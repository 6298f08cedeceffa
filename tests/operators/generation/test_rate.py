"""Fewer frames are shown to the generator than the source has; all come back, each in its place."""

from fractions import Fraction

import numpy as np
import pytest

from operators.generation.rate import Between, restored, shown, stride_of, thinned
from schemas.generation import Request

BOTH: list[Between] = ["interpolate", "interleave"]


def moving(frames: int) -> np.ndarray:
    """A textured square that moves 2 px a frame, on gray."""
    rng = np.random.default_rng(3)
    video = np.full((frames, 64, 160, 3), 90, np.uint8)
    square = rng.integers(0, 255, (8, 8, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    for t, frame in enumerate(video):
        frame[16:48, 8 + 2 * t : 40 + 2 * t] = square
    return video


def request(frames: int) -> Request:
    video = moving(frames)
    return Request(video, np.ones(video.shape[:3], bool), "words", 5)


def through(frames: int, stride: int, between: Between, cuts: tuple[int, ...] = ()) -> np.ndarray:
    """What a generator that gives back what it is shown makes of it."""
    parts = shown(frames, stride, between, cuts)
    made = restored([one.conditioning for one in thinned(request(frames), parts)], parts, frames)
    assert isinstance(made, np.ndarray)
    return made


@pytest.mark.parametrize(
    ("fps", "stride"), [(30, 4), (Fraction(30000, 1001), 4), (25, 3), (15, 2), (7.5, 1), (5, 1)]
)
def test_the_stride_is_the_papers(fps: float, stride: int) -> None:
    assert stride_of(Fraction(fps), 7.5) == stride
    assert stride_of(Fraction(fps), 0) == 1


@pytest.mark.parametrize("between", BOTH)
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8])
def test_as_many_frames_come_back_and_those_that_were_shown_as_they_were(
    between: Between, stride: int
) -> None:
    for frames in (1, 2, 3, 4, 5, 8, 9, 25, 26, 27, 28):
        made, parts = through(frames, stride, between), shown(frames, stride, between)
        assert made.shape == moving(frames).shape
        for part in parts:
            np.testing.assert_array_equal(made[part], moving(frames)[part])
            assert max(np.diff(part), default=1) <= stride
        if between == "interleave" or stride == 1:
            assert sorted(t for part in parts for t in part) == list(range(frames))
    assert len(parts) == (stride if between == "interleave" else 1)


def test_what_lies_between_follows_the_motion() -> None:
    made, true = through(25, 4, "interpolate"), moving(25)
    held = np.repeat(true[::4], 4, axis=0)[:25]
    errors = [np.abs(video.astype(float) - true)[1:-1].mean() for video in (made, held)]
    assert errors[0] < 0.25 * errors[1]


def test_nothing_is_interpolated_across_a_cut() -> None:
    parts = shown(20, 4, "interpolate", (0, 10))
    assert parts == [[0, 4, 8, 9, 10, 14, 18, 19]]
    black = [np.zeros((4, 16, 16, 3), np.uint8), np.full((4, 16, 16, 3), 255, np.uint8)]
    made = restored([np.concatenate(black)], parts, 20)
    assert isinstance(made, np.ndarray) and not made[:10].any() and (made[10:] == 255).all()


def test_an_error_stays_one_and_other_frames_than_asked_for_are_one() -> None:
    parts, error = shown(9, 4, "interleave"), ValueError("no")
    videos = [one.conditioning for one in thinned(request(9), parts)]
    assert restored([videos[0], error, *videos[2:]], parts, 9) is error
    for wrong in (videos[0][:-1], videos[0].astype(float)):
        assert isinstance(restored([wrong, *videos[1:]], parts, 9), ValueError)
