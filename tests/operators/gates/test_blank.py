"""How much of a frame is neither the source's nor generated."""

import numpy as np
import pytest

from operators.gates.degenerate import blank, blank_share
from schemas.clip import GRAY
from schemas.config import load
from schemas.policy import Policy

LIMITS = load(Policy, "cluster/policies/driving.yaml").gates
SHAPE = 3, 40, 60
OUTPUT = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)
MADE = np.zeros(SHAPE, bool)
MADE[:, :, :30] = True
NOTHING = np.zeros((0, 6), np.int32)


def test_what_is_generated_or_the_sources_is_not_blank() -> None:
    assert blank_share(OUTPUT, NOTHING, MADE, 0, False) == 0


def test_a_fill_counts_whether_it_was_asked_for_or_not() -> None:
    assert blank_share(OUTPUT, NOTHING, MADE, 0, True) == 0.5
    gray = OUTPUT.copy()
    gray[1, :, :30] = GRAY + 2  # as a codec leaves it
    assert blank_share(gray, NOTHING, MADE, 0, False) == pytest.approx(0.5, abs=0.05)
    assert blank_share(gray, NOTHING, ~MADE, 0, False) == 0, "a gray wall of the source is the source's"


def test_what_is_painted_counts_outside_of_what_is_made() -> None:
    painted = np.array([[0, 3, 20, 0, 40, 40], [0, 0, 0, 0, 60, 40], [1, 9, 0, 0, 60, 40]], np.int32)
    assert blank_share(OUTPUT, painted, MADE, 2, False) == pytest.approx(10 / 60)
    assert blank_share(OUTPUT, painted, MADE, 2, True) == pytest.approx(40 / 60)


def test_a_clip_of_gray_frames_is_refused() -> None:
    gray = np.full((*SHAPE, 3), GRAY, np.uint8)
    for filled in (False, True):
        assert not blank(gray, NOTHING, np.ones(SHAPE, bool), 0, LIMITS, filled).passed
    assert not blank(OUTPUT[:0], NOTHING, MADE[:0], 0, LIMITS, False).passed, "of no frame nothing is known"
