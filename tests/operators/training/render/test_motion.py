"""Motion: smooth, within what joints can do, grounded; and the bones' matrices."""

import numpy as np
import pytest

from operators.training.render.acting import steps_of
from operators.training.render.gestures import Gestures, sample_gestures
from operators.training.render.motion import Movement, periodic, sample_motion
from operators.training.render.rig import pose_matrices
from operators.training.render.template import MeshTemplate

KINDS = ("walk", "jog", "stand", "step", "squat")
LIMITS = {  # of the joints, in degrees, somewhat below what healthy people reach
    "hip": (-30, 125),
    "knee": (-2, 140),
    "ankle": (-40, 30),
    "leg_out": (-5, 45),
    "shoulder": (-60, 180),
    "arm_out": (-20, 150),
    "arm_in": (-90, 90),
    "elbow": (-5, 150),
    "spine": (-25, 85),
    "side": (-35, 35),
    "twist": (-40, 40),
    "nod": (-45, 45),
    "turn": (-75, 75),
    "tilt": (-35, 35),
}


def motions(kind: str, fps: float, frames: int) -> list[Movement]:
    """Forty of a kind."""
    made = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        made.append(sample_motion(kind, sample_gestures(rng), frames, fps, rng))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_joints_stay_within_their_limits(kind: str) -> None:
    for motion in motions(kind, fps=12, frames=36):
        for name, curve in motion.angles.items():
            low, high = LIMITS.get(name.removesuffix("_l").removesuffix("_r"), (-15, 15))
            assert low < curve.min() <= curve.max() < high, name


@pytest.mark.parametrize("kind", KINDS)
def test_curves_have_no_jumps(kind: str) -> None:
    """Four times as many frames a second make steps four times smaller, as in anything smooth."""
    for coarse, fine in zip(motions(kind, 240, 480), motions(kind, 960, 1920), strict=True):
        for name, curve in coarse.angles.items():
            step, finer = np.abs(np.diff(curve)).max(), np.abs(np.diff(fine.angles[name])).max()
            assert step < 8, name
            assert finer == pytest.approx(step / 4, rel=0.1, abs=0.01), name


def test_the_same_seed_gives_the_same_motion_and_another_another() -> None:
    gestures = Gestures("wave", "relax")
    one, same, other = (sample_motion("walk", gestures, 17, 12, np.random.default_rng(s)) for s in (3, 3, 4))
    assert all(np.array_equal(one.angles[name], same.angles[name]) for name in one.angles)
    assert not np.array_equal(one.angles["knee_l"], other.angles["knee_l"])


def test_legs_of_a_walker_are_half_a_cycle_apart() -> None:
    motion = sample_motion("walk", Gestures("swing"), 240, 60, np.random.default_rng(0))
    left, right = motion.angles["hip_l"], motion.angles["hip_r"]
    assert np.corrcoef(left, right)[0, 1] < -0.5
    assert np.corrcoef(left, motion.angles["shoulder_r"])[0, 1] > 0.8  # an arm goes with the other leg


def test_a_gesture_is_held_until_it_changes() -> None:
    motion = sample_motion("stand", Gestures("hips", then="raise_"), 48, 12, np.random.default_rng(1))
    raised = max(motion.angles[f"shoulder_{side}"][-1] for side in "lr")
    assert motion.angles["shoulder_l"][0] < 0 < 120 < raised


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="fly"):
        sample_motion("fly", Gestures("swing"), 5, 12, np.random.default_rng(0))


def test_periodic_curves_close() -> None:
    samples = (0.0, 10.0, 30.0, 10.0, 0.0, -5.0)
    curve = periodic(samples, np.linspace(0, 2, 13))
    np.testing.assert_allclose(curve[:6], curve[6:12], atol=1e-9)
    assert curve.argmax() in (2, 8)


def test_matrices_turn_bones_and_nothing_else() -> None:
    motion = sample_motion("jog", Gestures("swing"), 9, 12, np.random.default_rng(0))
    turns = pose_matrices(motion, MeshTemplate.load())[..., :3, :3]
    assert turns.shape == (9, 104, 3, 3)
    np.testing.assert_allclose(
        turns @ turns.swapaxes(-1, -2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1)


def test_the_foot_on_the_ground_stands_still() -> None:
    """Hips at rest: the low foot goes back under them by 5 cm a frame, so the body goes on by as much."""
    feet = np.zeros((12, 4, 3))
    feet[:, :2, 1] = 0.05 * np.arange(12)[:, None]  # the body faces -Y
    feet[:, :2, 2], feet[:, 2:, 2] = [0.06, 0.0], [0.3, 0.24]
    np.testing.assert_allclose(steps_of(feet, 12, jogs=False), np.tile([0, -0.05], (11, 1)), atol=1e-12)
    assert (steps_of(feet, 12, jogs=True)[:, 1] < -0.05).all()
