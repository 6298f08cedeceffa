"""A frame that repeats where somebody moves is found; a wall in somebody's place may stand still."""

import numpy as np
import pytest

from operators.gates.degenerate import degenerate
from schemas.config import load
from schemas.policy import Policy

LIMITS = load(Policy, "cluster/policies/driving.yaml").gates
SHAPE = (4, 32, 48)
MASK = np.zeros(SHAPE, bool)
MASK[:, 4:28, 8:30] = True


def frozen(output: np.ndarray, source: np.ndarray, anew: np.ndarray, filled: bool = False) -> bool:
    gates = {gate.name: gate for gate in degenerate(output, source, MASK, anew, LIMITS, filled)}
    return not gates["frozen"].passed


@pytest.fixture
def source() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)


def test_a_picture_that_repeats_inside_or_outside_is_frozen(source: np.ndarray) -> None:
    inside, outside = (np.where(one[..., None], source[:1], source) for one in (MASK, ~MASK))
    assert not frozen(source, source, MASK)
    assert frozen(inside, source, MASK) and frozen(outside, source, MASK)


def test_a_wall_in_somebodys_place_may_stand_still_but_nothing_else(source: np.ndarray) -> None:
    nobody = np.zeros(SHAPE, bool)
    inside, outside = (np.where(one[..., None], source[:1], source) for one in (MASK, ~MASK))
    assert not frozen(inside, source, nobody) and frozen(outside, source, nobody)


def test_who_is_made_anew_in_two_frames_has_to_move_in_them(source: np.ndarray) -> None:
    some = MASK & (np.arange(SHAPE[0]) >= 2)[:, None, None]
    late, early = source.copy(), source.copy()
    late[3][MASK[3]], early[1][MASK[1]] = source[2][MASK[3]], source[0][MASK[1]]
    assert frozen(late, source, some) and not frozen(early, source, some)
    assert not frozen(late, source, some, filled=True)
