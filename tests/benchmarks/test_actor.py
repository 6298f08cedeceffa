"""What the actors' benchmark measures of a picture."""

import numpy as np
import pytest

from benchmarks.actor import seam

MASK = np.zeros((2, 40, 40), bool)
MASK[:, 10:30, 12:28] = True


def test_a_seam_is_what_the_mask_shows_and_the_picture_does_not() -> None:
    noise = np.random.default_rng(0).integers(60, 180, (2, 40, 40, 3), np.uint8)
    assert seam(noise, MASK) == pytest.approx(1, abs=0.1)
    lighter = np.where(MASK[..., None], noise + np.uint8(60), noise)
    assert seam(lighter, MASK) > 1.3
    assert seam(np.rot90(lighter, axes=(1, 2)), np.rot90(MASK, axes=(1, 2))) == pytest.approx(
        seam(lighter, MASK)
    )


def test_nothing_can_be_told_without_an_edge_or_around_nothing_but_flat_levels() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)
    assert np.isnan(seam(noise, np.zeros_like(MASK)))
    assert np.isnan(seam(np.zeros_like(noise), MASK))
