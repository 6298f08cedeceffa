import numpy as np

from operators.conditioning.doubles import doubles, everybody
from schemas.clip import Person


def person(
    track: int, box: tuple[int, int, int, int], first: int = 0, frames: int = 20, step: int = 0
) -> Person:
    moves = np.arange(frames)[:, None] * np.array([step, 0, step, 0])
    return Person(
        track, first, (np.array(box) + moves).astype(np.float32), np.zeros((frames, 17, 3), np.float32)
    )


def test_a_box_of_half_a_person_for_a_while_is_a_double() -> None:
    whole, half = person(1, (10, 10, 50, 110)), person(2, (12, 12, 48, 70), first=4, frames=8)
    assert doubles([whole, half]) == {2}
    assert everybody([whole, half]) == {1}, "counted once"


def test_two_people_who_cross_are_two() -> None:
    left, right = person(1, (0, 10, 40, 110), step=4), person(2, (80, 10, 120, 110), step=-4)
    assert doubles([left, right]) == set()


def test_somebody_beside_another_is_no_double_however_briefly_seen() -> None:
    tall, beside = person(1, (10, 10, 50, 110)), person(2, (55, 10, 95, 110), first=5, frames=4)
    assert doubles([tall, beside]) == set()


def test_of_two_as_long_neither_is_the_other() -> None:
    near, behind = person(1, (10, 10, 60, 120)), person(2, (15, 15, 55, 90))
    assert doubles([near, behind]) == set()


def test_whoever_is_never_seen_is_no_double() -> None:
    seen, unseen = person(1, (10, 10, 50, 110)), person(2, (12, 12, 48, 70))
    unseen.boxes[:] = np.nan
    assert doubles([seen, unseen]) == set()
