"""What a post cuts off from somebody is masked with them; what only looks like it is not."""

import numpy as np
import pytest

from operators.conditioning.severed import cover_severed
from schemas.track import Track, union
from tests.operators.conditioning.policies import BESIDE

_SHAPE = (4, 120, 160)
_GREEN = (20, 110, 40)


def _scene() -> np.ndarray:
    """Gray, with noise: uint8 [T,H,W,3]."""
    return np.random.default_rng(0).integers(90, 130, (*_SHAPE, 1)).repeat(3, 3).astype(np.uint8)


def _walker(frames: np.ndarray) -> list[Track]:
    """In green from x 80 to 100, 60 px high; only that is in their body."""
    frames[:, 40:100, 80:100] = _GREEN
    body = np.zeros(_SHAPE, bool)
    body[:, 40:100, 80:100] = True
    return [Track(1, 0, body, body.copy(), np.zeros((_SHAPE[0], 17, 3), np.float32))]


def test_a_leg_on_the_other_side_of_a_post_is_masked() -> None:
    frames = _scene()
    people = _walker(frames)
    leg = np.s_[:, 75:100, 66:72]  # the post stands from x 72 to 80
    frames[leg] = _GREEN
    made = cover_severed(frames, people, BESIDE)
    assert union(made, "mask", _SHAPE)[leg].all()
    np.testing.assert_array_equal(made[0].body, people[0].body)


def test_a_leg_that_is_seen_in_one_frame_is_masked_in_those_beside_it() -> None:
    frames = _scene()
    people = _walker(frames)
    frames[1, 75:100, 66:72] = _GREEN
    mask = union(cover_severed(frames, people, BESIDE), "mask", _SHAPE)[:, 75:100, 66:72]
    assert [bool(frame.all()) for frame in mask] == [True, True, True, False]


@pytest.mark.parametrize(
    "scenery",
    [np.s_[:, 75:100, 2:70], np.s_[:, 75:100, 20:30]],
    ids=["goes on beyond reach", "lies beyond reach"],
)
def test_what_has_the_same_colour_but_is_none_of_theirs_stays(scenery: tuple[slice, ...]) -> None:
    frames = _scene()
    people = _walker(frames)
    frames[scenery] = _GREEN
    made = cover_severed(frames, people, BESIDE)
    np.testing.assert_array_equal(made[0].mask, people[0].mask)


def test_a_colour_that_the_scene_is_full_of_tells_nothing() -> None:
    frames = _scene()
    frames[:, ::2] = _GREEN
    people = _walker(frames)
    made = cover_severed(frames, people, BESIDE)
    np.testing.assert_array_equal(made[0].mask, people[0].mask)


def test_nobody_has_no_pieces() -> None:
    assert cover_severed(_scene(), [], BESIDE) == []
