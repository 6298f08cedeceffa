"""One track in two clips that know nothing of each other: where one ends and the next begins nobody jumps."""

import numpy as np
import pytest

from operators.actor.actor import actor, keypoints
from operators.actor.motion.joined import joined
from tests.operators.actor.walks import FPS, SIZE, Walk, walk

SHARED = 5


def _shown(track: Walk, shared: int) -> np.ndarray:
    """[T,17,2] px of what two clips of a track release: the second has the first's last frames as context."""
    half = len(track.joints) // 2
    clips = slice(0, half), slice(half - SHARED, None)
    played = []
    for number, clip in enumerate(clips):
        given = (0, shared) if number == 0 else (shared, 0)
        made = actor(track.joints[clip], track.boxes[clip], SIZE, FPS, seed=3, shared=given)
        assert made is not None
        played.append(keypoints(made)[SHARED * number :])
    return np.concatenate(played)


def _jumps(points: np.ndarray, track: Walk) -> np.ndarray:
    """[T-1] px: how far joints go from frame to frame beyond what the person's do, in the mean."""
    steps = np.diff(points, axis=0) - np.diff(track.true, axis=0)
    return np.asarray(np.linalg.norm(steps, axis=-1).mean(axis=1))


@pytest.mark.parametrize("kind", ["walk", "stand", "raise", "sit"])
def test_nobody_jumps_from_a_clip_to_the_next(kind: str) -> None:
    alone, joint, usual = 0.0, 0.0, 0.0
    for seed in range(3):
        track = walk(kind, 0.4, noise=0.01, seed=seed, frames=34)
        join = len(track.joints) // 2 - 1
        alone += _jumps(_shown(track, 0), track)[join]
        jumps = _jumps(_shown(track, SHARED), track)
        joint += jumps[join]
        usual += np.delete(jumps, join).mean()
    assert joint < 0.7 * alone
    assert joint < 1.5 * usual  # an arm is raised in the very frames


@pytest.mark.parametrize("frames", [4, 6, 9, 12])
def test_short_tracks_are_played_to_their_ends(frames: int) -> None:
    track = walk("walk", 0.4, noise=0.01, seed=1, frames=frames)
    for shared in ((SHARED, SHARED), (0, SHARED), (SHARED, 0), (frames, frames), (1, 2)):
        made = actor(track.joints, track.boxes, SIZE, FPS, seed=3, shared=shared)
        assert made is not None and len(made.motion.pose) == frames
        assert np.isfinite(keypoints(made)).all()


def test_what_was_agreed_on_is_shown_and_fades() -> None:
    motion, before, after = np.zeros((20, 2)), np.full((4, 2), 3.0), np.full((4, 2), 7.0)
    made = joined(motion, before, after)
    np.testing.assert_array_equal(made[:4], before)
    assert (made[3:12, 0] == np.sort(made[3:12, 0])[::-1]).all()  # no step but a slope
    assert np.abs(np.diff(made[:16], axis=0)).max() < 1.0
    assert (made[12:16] == 0).all() and (made[-1] == 7).all()
    np.testing.assert_array_equal(joined(motion, None, None), motion)
