"""Places: the same seed builds the same, in proper triangles; things in the way are where they are said to be."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from operators.training.render.scenery.occluders import KINDS, Occluder
from operators.training.render.scenery.places import Place, plain, room, street
from operators.training.render.scenery.solids import Material, box

PLACES = (street, room, plain)


@pytest.mark.parametrize("build", PLACES)
def test_a_seed_gives_one_place(build: Callable[[Generator], Place]) -> None:
    one, same, other = (build(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one.triangles, same.triangles)
    assert one.name == same.name
    assert one.obstacles == same.obstacles
    assert not np.array_equal(one.triangles[:99], other.triangles[:99])


@pytest.mark.parametrize("build", PLACES)
def test_triangles_are_proper(build: Callable[[Generator], Place]) -> None:
    for seed in range(5):
        rows = build(np.random.default_rng(seed)).triangles
        assert rows.shape[1] == 17
        assert len(rows) % 3 == 0
        assert np.isfinite(rows).all()
        np.testing.assert_allclose(np.linalg.norm(rows[:, 3:6], axis=1), 1)
        assert rows[:, 9:15].min() >= 0
        assert rows[:, 9:15].max() <= 1
        assert set(rows[:, 15]) <= set(Material)


def test_a_box_is_closed_and_looks_outwards() -> None:
    rows = box((1, 2, 3), (0.5, 1, 2), Material.BRICK, 1, ((0, 0, 0), (1, 1, 1)), yaw=0.7)
    position, normal = rows[:, :3], rows[:, 3:6]
    assert ((position - [1, 2, 3]) * normal).sum(1).min() > 0
    sides = position.reshape(-1, 3, 3)
    areas = np.linalg.norm(np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]), axis=1) / 2
    assert areas.sum() == pytest.approx(2 * (0.5 * 1 + 0.5 * 2 + 1 * 2))


def test_the_middle_of_the_pavement_is_free() -> None:
    for seed in range(30):
        place = street(np.random.default_rng(seed))
        assert all(abs(y) - radius > 1.5 for _, y, radius in place.obstacles)
        assert place.front > 3


@pytest.mark.parametrize("kind", KINDS)
def test_an_occluder_is_as_tall_as_it_says_and_where_it_says(kind: str) -> None:
    for seed in range(10):
        rows = Occluder(kind, 0.9, 2.0, -3.0).build(np.random.default_rng(seed))
        assert rows[:, 2].max() == pytest.approx(0.9, rel=0.3)  # leaves stick out
        np.testing.assert_allclose((rows[:, :2].min(0) + rows[:, :2].max(0)) / 2, [2, -3], atol=0.2)
    assert Occluder(kind, 0.904, 2.0, -3.0).record() == {
        "kind": kind,
        "height_m": 0.9,
        "position_m": [2.0, -3.0],
    }
