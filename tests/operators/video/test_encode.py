import io
import re
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.video.encode import decode_bytes, due_last, encode_lossless, encode_video, inspect_video
from tests.videos import pictures

TIME_BASES = [
    Fraction(1, 12800),
    Fraction(1, 1000),
    Fraction(1001, 30000),
    Fraction(1, 90000),
    Fraction(1, 12),
    Fraction(1, 10**9),
]


@given(
    st.sampled_from(TIME_BASES), st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 10**6)
)
@settings(max_examples=25)
def test_spacing_of_timestamps_is_kept_exactly(time_base: Fraction, steps: list[int], first: int) -> None:
    pts = [first + sum(steps[:i]) for i in range(len(steps) + 1)]
    facts = inspect_video(
        encode_video(pictures(len(pts), 32, 48), pts, time_base, Fraction(12), 20, "ultrafast")
    )
    assert [moment * facts.time_base for moment in facts.pts] == [
        (moment - first) * time_base for moment in pts
    ]


@pytest.mark.parametrize("size", [(96, 128), (143, 175), (97, 128), (1, 1), (2, 2)])
def test_size_and_colour_are_kept(size: tuple[int, int]) -> None:
    frames = pictures(3, *size)
    video = encode_video(frames, [0, 1, 2], Fraction(1, 10), Fraction(10), 4, "veryfast")
    decoded, facts = decode_bytes(video), inspect_video(video)
    assert decoded.shape == frames.shape
    assert (facts.height, facts.width) == size
    assert np.abs(decoded.astype(float) - frames).mean() < 6
    assert np.abs(decoded.astype(float).mean((0, 1, 2)) - frames.mean((0, 1, 2))).max() < 3


def test_nothing_but_one_video_and_no_tags() -> None:
    video = encode_video(pictures(4), [0, 1, 2, 3], Fraction(1, 10), Fraction(10), 20, "veryfast")
    facts = inspect_video(video)
    assert (facts.streams, facts.tags) == (["video"], [])
    assert b"Lavf" not in video
    assert b"x264" not in video


def test_the_index_comes_first() -> None:
    video = encode_video(pictures(4), [0, 1, 2, 3], Fraction(1, 10), Fraction(10), 20, "veryfast")
    assert video.index(b"moov") < video.index(b"mdat")


@given(st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=15)
def test_colours_are_declared_as_they_are_coded(colour: tuple[int, int, int]) -> None:
    frames = np.full((2, 32, 32, 3), colour, np.uint8)
    decoded = decode_bytes(encode_video(frames, [0, 1], Fraction(1, 10), Fraction(10), 10, "veryfast"))
    assert np.abs(decoded.astype(int) - frames).max() <= 4


@pytest.mark.parametrize(("pts", "seconds"), [([0, 33, 66], 0.099), ([0, 10, 500], 0.54), ([7], 0.04)])
def test_the_last_frame_lasts_as_long_as_one_frame(pts: list[int], seconds: float) -> None:
    fps = Fraction(1000, 33) if pts[-1] == 66 else Fraction(25)
    video = encode_video(pictures(len(pts)), pts, Fraction(1, 1000), fps, 20, "veryfast")
    with av.open(io.BytesIO(video)) as container:
        assert container.duration == pytest.approx(seconds * 1e6)


def test_the_same_frames_give_the_same_bytes() -> None:
    first, again = (
        encode_video(pictures(4), [0, 1, 2, 3], Fraction(1, 10), Fraction(10), 20, "veryfast")
        for _ in range(2)
    )
    assert first == again


def test_it_is_encoded_without_what_is_not_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """x264's macroblock tree, and threads; what it says of its settings is left in for once."""

    class Unfiltered:
        def __init__(self, *_: object) -> None: ...

        def filter(self, packet: object) -> list[object]:
            return [packet]

    monkeypatch.setattr("operators.video.encode.BitStreamFilterContext", Unfiltered)
    video = encode_video(pictures(4), [0, 1, 2, 3], Fraction(1, 10), Fraction(10), 20, "veryfast")
    said = dict(re.findall(rb" (mbtree|threads|lookahead_threads|bframes)=(\d+)", video))
    assert said == {b"mbtree": b"0", b"threads": b"1", b"lookahead_threads": b"1", b"bframes": b"0"}


@pytest.mark.parametrize("size", [(48, 64), (143, 175)])
def test_lossless_is_lossless(size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, *size, 3), np.uint8)
    np.testing.assert_array_equal(decode_bytes(encode_lossless(frames)), frames)


def test_frames_without_timestamps_are_refused() -> None:
    with pytest.raises(ValueError, match="4 frames of uint8 with 3 timestamps"):
        encode_video(pictures(4), [0, 1, 2], Fraction(1, 10), Fraction(10), 20, "veryfast")


@pytest.mark.parametrize(
    "fps", [Fraction(10), Fraction(30000, 1001), Fraction(7, 3), Fraction(25), Fraction(20)]
)
@pytest.mark.parametrize(
    "unit", [Fraction(1, 10), Fraction(1, 1000), Fraction(1001, 30000), Fraction(3, 100), Fraction(1, 90000)]
)
@pytest.mark.parametrize("pts", [[0, 1, 2], [0, 3, 4, 9]])
def test_the_last_frame_is_shown_for_a_frames_distance(fps: Fraction, unit: Fraction, pts: list[int]) -> None:
    """To the nearest unit: what is due of every video is what the encoder writes."""
    video = encode_video(np.zeros((len(pts), 48, 64, 3), np.uint8), pts, unit, fps, 30, "ultrafast")
    assert inspect_video(video).last == due_last(fps, unit)
