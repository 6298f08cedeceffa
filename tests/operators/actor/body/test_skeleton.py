"""The skeleton: its slopes are the derivative, and bending a knee bends that knee."""

import numpy as np

from operators.actor.body.skeleton import ANGLES, USUAL
from tests.operators.actor.walks import body_of


def test_slopes_are_the_derivative_of_the_joints() -> None:
    skeleton, rng = body_of(2).skeleton, np.random.default_rng(0)
    angles, yaw = USUAL + 0.3 * rng.standard_normal((3, len(ANGLES))), rng.standard_normal(3)
    slopes = skeleton.pose(yaw, angles, slopes=True).slopes
    assert slopes is not None
    for column in range(1 + len(ANGLES)):
        step = np.zeros((3, 1 + len(ANGLES)))
        step[:, column] = 1e-5
        ahead = skeleton.pose(yaw + step[:, 0], angles + step[:, 1:]).joints
        back = skeleton.pose(yaw - step[:, 0], angles - step[:, 1:]).joints
        np.testing.assert_allclose(slopes[..., column], (ahead - back) / 2e-5, atol=1e-6)


def test_a_left_knee_moves_the_left_ankle_back_and_nothing_else() -> None:
    skeleton = body_of(2).skeleton
    angles = np.tile(USUAL, (2, 1))
    angles[1, ANGLES.index("kneeL")] += 0.5
    before, after = skeleton.pose(np.zeros(2), angles).joints
    moved = np.linalg.norm(after - before, axis=-1)
    assert moved[15] > 0.1 and after[15, 1] > before[15, 1]
    assert np.delete(moved, [13, 15]).max() < 0.01
