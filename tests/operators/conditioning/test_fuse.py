import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.conditioning.fuse import fuse_structall, fuse_structhuman
from schemas.clip import GRAY

RNG = np.random.default_rng(4)
FRAMES = RNG.integers(0, 255, (2, 8, 10, 3), np.uint8)
DEPTH = RNG.normal(5, 2, (2, 8, 10)).astype(np.float32)
MASK = np.zeros((2, 8, 10), bool)
MASK[:, 2:6, 3:7] = True
NOBODY = np.zeros((2, 8, 10, 3), np.uint8)


def test_structhuman_is_the_source_outside_and_gray_inside() -> None:
    fused = fuse_structhuman(FRAMES, MASK, NOBODY)
    np.testing.assert_array_equal(fused[~MASK], FRAMES[~MASK])
    assert (fused[MASK] == GRAY).all()


def test_structall_is_depth_from_0_to_255_and_its_mean_inside() -> None:
    fused = fuse_structall(DEPTH, MASK, NOBODY)
    for frame, mask in zip(fused, MASK, strict=True):
        assert (frame[~mask].min(), frame[~mask].max()) == (0, 255)
        assert (frame[mask] == round(float(frame[~mask].mean()))).all()


def test_strokes_show_above_level_ten() -> None:
    strokes = NOBODY.copy()
    strokes[0, 0, 0], strokes[0, 0, 1] = (200, 0, 0), (8, 8, 8)
    fused = fuse_structhuman(FRAMES, MASK, strokes)
    assert (fused[0, 0, 0] == (200, 0, 0)).all()
    assert (fused[0, 0, 1] == FRAMES[0, 0, 1]).all()


@given(st.integers(0, 2**32 - 1))
def test_nothing_inside_the_mask_matters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames, depth = FRAMES.copy(), DEPTH.copy()
    frames[MASK] = rng.integers(0, 255, (MASK.sum(), 3))
    depth[MASK] = rng.normal(0, 1000, MASK.sum())
    np.testing.assert_array_equal(
        fuse_structhuman(frames, MASK, NOBODY), fuse_structhuman(FRAMES, MASK, NOBODY)
    )
    np.testing.assert_array_equal(fuse_structall(depth, MASK, NOBODY), fuse_structall(DEPTH, MASK, NOBODY))


def test_a_frame_that_is_all_person_is_gray() -> None:
    assert (fuse_structall(DEPTH, np.ones_like(MASK), NOBODY) == GRAY).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        fuse_structall(np.full_like(DEPTH, np.nan), MASK, NOBODY)
    with pytest.raises(ValueError, match="shapes differ"):
        fuse_structhuman(FRAMES[:1], MASK, NOBODY)
    with pytest.raises(ValueError, match="shapes differ"):
        fuse_structhuman(FRAMES, MASK.astype(np.uint8), NOBODY)
