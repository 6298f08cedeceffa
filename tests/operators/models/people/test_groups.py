"""A box around a group is no person; one around a person is, whoever else is in it."""

import numpy as np
import pytest

from operators.models.people.groups import groups
from schemas.cues import PersonBoxes

WALKERS = [([100.0, 80, 130, 160], 0.9), ([300, 90, 330, 170], 0.95), ([500, 80, 530, 160], 0.8)]


def said(*boxes: tuple[list[float], float]) -> list[bool]:
    places, scores = zip(*boxes, strict=True)
    return groups(PersonBoxes(np.array(places, np.float32), np.array(scores, np.float32))).tolist()


def test_a_faint_wide_box_around_people_who_are_seen_surely_is_a_group() -> None:
    assert said(([80.0, 60, 560, 190], 0.5), *WALKERS) == [True, False, False, False]


@pytest.mark.parametrize(
    "somebody",
    [
        ([80.0, 60, 560, 190], 0.7),  # seen surely: somebody lies in front of them
        ([80.0, 20, 360, 300], 0.5),  # as high as wide: somebody close to the camera
        ([80.0, 60, 310, 190], 0.5),  # one other person in it
        ([80.0, 60, 560, 190], 0.55),  # those in it are not much surer
    ],
    ids=["sure", "upright", "one", "not surer"],
)
def test_everybody_else_stays(somebody: tuple[list[float], float]) -> None:
    others = [(box, 0.8) for box, _ in WALKERS] if somebody[1] == 0.55 else WALKERS
    assert not any(said(somebody, *others))


def test_nobody_is_no_group() -> None:
    assert groups(PersonBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))).tolist() == []
