"""A first guess of a track: which way the person faces, how large they are and where, from a rigid template."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from operators.actor.body.skeleton import USUAL, Skeleton
from operators.actor.motion.solve import DEPTH, PARAMETERS, RIGHT, UP, Camera

_BINS = 24  # of yaw
_TURN = np.radians(25)  # from frame to frame, as far as turning is free
_STIFF = 2.0
_MISFIT = 0.05  # of the size: how far joints are from the template's
_WALKING = 3.0  # people walk forwards, which tells front from back
_STROLL, _PACE = 0.35, 0.85  # m/s at which the way somebody goes begins to tell, and tells fully
_CAMERA_HEIGHT = 0.45  # what goes up the picture goes away: metres up the picture for one away
# Joints that hold still against the trunk tell most: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
_TRUST = np.array([1, 0.7, 0.7, 0.7, 0.7, 1, 1, 0.15, 0.08, 0.15, 0.08, 1, 1, 0.25, 0.25, 0.15, 0.15])
_TRUNK = [0, 5, 6, 11, 12]
_SURE = 0.5  # a joint's score below which it counts less and less: legs that the frame cuts off are made up inside it
_LIFTER = 8.0  # how much a 3D lifter's word on the heading counts


def first_guess(
    skeleton: Skeleton,
    height: float,
    camera: Camera,
    joints: np.ndarray,
    weights: np.ndarray,
    fps: float,
    tall: np.ndarray,
    lifted: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters [T,P] for the solver, and the size in px [T] that the person has standing.

    joints [T,17,2] px, weights [T,17]; `tall` [T] px is how tall they look, which bounds the size from below;
    lifted [T,17,3] metres from the hips. The heading is the cheapest path through the bins (Viterbi): how well the
    template fits, how far it turns between frames, and whether it walks forwards.
    """
    frames, yaws = len(joints), np.arange(_BINS) * 2 * np.pi / _BINS - np.pi
    template = skeleton.pose(yaws, np.tile(USUAL, (_BINS, 1))).joints[:, :17]
    flat = template[..., [0, 2]] * [1, -1]
    fits = _Fits.of(flat, joints, weights * np.clip(weights / _SURE, 0, 1) * _TRUST)
    scale = _steady_scale(fits.best_scales(), fits.total)
    scale = np.exp(_smooth(np.log(np.clip(scale, 0.75 * tall / height, 5 * tall / height)), 2))
    cost = fits.cost(scale)
    known = fits.total > 0.6
    if known.sum() > 4:
        cost = cost + _walks_forwards(_fill(fits.middle, known), scale, fps, yaws)
    if lifted is not None:
        unlike = np.linalg.norm(lifted[:, None, _TRUNK] - _from_hips(template)[None, :, _TRUNK], axis=-1)
        cost = cost + _LIFTER * unlike.sum(2) * weights[:, _TRUNK].mean(1)[:, None]
    path = _cheapest(cost, yaws)
    root = fits.middle - scale[:, None] * fits.means[np.arange(frames), path]
    root = _fill(root, known) if known.any() else root
    parameters = np.zeros((frames, PARAMETERS))
    parameters[:, 0] = _smooth(np.unwrap(yaws[path]), 1.5)
    parameters[:, 1:RIGHT] = USUAL
    parameters[:, RIGHT] = (root[:, 0] - camera.centre[0]) / camera.focal
    parameters[:, UP] = (camera.centre[1] - root[:, 1]) / camera.focal
    parameters[:, DEPTH] = np.log(camera.focal / scale)
    return parameters, scale * height


@dataclass(frozen=True)
class _Fits:
    """How the template in each of B yaws fits the joints of each of T frames, by least squares.

    total [T] trust; middle [T,2] px of the joints; means [T,B,2] m of the template; size [T] px² of the joints, own
    [T,B] m² of the template, along [T,B] px m of both: sums of what they lie from their middles, by trust.
    """

    total: np.ndarray
    middle: np.ndarray
    means: np.ndarray
    along: np.ndarray
    own: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, flat: np.ndarray, joints: np.ndarray, trust: np.ndarray) -> "_Fits":
        """flat [B,17,2] m, joints [T,17,2] px, trust [T,17]."""
        total = trust.sum(1) + 1e-9
        middle = (trust[..., None] * joints).sum(1) / total[:, None]
        centred = joints - middle[:, None]
        means = np.einsum("tk,bkd->tbd", trust, flat) / total[:, None, None]
        spread = flat[None] - means[:, :, None]
        along = np.einsum("tk,tkd,tbkd->tb", trust, centred, spread)
        own = np.einsum("tk,tbkd->tb", trust, spread**2) + 1e-9
        return cls(total, middle, means, along, own, np.einsum("tk,tkd->t", trust, centred**2))

    def best_scales(self) -> np.ndarray:
        """[T] px a metre, in the yaw that fits best."""
        scales = np.maximum(self.along / self.own, 1e-6)
        misfit = (self.size[:, None] - scales**2 * self.own) / (scales**2 * self.total[:, None] + 1e-9)
        return np.asarray(scales[np.arange(len(scales)), misfit.argmin(1)])

    def cost(self, scale: np.ndarray) -> np.ndarray:
        """[T,B]: how ill it fits at scale [T] px a metre."""
        scale = scale[:, None]
        cost = (self.size[:, None] - 2 * scale * self.along + scale**2 * self.own) / scale**2
        return np.asarray(cost / _MISFIT**2)


def _steady_scale(scale: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Pixels a metre, from the frames that show enough, without jumps."""
    good = next(seen for least in (2.5, 1.0, 0.0) if (seen := total > least).sum() >= min(3, len(total)))
    logs = _fill(np.log(scale)[:, None], good)[:, 0]
    return np.exp(_smooth(median_filter(logs, min(9, len(logs)), mode="nearest"), 3))


def _walks_forwards(middle: np.ndarray, scale: np.ndarray, fps: float, yaws: np.ndarray) -> np.ndarray:
    """[T,B]: what it costs to face another way than one goes."""
    going = np.gradient(_smooth(middle, 3), axis=0) * fps / scale[:, None]
    across, away = going[:, 0], -going[:, 1] / _CAMERA_HEIGHT
    sure = np.clip((np.hypot(across, away) - _STROLL) / (_PACE - _STROLL), 0, 1)
    return _WALKING * sure[:, None] * (1 - np.cos(yaws - np.arctan2(across, -away)[:, None]))


def _cheapest(cost: np.ndarray, yaws: np.ndarray) -> np.ndarray:
    """[T]: the bin of every frame on the cheapest path through cost [T,B]."""
    apart = np.abs((yaws[:, None] - yaws + np.pi) % (2 * np.pi) - np.pi)
    turning = _STIFF * (apart / _TURN) ** 2
    reached, came_from = cost[0], []
    for frame in cost[1:]:
        ways = reached[:, None] + turning
        came_from.append(ways.argmin(0))
        reached = ways.min(0) + frame
    path = [int(reached.argmin())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def _from_hips(joints: np.ndarray) -> np.ndarray:
    return joints - joints[:, [11, 12]].mean(1, keepdims=True)


def _fill(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[T,D] with what is not known put between what is."""
    steps = np.arange(len(values))
    return np.stack([np.interp(steps, steps[known], column[known]) for column in values.T], 1)


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter1d(values, sigma, axis=0, mode="nearest") if len(values) > 3 else values
