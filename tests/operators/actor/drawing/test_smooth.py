"""Edges of a drawing are softened, and nothing else is."""

import numpy as np

from operators.actor.drawing.smooth import smooth


def drawing() -> tuple[np.ndarray, np.ndarray]:
    """A red trunk 2 m away with a blue arm 1.8 m away before it, and nobody around."""
    rgba, depth = np.zeros((40, 40, 4), np.float32), np.full((40, 40), np.inf, np.float32)
    rgba[5:35, 5:30], depth[5:35, 5:30] = [1, 0, 0, 1], 2.0
    rgba[15:20, 10:38], depth[15:20, 10:38] = [0, 0, 1, 1], 1.8
    return rgba, depth


def test_the_inside_and_what_is_empty_stay_as_they_are() -> None:
    (rgba, depth), (before, far) = drawing(), drawing()
    smooth(rgba, depth)
    for place in (np.s_[23:33, 7:28], np.s_[17, 12:28], np.s_[:4], np.s_[37:]):
        np.testing.assert_array_equal(rgba[place], before[place])
        np.testing.assert_array_equal(depth[place], far[place])


def test_an_edge_fades_in_its_own_colour_and_is_as_near_as_whoever_it_is_of() -> None:
    rgba, depth = drawing()
    smooth(rgba, depth)
    outside, inside = rgba[25, 4], rgba[25, 5]
    assert 0 < outside[3] < inside[3] < 1
    np.testing.assert_allclose(outside[:3], [1, 0, 0], atol=1e-5)
    assert depth[25, 4] == 2.0 and np.isinf(depth[25, 3])
    assert rgba.min() >= 0 and rgba.max() <= 1 + 1e-6


def test_an_arm_before_the_trunk_has_a_soft_edge_too() -> None:
    rgba, depth = drawing()
    smooth(rgba, depth)
    above, within = rgba[14, 20], rgba[15, 20]
    assert 0 < above[2] < within[2] < 1 and above[3] == within[3] == 1


def test_nobody_is_softened_where_nobody_is() -> None:
    rgba, depth = np.zeros((8, 8, 4), np.float32), np.full((8, 8), np.inf, np.float32)
    smooth(rgba, depth)
    assert not rgba.any() and np.isinf(depth).all()
