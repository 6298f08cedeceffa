"""What moves beside somebody is masked with them; what stands still, passes by or only seems to move is not."""

import numpy as np
import pytest

from operators.conditioning.stirred import cover_moving
from schemas.track import Track, union
from tests.operators.conditioning.policies import BESIDE

_SHAPE = (12, 160, 240)
_PERSON = np.s_[30:130, 100:140]


def _scene(pan: float = 0.0) -> np.ndarray:
    """Blots on a wall that a camera pans along, `pan` px a frame: uint8 [T,H,W,3]."""
    rng = np.random.default_rng(1)
    wall = rng.integers(60, 200, (_SHAPE[1] // 8 + 1, _SHAPE[2] // 8 + 8, 3)).astype(np.uint8)
    wide = np.kron(wall, np.ones((8, 8, 1), np.uint8))
    return np.stack(
        [wide[: _SHAPE[1], round(pan * t) : round(pan * t) + _SHAPE[2]] for t in range(_SHAPE[0])]
    )


def _walker(frames: np.ndarray) -> list[Track]:
    """Stands in the middle, in black."""
    body = np.zeros(_SHAPE, bool)
    body[:, *_PERSON] = True
    frames[body] = 5
    return [Track(1, 0, body, body.copy(), np.zeros((_SHAPE[0], 17, 3), np.float32))]


def _masked(frames: np.ndarray, people: list[Track]) -> np.ndarray:
    made = cover_moving(frames, people, BESIDE, [(0, len(frames))])
    np.testing.assert_array_equal(made[0].body, people[0].body)
    return union(made, "mask", _SHAPE)


@pytest.mark.parametrize("pan", [0.0, 2.0], ids=["still camera", "panning camera"])
@pytest.mark.parametrize("first", [0, 4, 9], ids=["at once", "midway", "at last"])
def test_a_shoe_that_shows_for_a_moment_beyond_a_post_is_masked(pan: float, first: int) -> None:
    frames = _scene(pan)
    people = _walker(frames)
    for t in range(first, min(first + 3, len(frames))):
        frames[t, 112:126, 84:94] = 8
    mask = _masked(frames, people)
    for t in range(first, min(first + 3, len(frames))):
        assert mask[t, 112:126, 84:94].mean() > 0.95, t


@pytest.mark.parametrize("pan", [0.0, 2.0], ids=["still camera", "panning camera"])
def test_scenery_that_stands_still_stays(pan: float) -> None:
    frames = _scene(pan)
    people = _walker(frames)
    np.testing.assert_array_equal(_masked(frames, people), people[0].mask)


def test_what_passes_by_in_front_of_all_that_is_near_stays() -> None:
    frames = _scene()
    for t in range(len(frames)):
        frames[t, 20:140, :] = np.roll(frames[0, 20:140, :], 40 * t, axis=1)
    people = _walker(frames)
    np.testing.assert_array_equal(_masked(frames, people), people[0].mask)


def test_what_moves_beyond_reach_stays() -> None:
    frames = _scene()
    frames[4:7, 112:126, 60:70] = 8
    people = _walker(frames)
    np.testing.assert_array_equal(_masked(frames, people), people[0].mask)


def test_where_all_of_the_picture_changes_nothing_is_told() -> None:
    frames = np.stack([_scene()[0][:, ::-1] if t % 3 else 255 - _scene()[0] for t in range(_SHAPE[0])])
    people = _walker(frames)
    np.testing.assert_array_equal(_masked(frames, people), people[0].mask)


def test_a_cut_to_another_scene_moves_nothing() -> None:
    frames = _scene()
    frames[6:] = 255 - frames[6:]
    people = _walker(frames)
    made = cover_moving(frames, people, BESIDE, [(0, 6), (6, 12)])
    np.testing.assert_array_equal(union(made, "mask", _SHAPE), people[0].mask)


def test_nobody_moves_nothing() -> None:
    assert cover_moving(_scene(), [], BESIDE, [(0, _SHAPE[0])]) == []
