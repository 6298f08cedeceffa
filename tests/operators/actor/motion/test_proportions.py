"""Whose limbs an actor has: their own, or as long as the source's joints say."""

from inspect import signature

import numpy as np
import pytest

from operators.actor.actor import actor, draw, keypoints, posed
from operators.actor.body.body import Body
from operators.actor.body.proportions import proportioned
from operators.actor.body.skeleton import ANGLES
from schemas.actor import Proportions
from tests.operators.actor.walks import FPS, SIZE, body_of, walk

SHORT, LONG = Proportions(0.85, 0.85), Proportions(1.2, 1.2)
_LEGS, _ARMS = ((11, 13), (13, 15)), ((5, 7), (7, 9))


def _lengths(joints: np.ndarray, limbs: tuple[tuple[int, int], ...]) -> float:
    """Of a limb of joints [17,3] m over the trunk's."""
    trunk = np.linalg.norm(joints[[5, 6]].mean(0) - joints[[11, 12]].mean(0))
    return float(sum(np.linalg.norm(joints[a] - joints[b]) for a, b in limbs) / trunk)


def _at_rest(body: Body) -> np.ndarray:
    return np.asarray(body.skeleton.pose(np.zeros(1), np.zeros((1, len(ANGLES)))).joints[0, :17])


def _legs_of_actor(kind: str, facing: float, by: Proportions, whose: str, limbs: tuple = _LEGS) -> float:
    track = walk(kind, facing, noise=0.005, seed=1, frames=12, by=by)
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=3, body=whose)  # type: ignore[arg-type]
    assert made is not None
    return _lengths(posed(made, 0)[0].joints[0, :17], limbs)


@pytest.mark.parametrize(("kind", "facing"), [("walk", 1.57), ("stand", 0.0)])
def test_legs_are_the_source_s_if_the_policy_says_so(kind: str, facing: float) -> None:
    for by in (SHORT, LONG):
        true = _lengths(_at_rest(proportioned(body_of(41), by)), _LEGS)
        assert _legs_of_actor(kind, facing, by, "source") == pytest.approx(true, rel=0.1)


def test_nothing_of_the_source_s_legs_is_told_by_an_actor_s_own() -> None:
    """The ratio is the same whoever was there, but for what flesh gives in another pose."""
    kept, told = (
        [_legs_of_actor("walk", 0.5, by, whose) for by in (SHORT, LONG)] for whose in ("actor", "source")
    )
    assert kept[1] == pytest.approx(kept[0], rel=0.005)
    assert told[1] > 1.25 * told[0]


def test_what_no_joint_shows_stays_the_actor_s_own() -> None:
    track = walk("stand", 0.3, noise=0.005, by=LONG)
    track.joints[:, 11:, 2] = 0
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=3, body="source")
    assert made is not None
    assert made.proportions.upper_leg == pytest.approx(1, abs=0.03)
    assert made.proportions.lower_leg == pytest.approx(1, abs=0.03)
    post = track.joints.copy()
    post[..., 2] = 0
    assert actor(post, track.boxes, SIZE, FPS, seed=3, body="source") is None


def test_a_stretched_body_keeps_what_is_not_named() -> None:
    own = body_of(5)
    made = proportioned(own, Proportions(upper_arm=1.3, lower_arm=1.3))
    before, after = _at_rest(own), _at_rest(made)
    assert _lengths(after, _ARMS) == pytest.approx(1.3 * _lengths(before, _ARMS), rel=0.06)
    assert _lengths(after, _LEGS) == pytest.approx(_lengths(before, _LEGS), rel=5e-3)
    assert made.height == pytest.approx(own.height, abs=2e-3)
    np.testing.assert_allclose(proportioned(own, Proportions()).vertices, own.vertices, atol=1e-6)


def test_joints_are_held_and_drawn_with_the_source_s_body() -> None:
    track = walk("walk", 0.5, noise=0.005, seed=2, frames=12, by=LONG)
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=3, body="source")
    assert made is not None
    apart = np.linalg.norm(keypoints(made) - track.true, axis=-1) / track.tall[:, None]
    assert (apart < 0.05).mean() >= 0.97
    assert (draw(made, 0)[1].rgba[..., 3] > 0).any()


def test_no_pixel_enters() -> None:
    assert list(signature(actor).parameters) == [
        "joints", "boxes", "size", "fps", "seed", "persona", "lifted", "body", "shared",
    ]  # fmt: skip
