"""Whoever a box shows is accounted for by masks that reach all four of its sides, and by no others."""

import numpy as np
import pytest

from operators.models.witnesses.coverage import uncovered
from schemas.cues import Patch

BOX = np.array([40, 20, 80, 120], np.float32)


def covering(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    hidden = np.zeros((140, 120), bool)
    hidden[y0:y1, x0:x1] = True
    return hidden


def test_a_mask_that_reaches_every_side_accounts_for_a_box() -> None:
    assert uncovered(BOX, covering(40, 20, 80, 120)) is None
    assert uncovered(BOX, covering(44, 30, 76, 112)) is None  # boxes are not exact
    slim = covering(52, 20, 68, 120) | covering(40, 50, 80, 60)  # arms out
    assert uncovered(BOX, slim | covering(46, 30, 74, 110)) is None


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        (covering(40, 20, 80, 85), (40, 85, 80, 120)),  # trousers
        (covering(40, 50, 80, 120), (40, 20, 80, 50)),  # a head
        (covering(52, 20, 80, 120), (40, 20, 52, 120)),  # an arm
        (covering(40, 20, 66, 120), (66, 20, 80, 120)),
        (covering(0, 0, 0, 0), (40, 20, 80, 120)),
        (covering(40, 20, 80, 60), (40, 20, 80, 120)),  # less than half: somebody else, in front
    ],
)
def test_what_lies_beyond_the_masks_is_left(hidden: np.ndarray, left: tuple[int, int, int, int]) -> None:
    patch = uncovered(BOX, hidden)
    assert patch is not None
    x0, y0, x1, y1 = left
    where = np.argwhere(patch.within(0, 0, *hidden.shape))
    assert [*where.min(0)[::-1], *(where.max(0)[::-1] + 1)] == [x0, y0, x1, y1]


def test_who_fills_little_of_their_box_is_accounted_for_by_one_mask_alone() -> None:
    """Who stretches both arms out leaves more than half of the box empty; so do two others who stand in it."""
    slim = covering(54, 20, 66, 120) | covering(40, 44, 80, 60)
    assert slim[20:120, 40:80].mean() < 0.45 and uncovered(BOX, slim) is None
    severed = slim.copy()
    severed[:, 53] = severed[:, 67] = severed[43:61, 54:66] = False  # the same place by four masks
    thin = covering(57, 20, 61, 120) | covering(40, 46, 80, 58)
    corners = covering(40, 20, 56, 80) | covering(64, 60, 80, 120)
    for hidden in (severed, thin, corners):
        patch = uncovered(BOX, hidden)
        assert patch is not None and patch.area == 40 * 100


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_who_stands_on_something_is_known_and_what_they_stand_on_is_left(turns: int) -> None:
    """A box reaches on from a gymnast to the platform below; whatever the side, the strip alone is left of it."""

    def left(*hidden: np.ndarray) -> Patch | None:
        turned = np.rot90(np.logical_or.reduce(hidden)[20:120, 40:80], turns)
        height, width = turned.shape
        picture = np.zeros((140, 140), bool)
        picture[20 : 20 + height, 20 : 20 + width] = turned
        return uncovered(np.array([20, 20, 20 + width, 20 + height], np.float32), picture)

    body, arms = covering(54, 20, 66, 90), covering(40, 44, 80, 60)
    strip = left(body, arms)
    assert strip and strip.area == 40 * 30
    higher = left(covering(54, 20, 66, 80), arms | covering(50, 20, 70, 80))
    assert higher and higher.area == 40 * 100, "not most of the way"
    one_arm = left(body | covering(50, 20, 70, 90), arms & covering(54, 0, 80, 140))
    assert one_arm and one_arm.area == 40 * 100, "two sides are not reached"
    apart = left(body, arms & ~covering(53, 0, 54, 140) & ~covering(66, 0, 67, 140))
    assert apart and apart.area == 40 * 100, "not one mask"
    assert left(body, arms, covering(40, 90, 80, 120)) is None


def test_a_thin_streak_to_a_side_is_no_cover() -> None:
    """A skeleton's line down to the feet would else account for the trousers."""
    assert uncovered(BOX, covering(40, 20, 80, 85) | covering(59, 20, 61, 120)) is not None


def test_a_box_beyond_the_frame_is_nobody() -> None:
    assert uncovered(np.array([-40, -40, -10, -10], np.float32), covering(0, 0, 9, 9)) is None
