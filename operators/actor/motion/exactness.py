"""How exactly joints are seen: by what they are, by how large they are, and by how much they jitter."""

from dataclasses import replace

import numpy as np

from operators.actor.motion.close_up import FACE, SEEN
from operators.actor.motion.solve import COCO, Problem, State

_EXACT, _PIXELS = 4.0, 1.5  # times as exactly as others the face's joints are seen; but not to less px
_ANOTHERS = 0.025  # of the height; two people's heads are not shaped so unlike


def by_face(problem: Problem, state: State) -> Problem:
    """The problem with joints of a face that count as much more than others as they are seen more exactly.

    Eyes are where they are seen, hips are somewhere in the trousers: networks and people mark them three to four times
    as exactly (COCO's spreads, see oks), though never to less than a pixel or so, nor than they are seen to jitter.
    With joints all alike, a head was turned by what fits the shoulders. A face that is not where the body, in this
    `state`, has its head is of somebody in front.
    """
    face = problem.weights[:, :FACE]
    away = np.linalg.norm((state.pixels - problem.joints)[:, :FACE], axis=-1) / problem.sizes[:, None]
    if not (face > SEEN).any() or np.median(away[face > SEEN]) > _ANOTHERS:
        return problem
    least = np.maximum(joint_noise(problem, FACE), _PIXELS / problem.sizes)
    exact = np.clip(problem.sigma / least, 1.0, _EXACT) ** 2
    weights = problem.weights.copy()
    weights[:, :FACE] *= np.where(face > SEEN, exact[:, None], 1.0)
    return replace(problem, weights=weights)


def joint_noise(problem: Problem, joints: int = COCO) -> float:
    """Standard deviation of the jitter of so many joints, the first ones, as a share of the size: what they change
    beyond their motion, from third differences over time; 0 where too few are seen to tell."""
    places = problem.joints[:, :joints] / problem.sizes[:, None, None]
    jerk = np.diff(places, 3, axis=0) / np.sqrt(20)
    seen = problem.weights[:, :joints] > 0
    seen = seen[3:] & seen[2:-1] & seen[1:-2] & seen[:-3]
    return float(1.4826 * np.median(np.abs(jerk[seen]))) if seen.any() else 0.0
