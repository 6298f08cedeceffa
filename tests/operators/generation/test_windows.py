"""Long videos: every frame once, each window from a seed of its own and the frames before it."""

import numpy as np
import pytest

from operators.generation.windows import Windows, count_windows
from schemas.generation import Request

RNG = np.random.default_rng(0)


def request(frames: int, seed: int = 7) -> Request:
    video = RNG.integers(0, 255, (frames, 16, 32, 3), np.uint8)
    return Request(video, np.ones((frames, 16, 32), bool), "red top", seed)


@pytest.mark.parametrize(("window", "overlap"), [(9, 5), (17, 5), (49, 5), (9, 1)])
def test_the_count_is_the_number_of_windows(window: int, overlap: int) -> None:
    for frames in range(1, 110):
        video, count = Windows(request(frames), window, overlap), 0
        while video.left:
            video.add(np.full((window, 16, 32, 3), count, np.uint8))
            count += 1
        assert count == count_windows(frames, window, overlap)
        assert isinstance(video.result, np.ndarray) and len(video.result) == frames


def test_49_frames_then_44_more_from_5_known_ones() -> None:
    asked = request(49 + 44 + 3)
    video = Windows(asked, 49, 5)
    first = video.next()
    np.testing.assert_array_equal(first.video, asked.conditioning[:49])
    assert first.known == 0 and first.generate.all()
    video.add(255 - first.video)
    second = video.next()
    np.testing.assert_array_equal(second.video[:5], 255 - asked.conditioning[44:49])
    np.testing.assert_array_equal(second.video[5:], asked.conditioning[49:93])
    assert second.known == 5 and not second.generate[:5].any() and second.generate[5:].all()
    video.add(255 - second.video)
    third = video.next()
    np.testing.assert_array_equal(third.video[5:8], asked.conditioning[93:])
    assert (third.video[8:] == third.video[7]).all()
    video.add(255 - third.video)
    np.testing.assert_array_equal(video.result, 255 - asked.conditioning)


@pytest.mark.parametrize(("frames", "pad", "padded"), [
    (93, 16, [49, 49]), (60, 16, [49, 17]), (9, 16, [17]), (17, 16, [17]), (18, 16, [33]), (34, 16, [49]), (1, 16, [1]),
    (60, 4, [49, 17]), (26, 4, [29]), (25, 4, [25]), (60, 0, [49, 49]), (3, 0, [49]), (38, 20, [41]), (42, 20, [49]),
])  # fmt: skip
def test_windows_are_padded_to_few_lengths_and_no_further(frames: int, pad: int, padded: list[int]) -> None:
    asked, lengths = request(frames), []
    video = Windows(asked, 49, 5, pad)
    while video.left:
        expected, window = video.size, video.next()
        assert window.video.shape[:3] == window.generate.shape == expected
        lengths.append(len(window.video))
        video.add(window.video)
    assert lengths == padded and all(length % 4 == 1 for length in lengths)
    np.testing.assert_array_equal(video.result, asked.conditioning)


def test_one_seed_is_every_windows() -> None:
    video, seeds = Windows(request(120, seed=1000), 49, 5, one_seed=True), []
    while video.left:
        window = video.next()
        seeds.append(window.seed)
        video.add(window.video)
    assert seeds == [1000] * 3


def test_each_window_has_a_seed_of_its_own_and_the_first_reference() -> None:
    asked, samples = request(120, seed=1000), []
    video = Windows(asked, 49, 5)
    while video.left:
        samples.append(video.next())
        video.add(samples[-1].video)
    assert [sample.seed for sample in samples] == [1000, 1044, 1088]
    for sample in samples:
        np.testing.assert_array_equal(sample.reference, asked.conditioning[0])


def test_an_error_is_the_end_of_a_request() -> None:
    video = Windows(request(60), 49, 5)
    video.add(video.next().video)
    video.add(RuntimeError("no"))
    assert video.left == 0 and isinstance(video.result, RuntimeError)
