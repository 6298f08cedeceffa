"""Poses of a whole track from its 2D joints: robust Gauss-Newton with priors, limits and smoothness over time."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

from operators.actor.body.skeleton import ANGLES, HIGHEST, LOWEST, SPREAD, USUAL, Pose, Skeleton

_WRISTS = [9, 9, 9, 10, 10, 10]  # of the knuckles
# A row of parameters: yaw, ANGLES, then the root's place: right and up over its depth, and the depth's logarithm.
COCO = 17  # joints before the hands' knuckles
PARAMETERS = 1 + len(ANGLES) + 3
RIGHT, UP, DEPTH = range(1 + len(ANGLES), PARAMETERS)
HANDS = np.array([1 + ANGLES.index(name + side) for side in "LR" for name in ("pron", "wflex", "wdev")])
LIMBS = np.array([False, *(name[-1] in "LR" for name in ANGLES), False, False, False])
_NEAREST = 0.05  # m
_ROBUST = 6.0  # standard deviations beyond which a joint counts less and less (Geman-McClure)
_LIMIT = np.radians(4)  # how softly the joints' limits hold
_DEPTH_RANGE = 0.35  # of log depth around what the person's size in the picture says
_HELD = 1e12  # on the diagonal of what may not move
_HINT = 0.12  # m; how far a lifter's joints are believed
_QUICK = (
    2.0  # usual changes beyond which a limb is taken to move quickly, which costs less and less more (Cauchy)
)


@dataclass(frozen=True)
class Camera:
    """A pinhole in pixels that looks along Y; X is to the right and Z up."""

    focal: float
    centre: tuple[float, float]

    def project(self, points: np.ndarray) -> np.ndarray:
        """[...,3] metres -> [...,2] pixels."""
        depth = np.maximum(points[..., 1], _NEAREST)
        right, down = points[..., 0] / depth, -points[..., 2] / depth
        return np.stack([self.centre[0] + self.focal * right, self.centre[1] + self.focal * down], -1)

    def slopes(self, points: np.ndarray) -> np.ndarray:
        """[...,2,3]: how the pixels move with the points."""
        depth = np.maximum(points[..., 1], _NEAREST)
        near, nothing = self.focal / depth, np.zeros_like(depth)
        right = np.stack([near, -near * points[..., 0] / depth, nothing], -1)
        down = np.stack([nothing, near * points[..., 2] / depth, -near], -1)
        return np.stack([right, down], -2)


@dataclass(frozen=True)
class Smoothness:
    """Usual size of first and second differences from frame to frame, [P] each."""

    first: np.ndarray
    second: np.ndarray


def usual_smoothness(fps: float, share: float = 1.0) -> Smoothness:
    """People's motion at this rate; a `share` below 1 is calmer motion."""
    step, change = 12 / fps, (12 / fps) ** 1.5 * share
    first = np.full(PARAMETERS, np.radians(90) * step)
    second = np.full(PARAMETERS, np.radians(14) * change)
    first[0], second[0] = np.radians(60) * step, np.radians(10) * change
    trunk = [1 + ANGLES.index(name) for name in ("pitch", "roll")]
    first[trunk], second[trunk] = np.radians(6) * step, np.radians(4) * change
    stiff = ["spine", "side", "twist", *(name + side for side in "LR" for name in ("clav", "htw", "habd"))]
    second[[1 + ANGLES.index(name) for name in stiff]] = np.radians(6) * change
    first[[RIGHT, UP]], second[[RIGHT, UP]] = np.inf, 0.02 * change  # of the depth; scaled by the solver
    first[DEPTH], second[DEPTH] = 0.05 * step, 0.008 * change
    return Smoothness(first, second)


@dataclass(frozen=True)
class Problem:
    """A track of T frames to be explained.

    joints [T,23,2] px, as in Pose, with weights [T,23], 1 for a joint that is sure; sizes [T] px, how tall the person
    would be standing; sigma, the joints' error as a share of that; lifted [T,17,3] metres from the hips' middle, as a
    3D lifter saw them, or None. With `hands_alone` the body stays as it is, and hands turn until their knuckles lie
    beside its wrists as they do beside those that were seen.
    """

    skeleton: Skeleton
    height: float
    camera: Camera
    joints: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray
    smoothness: Smoothness
    sigma: float = 0.025
    pitch: float = 0.0
    lifted: np.ndarray | None = None
    hands_alone: bool = False


@dataclass(frozen=True)
class State:
    """Parameters [T,P] with what follows from them: the pose, root [T,3], joints [T,23,2] px, the cost."""

    parameters: np.ndarray
    pose: Pose
    root: np.ndarray
    pixels: np.ndarray
    cost: float


