"""Limbs that are somebody else's."""

import numpy as np
import pytest

from operators.models.people.borrowed import borrowed

PLACES = np.random.default_rng(0).uniform(0, 1, (17, 2)).astype(np.float32)
BOX = np.array([100, 50, 160, 200], np.float32)


def pose(box: np.ndarray, score: float = 0.8) -> np.ndarray:
    """Joints float32 [17,3] all over a box."""
    points = np.column_stack([box[:2] + PLACES * (box[2:] - box[:2]), np.full(17, score)])
    return points.astype(np.float32)


def asked(*people: tuple[np.ndarray, np.ndarray]) -> list[bool]:
    joints, boxes = (np.stack(part) for part in zip(*people, strict=True))
    return borrowed(joints, boxes).tolist()


@pytest.mark.parametrize(
    "box",
    [
        (100, 120, 160, 200),  # the legs
        (60, 20, 320, 230),  # around them and somebody else
        (170, 60, 230, 190),  # beside them
        (105, 60, 150, 260),  # lower
    ],
)
def test_the_same_limbs_speak_for_one_box_alone(box: tuple[int, ...]) -> None:
    other = np.array(box, np.float32)
    assert asked((pose(BOX), BOX), (pose(BOX), other)) == [False, True]
    assert asked((pose(BOX), other), (pose(BOX), BOX)) == [True, False]


def test_a_box_around_two_takes_the_limbs_of_neither() -> None:
    second = np.add(BOX, (100, 0, 100, 0))
    around = np.array([100, 50, 260, 200], np.float32)
    both = np.where(np.arange(17)[:, None] % 2 == 0, pose(BOX), pose(second))
    assert asked((pose(BOX), BOX), (pose(second), second), (both, around))[:2] == [False, False]


def test_people_side_by_side_have_limbs_of_their_own() -> None:
    near = np.add(BOX, (25, 0, 25, 0))
    assert asked((pose(BOX), BOX), (pose(near), near)) == [False, False]


def test_who_has_no_limbs_borrows_none() -> None:
    assert asked((pose(BOX), BOX), (pose(BOX, 0.0), BOX)) == [False, False]
    assert borrowed(np.zeros((0, 17, 3), np.float32), np.zeros((0, 4), np.float32)).shape == (0,)
