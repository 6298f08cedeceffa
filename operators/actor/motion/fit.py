"""A track's 2D joints -> the motion of an actor's body: pose, place and scale over the whole track.

Yaw by Viterbi, then Gauss-Newton over all frames from three starts, as in SMPLify (arXiv 1607.08128) but with a small
skeleton and joint limits instead of a learnt prior. How calm the motion is, is learnt from the track itself.
"""

from dataclasses import replace

import numpy as np

from operators.actor.body.body import Body
from operators.actor.motion.close_up import close_up, shows_face
from operators.actor.motion.exactness import by_face, joint_noise
from operators.actor.motion.fingers import at_ease
from operators.actor.motion.heading import first_guess
from operators.actor.motion.joined import joined
from operators.actor.motion.solve import (
    COCO,
    HANDS,
    LIMBS,
    RIGHT,
    UP,
    Camera,
    Problem,
    Smoothness,
    State,
    solve,
    usual_smoothness,
)
from operators.models.runtime.finite import check_finite
from schemas.actor import Motion

FOCAL = 1.2  # longer sides of the frame; what ordinary cameras have, about
_PORTRAIT = 2.0  # of whom a face fills the frame: nobody films from so near that a nose grows
_FAINTEST = 0.05  # a joint's score; less says nothing
_KNUCKLES = 6.0  # how much one counts beside a joint: it is given beside its wrist, so its error is a hand's
_TURNED_HAND, _QUICKER = 2.0, 4.0  # once the arms are known: times that, and times as quickly
_BELIEVABLE = 0.2  # a joint's score from which it counts as seen
_JOINTS, _SHARE = (
    6,
    0.4,
)  # that many such joints in that share of a track's frames: less is a post, or a bicycle
_FIRST_OF_LEGS, _LEGS = 11, 5  # or so many of the six of hips, knees and ankles, where legs alone are seen
_SHOULDERS, _TRUNK_SEEN = [5, 6], 0.3  # in more of the frames than that, shoulders say how tall somebody is
_LEG, _OUTSTRETCHED = (
    0.48,
    0.7,
)  # share of the height from hip to ankle; of the lengths seen, the one that counts
_SCATTERED = 0.15  # of the height: joints that no body comes closer to are none
_TRIES, _ITERATIONS = 5, 14
_TURNED = 4.0  # what it costs a frame to face away from the first guess
_EASY, _CALMEST = (
    0.4,
    0.01,
)  # shares of people's usual change from frame to frame: where joints are clean; the least
_CALMEST_LIMB = 0.1  # the least of limbs, which rest and then are quick: rest alone must not be learnt
_NOISY = 0.01  # of the height: noise of joints that halves it
_SHRUNK = 2.5  # strong smoothing lets through less change than there was
_CLEAN = 0.003  # of the height: noise of joints that needs no smoothing
_SHORTEST = 5  # frames that can tell noise from motion
_FEWEST_SHARED = 3  # frames of which motion is found alone


def fit(
    body: Body,
    joints: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    fps: float,
    lifted: np.ndarray | None = None,
    shared: tuple[int, int] = (0, 0),
) -> Motion | None:
    """The motion that explains the joints, or None where there is nobody to believe in.

    joints float [N,23,3] as in skeleton.Pose: x, y in px and score; boxes [N,4] x0 y0 x1 y1 px; size (height, width) of
    the frame; lifted [N,17,3], a 3D lifter's joints in metres (X to the picture's right, Y away, Z up), of which only
    the relations count; shared, how many of the first and of the last frames another clip has, too, and shows alike.
    Fingers are at ease. Raises ValueError for what is not finite.
    """
    begun = to_explain(body, joints, boxes, size, fps, lifted)
    if begun is None:
        return None
    state = best_start(*begun)
    problem = by_face(begun[0], state)
    state, used = _learn_calm(problem, solve(problem, state.parameters, _ITERATIONS), fps)
    if _distance(used, state) > _SCATTERED:
        return None
    state = _turn_hands(used, state, fps)
    first, last = (_alone(begun[0], state, part, fps) for part in _shared(len(joints), shared))
    whole = joined(state.parameters, first, last)
    pose, place = (part.astype(np.float32) for part in np.split(whole, [RIGHT], axis=1))
    return Motion(pose, place, used.camera.focal, at_ease(len(joints)))


def to_explain(
    body: Body,
    joints: np.ndarray,
    boxes: np.ndarray,
    size: tuple[int, int],
    fps: float,
    lifted: np.ndarray | None,
) -> tuple[Problem, np.ndarray] | None:
    """What is to be explained, and a first guess [T,P]; None where there is nobody to believe in.

    Arguments and errors are those of fit.
    """
    for name, values in (("joints", joints), ("boxes", boxes), ("lifted", lifted)):
        check_finite(values, what=name)
    joints, boxes = joints.astype(float), boxes.astype(float)
    scores = np.where(joints[..., 2] > _FAINTEST, np.clip(joints[..., 2], 0, 1), 0.0)
    by_face, scores[:, :COCO] = close_up(joints[:, :COCO, :2], scores[:, :COCO], boxes)
    body_scores = scores[:, :COCO]
    scores[:, COCO:] *= _KNUCKLES
    seen = body_scores > _BELIEVABLE
    enough = (seen.sum(1) >= _JOINTS) | (seen[:, _FIRST_OF_LEGS:].sum(1) >= _LEGS)
    enough |= shows_face(body_scores) & (by_face > 0)
    if enough.sum() < max(1, _SHARE * len(joints)):
        return None
    camera = Camera((_PORTRAIT if by_face else FOCAL) * max(size), (size[1] / 2, size[0] / 2))
    tall = np.maximum(boxes[:, 3] - boxes[:, 1], max(_standing(joints[:, :COCO, :2], seen), by_face)).clip(
        4.0
    )
    if lifted is not None:
        lifted = lifted - lifted[:, [11, 12]].mean(1, keepdims=True)
    start, sizes = first_guess(
        body.skeleton, body.height, camera, joints[:, :COCO, :2], body_scores, fps, tall, lifted
    )
    calm = usual_smoothness(fps, _EASY)
    problem = Problem(body.skeleton, body.height, camera, joints[..., :2], scores, sizes, calm, lifted=lifted)
    return problem, start