def evaluate(problem: Problem, parameters: np.ndarray) -> State:
    """The state at `parameters`."""
    pose = problem.skeleton.pose(parameters[:, 0], parameters[:, 1:RIGHT], slopes=True)
    depth = np.exp(parameters[:, DEPTH])
    root = np.stack([parameters[:, RIGHT] * depth, depth, parameters[:, UP] * depth], 1)
    pixels = problem.camera.project(pose.joints + root[:, None])
    squared = (_errors(problem, pixels) ** 2).sum(-1)
    cost = (problem.weights * _ROBUST**2 * squared / (_ROBUST**2 + squared)).sum()
    away, beyond = _prior(problem, parameters)
    cost += (away**2).sum() + (beyond**2).sum()
    first, second = _stiffness(problem)
    cost += (first * np.diff(parameters, axis=0) ** 2).sum()
    change = second * np.diff(parameters, 2, axis=0) ** 2
    cost += change[:, ~LIMBS].sum() + (_QUICK**2 * np.log1p(change[:, LIMBS] / _QUICK**2)).sum()
    if problem.lifted is not None:
        cost += (problem.weights[:, :COCO, None] * _unlike(problem, pose) ** 2).sum()
    return State(parameters, pose, root, pixels, float(cost))


def solve(problem: Problem, start: np.ndarray, iterations: int) -> State:
    """Levenberg-Marquardt from `start` [T,P]: one banded Cholesky a step, over all frames together."""
    state, damping = evaluate(problem, start), 1e-2
    for _ in range(iterations):
        band, gradient = normal_equations(problem, state)
        for _ in range(4):
            damped = band.copy()
            damped[0] = damped[0] * (1 + damping) + 1e-6
            step = solveh_banded(damped, -gradient.ravel(), lower=True, check_finite=False).reshape(
                start.shape
            )
            step[:, :RIGHT] = np.clip(step[:, :RIGHT], -0.5, 0.5)
            step[:, DEPTH] = np.clip(step[:, DEPTH], -0.3, 0.3)
            tried = evaluate(problem, state.parameters + step)
            if tried.cost < state.cost:
                break
            damping *= 8
        else:
            return state
        settled = state.cost - tried.cost < 1e-3 * state.cost
        state, damping = tried, max(damping * 0.3, 1e-4)
        if settled:
            break
    return state


def rows(problem: Problem, state: State, moved: np.ndarray) -> np.ndarray:
    """[T,R,n]: how the R errors of a frame change with n parameters by which its joints move, `moved` [T,23,3,n]; each
    over its standard deviation, and less where it is not believed."""
    frames, count = len(state.parameters), moved.shape[-1]
    scale = 1 / (problem.sigma * problem.sizes)[:, None, None, None]
    slopes = problem.camera.slopes(state.pose.joints + state.root[:, None]) * scale @ moved
    slopes = _beside_wrists(slopes) if problem.hands_alone else slopes
    errors = _errors(problem, state.pixels)
    made = (slopes * np.sqrt(_trust(problem, errors))[..., None, None]).reshape(frames, -1, count)
    if problem.lifted is None:
        return made
    own = _about_hips(moved[:, :COCO]) / _HINT * np.sqrt(problem.weights[:, :COCO])[..., None, None]
    return np.concatenate([made, own.reshape(frames, -1, count)], 1)


def moved_joints(state: State) -> np.ndarray:
    """[T,23,3,P]: how the joints move in space with a row of parameters."""
    moved = np.concatenate([np.asarray(state.pose.slopes), np.zeros((*state.pose.joints.shape, 3))], -1)
    moved[:, :, 0, RIGHT] = moved[:, :, 2, UP] = state.root[:, None, 1]
    moved[:, :, :, DEPTH] = state.root[:, None]
    return moved


def wrong(problem: Problem, state: State) -> np.ndarray:
    """[T,R]: the errors whose changes are `rows`."""
    frames, errors = len(state.parameters), _errors(problem, state.pixels)
    made = (errors * np.sqrt(_trust(problem, errors))[..., None]).reshape(frames, -1)
    if problem.lifted is None:
        return made
    own = _unlike(problem, state.pose) * np.sqrt(problem.weights[:, :COCO])[..., None]
    return np.concatenate([made, own.reshape(frames, -1)], 1)


def _trust(problem: Problem, errors: np.ndarray) -> np.ndarray:
    return np.asarray(problem.weights * (_ROBUST**2 / (_ROBUST**2 + (errors**2).sum(-1))) ** 2)


