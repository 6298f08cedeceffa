"""Masks without holes."""

import numpy as np
import pytest

from operators.conditioning.holes import cover_holes
from schemas.track import Track


def covered(mask: np.ndarray) -> np.ndarray:
    track = Track(1, 0, mask[None], mask[None], np.zeros((1, 17, 3), np.float32))
    (one,) = cover_holes([track])
    assert np.array_equal(one.body, track.body)
    return one.mask[0]


@pytest.mark.parametrize(("top", "left"), [(40, 40), (0, 40), (40, 0), (110, 40), (0, 0), (110, 0)])
def test_what_a_mask_and_the_frame_enclose_is_covered(top: int, left: int) -> None:
    mask = np.zeros((120, 160), bool)
    mask[:, :80] = True
    mask[top : top + 10, left : left + 10] = False
    whole = mask.copy()
    whole[:, :80] = True
    assert np.array_equal(covered(mask), whole)


def test_the_scene_stays() -> None:
    mask = np.zeros((120, 160), bool)
    mask[:, 60:100] = True  # somebody before whom the scene lies on both sides
    assert np.array_equal(covered(mask), mask)
    mask[:] = True
    mask[:, :4] = False  # all that is left of it
    assert np.array_equal(covered(mask), mask)
    assert not covered(np.zeros((120, 160), bool)).any()
    assert covered(np.ones((120, 160), bool)).all()