def _standing(joints: np.ndarray, seen: np.ndarray) -> float:
    """How many px high somebody of whom hardly more than legs is seen would stand, by their length; else 0.

    joints [T,17,2] px, and seen [T,17].
    """
    if seen[:, _SHOULDERS].any(1).mean() > _TRUNK_SEEN:
        return 0.0
    hip, knee, ankle = (slice(first, first + 2) for first in (11, 13, 15))
    length = np.linalg.norm(joints[:, hip] - joints[:, knee], axis=-1)
    length += np.linalg.norm(joints[:, knee] - joints[:, ankle], axis=-1)
    whole = seen[:, hip] & seen[:, knee] & seen[:, ankle]
    return float(np.quantile(length[whole], _OUTSTRETCHED) / _LEG) if whole.any() else 0.0


def best_start(problem: Problem, guess: np.ndarray) -> State:
    """Of the guess, the guess seen in a mirror, and the guess turned about: what a few steps explain best."""
    mirrored, turned = guess.copy(), guess.copy()
    mirrored[:, 0] *= -1
    turned[:, 0] += np.pi
    tries = [solve(problem, start, _TRIES) for start in (guess, mirrored, turned)]
    away = [_TURNED * (1 - np.cos(one.parameters[:, 0] - guess[:, 0])).sum() for one in tries]
    best = min(range(3), key=lambda number: tries[number].cost + away[number])
    return solve(problem, tries[best].parameters, _ITERATIONS)


def _learn_calm(problem: Problem, state: State, fps: float) -> tuple[State, Problem]:
    """Solve again as calmly as the person moves, as far as the joints' noise lets that be seen.

    Empirical Bayes: once with a strong smoothness, which lets through what many frames agree on, then with what each
    parameter was seen to change in that.
    """
    noise = joint_noise(problem)
    if len(state.parameters) < _SHORTEST or noise < _CLEAN:
        return state, problem
    usual, sigma = usual_smoothness(fps), max(problem.sigma, noise)
    calm = _EASY / (1 + noise / _NOISY)
    problem = replace(problem, smoothness=usual_smoothness(fps, calm), sigma=sigma)
    state = solve(problem, state.parameters, _ITERATIONS)
    seen = np.sqrt((np.diff(state.parameters, 2, axis=0) ** 2).mean(0))
    seen[[RIGHT, UP]] *= problem.camera.focal / np.median(problem.sizes)  # the solver counts them in heights
    calmest = np.where(LIMBS, _CALMEST_LIMB, _CALMEST)
    learnt = np.clip(_SHRUNK * seen, calmest * usual.second, _EASY * usual.second)
    problem = replace(problem, smoothness=Smoothness(usual.first, learnt))
    return solve(problem, state.parameters, _ITERATIONS), problem


def _turn_hands(problem: Problem, state: State, fps: float) -> State:
    """Hands as they are seen on the arms that were found.

    While the whole body is solved for, a wrist and a forearm go some of the way to where a hand is, and it turns the
    less; and what is calm for an arm is too calm for a hand.
    """
    if not problem.weights[:, COCO:].any():
        return state
    weights, second = problem.weights.copy(), problem.smoothness.second.copy()
    weights[:, COCO:] *= _TURNED_HAND
    second[HANDS] = _QUICKER * usual_smoothness(fps, _EASY).second[HANDS]
    smoothness = Smoothness(problem.smoothness.first, second)
    alone = replace(problem, weights=weights, smoothness=smoothness, hands_alone=True)
    return solve(alone, state.parameters, _ITERATIONS)


def _shared(frames: int, shared: tuple[int, int]) -> tuple[slice | None, slice | None]:
    """The frames at the start and at the end that are enough to be solved alone, and leave one between them."""
    first, last = (count if count >= _FEWEST_SHARED else 0 for count in shared)
    first = first if first < frames else 0
    last = last if first + last < frames else 0
    return slice(0, first) if first else None, slice(frames - last, frames) if last else None


def _alone(problem: Problem, state: State, part: slice | None, fps: float) -> np.ndarray | None:
    """Parameters [N,P] of a part of the frames, by their joints alone: as whoever has these frames finds them, too."""
    if part is None:
        return None
    cut = replace(
        problem,
        joints=problem.joints[part],
        weights=problem.weights[part],
        sizes=problem.sizes[part],
        lifted=None if problem.lifted is None else problem.lifted[part],
    )
    begun = solve(cut, state.parameters[part], _ITERATIONS)
    cut = by_face(cut, begun)
    return _turn_hands(cut, solve(cut, begun.parameters, _ITERATIONS), fps).parameters


def _distance(problem: Problem, state: State) -> float:
    """Median distance of believed joints from the body's, as a share of the size."""
    apart = np.linalg.norm(state.pixels - problem.joints, axis=-1) / problem.sizes[:, None]
    return float(np.median(apart[:, :COCO][problem.weights[:, :COCO] > _BELIEVABLE]))