def normal_equations(problem: Problem, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Newton's matrix in scipy's lower banded form [2P+1, T*P], and half the gradient [T,P]."""
    frames = len(state.parameters)
    slopes = rows(problem, state, moved_joints(state))
    matrix = slopes.transpose(0, 2, 1) @ slopes
    gradient = np.einsum("tnp,tn->tp", slopes, wrong(problem, state))
    away, beyond = _prior(problem, state.parameters)
    inverse = np.concatenate([[0], 1 / SPREAD, [0, 0, 0]])
    gradient += away * inverse + beyond / _LIMIT
    diagonal = inverse**2 + (beyond != 0) / _LIMIT**2
    near, far, curve = _temporal(problem, state.parameters, gradient)
    every = np.arange(PARAMETERS)
    matrix[:, every, every] += diagonal + curve
    band = np.zeros((2 * PARAMETERS + 1, frames, PARAMETERS))
    for below in range(PARAMETERS):
        band[below, :, : PARAMETERS - below] = matrix[:, every[below:], every[: PARAMETERS - below]]
    band[PARAMETERS], band[2 * PARAMETERS] = near, far
    if problem.hands_alone:
        stays = np.setdiff1d(every, HANDS)
        gradient[:, stays], band[0][:, stays] = 0, _HELD
    return band.reshape(2 * PARAMETERS + 1, -1), gradient


def _temporal(
    problem: Problem, parameters: np.ndarray, gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Adds smoothness to `gradient`; its matrix one and two frames off the diagonal, and on it, [T,P] each."""
    near, far, curve = (np.zeros_like(parameters) for _ in range(3))
    first, second = _stiffness(problem)
    for order, usual, stencil in ((1, first, (-1, 1)), (2, second, (1, -2, 1))):
        if len(parameters) <= order:
            continue
        change = np.diff(parameters, order, axis=0)
        quick = usual * change**2 / _QUICK**2 * (LIMBS & (order == 2))
        stiff = usual / (1 + quick)
        bent, count = change * stiff, len(change)
        for at, weight in enumerate(stencil):
            gradient[at : at + count] += weight * bent
            curve[at : at + count] += weight**2 * stiff
            if at + 1 < len(stencil):
                near[at : at + count] += weight * stencil[at + 1] * stiff
            if at + 2 < len(stencil):
                far[at : at + count] += weight * stencil[at + 2] * stiff
    return near, far, curve


def _stiffness(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Inverse squares of the differences; places count in heights of the body, wherever it stands."""
    first, second = problem.smoothness.first, problem.smoothness.second.copy()
    second[[RIGHT, UP]] *= float(np.median(problem.sizes)) / problem.camera.focal
    return 1 / first**2, 1 / second**2


def _errors(problem: Problem, pixels: np.ndarray) -> np.ndarray:
    apart = pixels - problem.joints
    apart = _beside_wrists(apart) if problem.hands_alone else apart
    return np.asarray(apart / (problem.sigma * problem.sizes)[:, None, None])


def _beside_wrists(values: np.ndarray) -> np.ndarray:
    """What joints [T,23,...] have, and knuckles have beyond what their wrist has."""
    made = values.copy()
    made[:, COCO:] -= values[:, _WRISTS]
    return made


def _prior(problem: Problem, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far from the usual, and how far beyond the limits, in their standard deviations, [T,P] each."""
    usual = USUAL.copy()
    usual[ANGLES.index("pitch")] = problem.pitch
    low, high = (np.full(parameters.shape, sign * np.inf) for sign in (-1, 1))
    low[:, 1:RIGHT], high[:, 1:RIGHT] = LOWEST, HIGHEST
    distance = np.log(problem.camera.focal * problem.height / problem.sizes)
    low[:, DEPTH], high[:, DEPTH] = distance - _DEPTH_RANGE, distance + _DEPTH_RANGE
    away = np.zeros_like(parameters)
    away[:, 1:RIGHT] = (parameters[:, 1:RIGHT] - usual) / SPREAD
    beyond = np.maximum(0, parameters - high) + np.minimum(0, parameters - low)
    return away, beyond / _LIMIT


def _about_hips(joints: np.ndarray) -> np.ndarray:
    return joints - joints[:, [11, 12]].mean(1, keepdims=True)


def _unlike(problem: Problem, pose: Pose) -> np.ndarray:
    """[T,17,3]: the joints about the hips, against the lifter's."""
    return (_about_hips(pose.joints[:, :COCO]) - problem.lifted) / _HINT
