"""Whose looks are compared: everybody made anew, but for frames in which a track shows scenery."""

import numpy as np

from operators.gates.people import as_seen
from schemas.clip import Person
from schemas.cues import PersonBoxes

T, BOX = 6, (20, 10, 40, 60)


def person(number: int, first: int, boxes: list[tuple[float, ...]]) -> Person:
    return Person(number, first, np.array(boxes, np.float32), np.zeros((len(boxes), 17, 3), np.float32))


def region(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    made = np.zeros((T, 80, 100), bool)
    for x0, y0, x1, y1 in boxes:
        made[:, y0:y1, x0:x1] = True
    return made


def looks(*frames: int, box: tuple[int, int, int, int] = BOX) -> list[PersonBoxes]:
    there = PersonBoxes(np.array([box], np.float32), np.full(1, 0.3, np.float32))
    nothing = PersonBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    return [there if t in frames else nothing for t in range(T)]


def test_of_whom_nobody_else_sees_all_is_kept() -> None:
    assert np.array_equal(as_seen(region(BOX), [person(1, 0, [BOX] * T)], looks()), region(BOX))
    assert np.array_equal(as_seen(region(BOX), [], looks(0, 1)), region(BOX))


def test_frames_in_which_nobody_else_sees_somebody_are_left_out() -> None:
    kept = as_seen(region(BOX), [person(1, 0, [BOX] * T)], looks(3, 4, 5))
    assert [bool(frame.any()) for frame in kept] == [False] * 3 + [True] * 3


def test_one_person_takes_nothing_from_another() -> None:
    other = (36, 10, 56, 60)
    people = [person(1, 0, [BOX] * T), person(2, 0, [other] * T)]
    kept = as_seen(region(BOX, other), people, [*looks(0, 1, 2)[:3], *looks(3, 4, 5, box=other)[3:]])
    assert kept[0, 10:60, 20:40].all() and not kept[0, 10:60, 45:56].any()  # but for the margin

    assert kept[4, 10:60, 36:56].all() and not kept[4, 10:60, 20:31].any()


def test_boxes_before_and_without_a_place_are_passed_over() -> None:
    nowhere = (np.nan,) * 4
    one = person(1, -2, [BOX, BOX, nowhere, BOX, BOX])
    kept = as_seen(region(BOX), [one], looks(1))
    assert [bool(frame.any()) for frame in kept] == [True, True, False, True, True, True]


def test_a_wall_beside_somebody_is_nobody() -> None:
    """A witness took a strip of wall for a part of somebody: her box holds it, and so does a faint guess."""
    wide, faint = (20, 10, 80, 60), (42, 10, 80, 60)
    sight = PersonBoxes(np.array([BOX, faint], np.float32), np.array([0.9, 0.4], np.float32))
    kept = as_seen(region(wide), [person(1, 0, [wide] * T)], [sight] * T)
    assert kept[:, 10:60, 20:40].all() and not kept[:, :, 46:].any()


def test_two_in_one_box_are_both_kept() -> None:
    wide, second = (20, 10, 60, 60), (40, 10, 60, 60)
    sight = PersonBoxes(np.array([BOX, second], np.float32), np.array([0.9, 0.7], np.float32))
    assert np.array_equal(as_seen(region(wide), [person(1, 0, [wide] * T)], [sight] * T), region(wide))


def test_what_goes_on_beyond_everybodys_box_is_scenery() -> None:
    """A mask joined over time reaches beyond whoever moved on."""
    beyond = (40, 10, 80, 60)
    everything = region(BOX, beyond)
    kept = as_seen(everything, [person(1, 0, [BOX] * T)], looks())
    assert kept[:, 10:60, 20:40].all() and not kept[:, :, 46:].any()  # but for the margin
    surely = PersonBoxes(np.array([beyond], np.float32), np.array([0.6], np.float32))
    kept = as_seen(everything, [person(1, 0, [BOX] * T)], [surely, *looks()[1:]])
    assert np.array_equal(kept[0], everything[0]) and not kept[1:, :, 46:].any()


def test_what_no_box_holds_any_of_is_asked_about() -> None:
    """Whoever made it knew of somebody there: boxes that lie elsewhere, or are none, excuse nothing."""
    elsewhere = (60, 10, 80, 60)
    for box in (elsewhere, (np.nan,) * 4):
        assert np.array_equal(as_seen(region(BOX), [person(1, 0, [box] * T)], looks()), region(BOX))


def test_who_has_no_box_for_a_moment_is_kept_there() -> None:
    one = person(1, 0, [BOX, BOX, (np.nan,) * 4, (np.nan,) * 4, BOX, BOX])
    assert np.array_equal(as_seen(region(BOX), [one], looks()), region(BOX))
