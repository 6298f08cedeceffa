"""A picture is looked at once, and every other picture is another one."""

import numpy as np
import pytest

from operators.models.runtime.once import Once


def brightest(asked: list[int]) -> Once[int]:
    """Finds a frame's highest value, and notes how many frames it was shown."""

    def detect(frames: np.ndarray) -> list[int]:
        asked.append(len(frames))
        return [int(frame.max()) for frame in frames]

    return Once(detect, kept=8)


def pictures(*levels: int) -> np.ndarray:
    return np.stack([np.full((4, 6, 3), level, np.uint8) for level in levels])


def test_what_was_seen_is_not_looked_at_again_in_whatever_order() -> None:
    asked: list[int] = []
    once, frames = brightest(asked), pictures(3, 1, 2)
    assert once(frames) == [3, 1, 2]
    assert once(frames[[2, 0]].copy()) == [2, 3]
    assert once(pictures(2, 5, 1, 5)) == [2, 5, 1, 5]
    assert asked == [3, 1]


def test_a_frame_that_was_changed_in_place_is_another_one() -> None:
    asked: list[int] = []
    once, frames = brightest(asked), pictures(3, 1)
    once(frames)
    frames[1, 3, 5, 2] = 9  # one value
    assert once(frames) == [3, 9] and asked == [2, 1]


def test_pictures_of_the_same_bytes_and_other_sizes_are_not_the_same() -> None:
    asked: list[int] = []
    once, frames = brightest(asked), pictures(3)
    once(frames)
    once(frames.reshape(1, 6, 4, 3))
    assert asked == [1, 1]


def test_old_pictures_are_forgotten_and_a_long_clip_is_not() -> None:
    asked: list[int] = []
    once = brightest(asked)
    assert once(pictures(*range(20))) == list(range(20))
    assert len(once.found) == 8
    assert once(pictures(19, 0)) == [19, 0] and asked == [20, 1]


def test_a_detector_that_leaves_a_frame_out_is_refused() -> None:
    with pytest.raises(ValueError, match="looked at 1 of 2"):
        Once(lambda frames: [0])(pictures(1, 2))
