"""Scenery behind a mask is told from whoever stands before it, by what other frames show unmasked and nothing else."""

import numpy as np
import pytest

from operators.actor.background import inpaint
from operators.gates.scenery import scenery
from tests.videos import pictures

T, H, W = 8, 96, 128
SCENE = np.repeat(pictures(1, H, W), T, axis=0)
MOVING = np.zeros((T, H, W), bool)
for t in range(T):
    MOVING[t, 20:76, 8 + 14 * t : 20 + 14 * t] = True
INNER = np.zeros_like(MOVING)
INNER[:, 24:72] = MOVING[:, 24:72]
PERSON = np.random.default_rng(0).integers(0, 255, (T, H, W, 3), np.uint8)


def test_scenery_that_was_masked_for_a_while_is_known() -> None:
    assert scenery(SCENE, MOVING, [(0, T)])[INNER].mean() > 0.95


def test_somebody_before_it_is_not() -> None:
    shown = np.where(MOVING[..., None], PERSON, SCENE)
    assert scenery(shown, MOVING, [(0, T)])[INNER].mean() < 0.05


def test_what_no_other_frame_shows_is_not() -> None:
    always = np.repeat(MOVING[3:4], T, axis=0)
    assert not scenery(SCENE, always, [(0, T)]).any()
    assert not scenery(SCENE, MOVING, [(t, t + 1) for t in range(T)]).any()


def test_nothing_is_scenery_outside_the_mask() -> None:
    assert not scenery(SCENE, MOVING, [(0, T)])[~MOVING].any()
    assert not scenery(SCENE, np.zeros_like(MOVING), [(0, T)]).any()


def test_what_no_frame_shows_is_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is compared with nothing, and to make it up from patches is most of what a plate costs."""
    monkeypatch.setattr(inpaint, "_completed", lambda *_: pytest.fail("it is made up from patches"))
    mask = MOVING | MOVING[3]
    assert scenery(SCENE, mask, [(0, T)])[INNER & ~MOVING[3]].mean() > 0.5
    assert not scenery(SCENE, mask, [(0, T)])[:, MOVING[3]].any()
