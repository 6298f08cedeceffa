"""Patches against whole masks, whatever the masks are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from schemas.cues import Patch

MASKS = arrays(bool, (9, 12), elements=st.booleans(), fill=st.just(False))
AT = st.integers(-5, 14)


@given(MASKS, MASKS)
def test_a_patch_is_the_mask_without_its_surroundings(one: np.ndarray, other: np.ndarray) -> None:
    patch = Patch.of(one)
    assert np.array_equal(patch.within(0, 0, 9, 12), one)
    assert patch.area == one.sum()
    assert np.array_equal((patch | Patch.of(other)).within(0, 0, 9, 12), one | other)


@given(MASKS, AT, AT, st.integers(0, 12), st.integers(0, 12))
def test_a_window_may_lie_anywhere(mask: np.ndarray, x: int, y: int, height: int, width: int) -> None:
    around = np.pad(mask, 40)
    expected = around[y + 40 : y + 40 + height, x + 40 : x + 40 + width]
    assert np.array_equal(Patch.of(mask).within(x, y, height, width), expected)
