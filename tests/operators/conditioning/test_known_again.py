"""Who is who across clips: handed on by place, joined by looks, and never one of two who are seen at once."""

from dataclasses import replace

import numpy as np
import pytest

from operators.conditioning.identity import persons
from operators.conditioning.known_again import known_again
from schemas.clip import Followed, Person
from schemas.followed import Seen, SeenInClip
from tests.cluster.toy import make_ref

FRAMES, OVERLAP, ALIKE = 13, 5, 0.9
RED, BLUE = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
NOBODY = np.zeros(0, np.float32)


def walk(first: int, stop: int, looks: np.ndarray, at: int, start: int) -> Seen:
    """Somebody in the source's frames `first` to `stop`, who walks by 3 px a frame, in a clip from `start` on."""
    boxes = np.array([[at + 3 * t, 20, at + 3 * t + 30, 100] for t in range(first, stop)], np.float32)
    return Seen(first - start, boxes, looks)


def clips(*people: tuple[int, int, np.ndarray, int], source: str = "a", count: int = 3) -> list[SeenInClip]:
    """Clips that share frames with the one before; people by first frame, last, looks and place in frame 0."""
    step, made = FRAMES - OVERLAP, []
    for k in range(count):
        start, stop = k * step, k * step + FRAMES
        there = [
            walk(max(first, start), min(last, stop), looks, at, start)
            for first, last, looks, at in people
            if max(first, start) < min(last, stop)
        ]
        number = k + 100 * sum(source.encode())
        made.append(SeenInClip(number, "scope", source, start, OVERLAP if k else 0, FRAMES, there))
    return made


def numbers(found: dict[int, list[Followed]]) -> list[list[int]]:
    return [[one.person for one in people] for people in found.values()]


def test_somebody_keeps_a_number_through_all_clips_whatever_they_look_like() -> None:
    """Places hand it on: looks are not known, or those of somebody else."""
    everybody = clips((0, 40, NOBODY, 0), (0, 40, NOBODY, 200))
    assert numbers(known_again(everybody, ALIKE)) == [[1, 2]] * 3


def test_order_of_detections_and_clips_does_not_matter() -> None:
    everybody = clips((0, 40, RED, 0), (0, 40, BLUE, 200))
    turned = [
        SeenInClip(c.clip_id, c.scope, c.source, c.first_frame, c.overlap, c.frames, c.people[::-1])
        if c.first_frame == 8
        else c
        for c in everybody
    ]
    for order in (turned, turned[::-1]):
        found = known_again(order, ALIKE)
        assert {one.person for people in found.values() for one in people if one.boxes[0, 0] < 150} == {1}
        assert {one.person for people in found.values() for one in people if one.boxes[0, 0] > 150} == {2}


def test_who_comes_back_is_known_by_their_looks_and_a_stranger_is_not() -> None:
    back = clips((0, 6, RED, 0), (20, 29, RED, 300), (20, 29, BLUE, 100))
    assert [sorted(people) for people in numbers(known_again(back, ALIKE))] == [[1], [1, 2], [1, 2]]


@pytest.mark.parametrize("looks", [RED, BLUE])
def test_two_who_are_seen_at_once_are_two_however_alike(looks: np.ndarray) -> None:
    twins = clips((0, 40, RED, 0), (0, 40, looks, 200))
    assert numbers(known_again(twins, ALIKE)) == [[1, 2]] * 3


def test_cameras_of_a_rig_show_one_person_at_one_moment() -> None:
    rig = [*clips((0, 40, RED, 0)), *clips((0, 40, RED, 250), (0, 40, BLUE, 20), source="b")]
    found = known_again(rig, ALIKE)
    assert numbers(found) == [[1]] * 3 + [[1, 2]] * 3


def test_who_is_seen_in_shared_frames_only_is_handed_on_to_nobody_else() -> None:
    """Whoever leaves within the frames that two clips share, and another who comes later in that place."""
    found = numbers(known_again(clips((0, 12, RED, 0), (12, 40, BLUE, -20)), ALIKE))
    assert found[0][0] not in found[2] and len({found[0][0], *found[2]}) == 2


def test_nobody_is_nobody() -> None:
    empty = clips()
    assert numbers(known_again(empty, ALIKE)) == [[], [], []]
    gone = [Seen(0, np.full((4, 4), np.nan, np.float32), NOBODY)] * 2
    assert len(numbers(known_again([SeenInClip(1, "s", "a", 0, 0, 4, gone)], ALIKE))[0]) == 2


def test_a_track_takes_the_number_of_whoever_is_in_its_place() -> None:
    boxes = np.array([[0, 0, 30, 90]] * 6, np.float32)
    followed = [Followed(7, 2, boxes), Followed(9, 0, boxes + 100)]
    ref = replace(make_ref(1), followed="video", people=followed)
    joints = np.zeros((6, 17, 3), np.float32)
    tracks = [
        Person(1, 0, boxes + 101, joints),
        Person(2, 2, boxes + 1, joints),
        Person(3, 0, boxes + 300, joints),
    ]
    found = persons(ref, tracks)
    assert (found[1], found[2]) == (9, 7)
    assert found[3] == f"{ref.key}:3"  # somebody of this clip alone, and not the third of the video
    assert persons(make_ref(1), tracks) == {1: 1, 2: 2, 3: 3}
