"""Lettering on a person is masked with the person; what only touches one is painted beside them."""

import numpy as np

from operators.conditioning.carried import carried
from schemas.track import Track

SHAPE = 4, 100, 100
MASK = np.zeros((3, 100, 100), bool)
MASK[:, 20:80, 30:60] = True
SOMEBODY = Track(1, 1, MASK, MASK, np.zeros((3, 17, 3), np.float32))


def rows(*rectangles: tuple[int, int, int, int, int]) -> np.ndarray:
    return np.array([(0, *one) for one in rectangles], np.int32).reshape(-1, 6)


def test_what_lies_on_somebody_joins_the_mask_and_is_not_painted() -> None:
    hoodie, bag = (1, 35, 30, 55, 40), (2, 50, 40, 68, 60)
    people, left = carried([SOMEBODY], rows(hoodie, bag), SHAPE)
    assert not len(left)
    assert people[0].mask[1, 40:60, 50:68].all(), "all of the bag, and not its inner half alone"
    assert np.array_equal(people[0].mask[0], MASK[0]) and np.array_equal(people[0].mask[2], MASK[2])
    assert not MASK[1, 50, 65], "what it is given stays as it is"


def test_what_hangs_behind_somebody_is_painted() -> None:
    sign, away = (1, 40, 30, 95, 40), (1, 70, 70, 90, 90)
    people, left = carried([SOMEBODY], rows(sign, away), SHAPE)
    assert np.array_equal(left, rows(sign, away))
    assert np.array_equal(people[0].mask, MASK)


def test_in_frames_without_the_person_it_is_painted() -> None:
    hoodie = (35, 30, 55, 40)
    _, left = carried([SOMEBODY], rows((0, *hoodie), (1, *hoodie), (9, *hoodie)), SHAPE)
    assert left[:, 1].tolist() == [0, 9]


def test_the_nearest_of_two_gets_it() -> None:
    other = Track(
        2, 0, np.roll(MASK, 25, 2)[[0, 0, 1, 2]], np.roll(MASK, 25, 2)[[0, 0, 1, 2]], np.zeros((4, 17, 3))
    )
    people, left = carried([SOMEBODY, other], rows((1, 60, 30, 80, 40)), SHAPE)
    assert not len(left) and np.array_equal(people[0].mask, MASK)
