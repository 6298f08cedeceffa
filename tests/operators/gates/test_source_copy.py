import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.gates.source_copy import copied_share

RNG = np.random.default_rng(3)
SOURCE = RNG.integers(0, 255, (4, 40, 40, 3), np.uint8)
OTHER = RNG.integers(0, 255, (4, 40, 40, 3), np.uint8)
REGION = np.zeros((4, 40, 40), bool)
REGION[:, 8:32, 8:32] = True


def test_the_source_itself_is_all_copied() -> None:
    assert copied_share(SOURCE, SOURCE, REGION, 0) == 1


def test_another_picture_is_not() -> None:
    assert copied_share(OTHER, SOURCE, REGION, 0) < 0.01


@given(st.integers(0, 3))
def test_one_passed_through_frame_is_found(frame: int) -> None:
    output = OTHER.copy()
    output[frame] = SOURCE[frame]
    assert copied_share(output, SOURCE, REGION, 0) == 1


def test_a_frame_late_is_found() -> None:
    assert copied_share(np.roll(SOURCE, 1, axis=0), SOURCE, REGION, 0) == 1


def test_the_overlap_is_skipped_in_the_source() -> None:
    assert copied_share(SOURCE[2:], SOURCE, REGION[2:], 2) == 1


def test_coding_noise_does_not_hide_a_copy() -> None:
    noisy = np.clip(SOURCE.astype(int) + RNG.integers(-4, 5, SOURCE.shape), 0, 255).astype(np.uint8)
    assert copied_share(noisy, SOURCE, REGION, 0) > 0.9


def test_a_flat_region_that_is_kept_counts_as_copied() -> None:
    flat = np.full((1, 40, 40, 3), 70, np.uint8)
    assert copied_share(flat, flat, REGION[:1], 0) == 1
    assert copied_share(flat + 30, flat, REGION[:1], 0) == 0


def test_an_empty_region_has_nothing_to_copy() -> None:
    assert copied_share(SOURCE, SOURCE, np.zeros_like(REGION), 0) == 0
