"""A track's 2D joints -> the proportions of who was there, as far as one camera tells: lengths against the trunk's.

Pose and proportions are solved for together over all frames, as in bundle adjustment: what bent limbs may explain as
well is left to the poses (Schur's complement), and what no frame shows stays the actor's own. How large somebody is in
metres no joints tell; in the picture an actor is as large as they are in any case.
"""

from dataclasses import fields, replace

import numpy as np
from scipy.linalg import solveh_banded

from operators.actor.body.body import Body
from operators.actor.body.proportions import proportioned
from operators.actor.motion.fit import best_start, to_explain
from operators.actor.motion.solve import (
    RIGHT,
    Problem,
    State,
    moved_joints,
    normal_equations,
    rows,
    solve,
    wrong,
)
from schemas.actor import Proportions

_ROUNDS, _ITERATIONS = 6, 6
_USUAL = 0.12  # how far people's proportions lie apart, as logarithms
_DOUBT = 0.1  # how much that counts beside a frame: frames of one track err alike
_STEP, _MOST = 0.15, 0.35  # of logarithms: in one round, and in all
_SMALL = 0.01  # of a logarithm, for slopes
_SETTLED = 0.004


def proportions_of(
    body: Body,
    joints: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    fps: float,
    lifted: np.ndarray | None = None,
) -> Proportions:
    """By what the body's lengths are to be multiplied to be those of who was there; by 1 where there is nobody to
    believe in. Arguments and errors are those of fit."""
    begun = to_explain(body, joints, boxes, size, fps, lifted)
    if begun is None:
        return Proportions()
    problem, logs = begun[0], np.zeros(len(fields(Proportions)))
    state = best_start(*begun)
    for _ in range(_ROUNDS):
        step = _step(problem, state, body, logs)
        logs = np.clip(logs + step, -_MOST, _MOST)
        problem = replace(problem, skeleton=proportioned(body, _of(logs)).skeleton)
        state = solve(problem, state.parameters, _ITERATIONS)
        if np.abs(step).max() < _SETTLED:
            break
    return _of(logs)


def _step(problem: Problem, state: State, body: Body, logs: np.ndarray) -> np.ndarray:
    """Gauss-Newton's step of the logarithms, when every frame's pose takes the step that goes with it."""
    own = rows(problem, state, _moved(problem, state, body, logs))
    slopes, errors = rows(problem, state, moved_joints(state)), wrong(problem, state)
    band, gradient = normal_equations(problem, state)
    band[0] += 1e-6
    mixed = np.einsum("tnp,tnk->tpk", slopes, own).reshape(-1, len(logs))
    right = np.concatenate([mixed, gradient.reshape(-1, 1)], 1)
    answered = solveh_banded(band, right, lower=True, check_finite=False)
    prior = np.eye(len(logs)) * len(slopes) * _DOUBT / _USUAL**2
    matrix = np.einsum("tnk,tnl->kl", own, own) + prior - mixed.T @ answered[:, :-1]
    downhill = np.einsum("tnk,tn->k", own, errors) + prior @ logs - mixed.T @ answered[:, -1]
    return np.clip(-np.linalg.solve(matrix, downhill), -_STEP, _STEP)


def _moved(problem: Problem, state: State, body: Body, logs: np.ndarray) -> np.ndarray:
    """[T,23,3,K]: how the joints move with each logarithm in the poses as they are."""
    yaw, angles = state.parameters[:, 0], state.parameters[:, 1:RIGHT]
    moved = [
        proportioned(body, _of(logs + _SMALL * one)).skeleton.pose(yaw, angles).joints
        for one in np.eye(len(logs))
    ]
    return np.stack([(one - state.pose.joints) / _SMALL for one in moved], -1)


def _of(logs: np.ndarray) -> Proportions:
    return Proportions(*np.exp(logs).tolist())
