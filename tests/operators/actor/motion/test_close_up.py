"""A face that fills the frame: as large as it is, whatever a network makes up about the body beneath it."""

import numpy as np
import pytest

from operators.actor.actor import actor, keypoints
from operators.actor.motion.close_up import close_up
from tests.operators.actor.walks import FPS, SIZE, Walk, walk

FACE = 5


def nearer(track: Walk, times: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Joints [T,17,3] and boxes [T,4] of a face in the middle of the frame, `times` as large; other joints that are
    off the frame are put somewhere in the face, faintly."""
    rng = np.random.default_rng(seed)
    middle = np.array([SIZE[1] / 2, SIZE[0] / 2])
    face = track.true[:, :FACE].mean(axis=1, keepdims=True)
    places = (track.true - face) * times + middle
    scores = np.full((len(places), 17), 0.6)
    off = ((places < 0) | (places >= np.array(SIZE)[::-1])).any(axis=2)
    width = 0.09 * times * track.tall.mean()
    places[off] = middle + rng.uniform(-0.5, 0.5, (int(off.sum()), 2)) * width
    scores[off] = 0.3
    boxes = np.tile(
        np.array([middle[0] - width, 0, middle[0] + width, SIZE[0]], np.float32), (len(places), 1)
    )
    return np.concatenate([places, scores[..., None]], axis=2).astype(np.float32), boxes


@pytest.mark.parametrize("times", [8.0, 14.0])
@pytest.mark.parametrize("facing", [0.0, 0.4])
def test_a_face_that_fills_the_frame_is_drawn_as_large(times: float, facing: float) -> None:
    """It had been a bust in the middle of the face: the box was taken for all of them."""
    track = walk("stand", facing, seed=1)
    joints, boxes = nearer(track, times)
    made = actor(joints, boxes, SIZE, FPS, seed=3)
    assert made is not None
    apart = np.linalg.norm(keypoints(made)[:, :FACE] - joints[:, :FACE, :2], axis=-1)
    width = np.linalg.norm(joints[:, 3, :2] - joints[:, 4, :2], axis=-1)
    assert np.median(apart / width[:, None]) < 0.04
    played = np.linalg.norm(keypoints(made)[:, 3] - keypoints(made)[:, 4], axis=-1)
    assert 0.95 < np.median(played / width) < 1.05


@pytest.mark.parametrize("kind", ["walk", "stand", "sit"])
def test_whoever_is_seen_whole_keeps_every_joint(kind: str) -> None:
    track = walk(kind, 0.2, noise=0.01)
    height, scores = close_up(track.joints[:, :17, :2], track.joints[:, :17, 2], track.boxes)
    assert height == 0
    np.testing.assert_array_equal(scores, track.joints[:, :17, 2])


def test_joints_beside_a_large_face_stay_and_those_in_it_go() -> None:
    joints, boxes = nearer(walk("stand", 0.0, seed=1), 8.0)
    height, scores = close_up(joints[..., :2], joints[..., 2], boxes)
    assert height > 2 * SIZE[0]
    assert (scores[:, :FACE] == joints[:, :FACE, 2]).all()
    assert (scores[joints[..., 2] < 0.5] == 0).all()
    shoulders = joints.copy()
    shoulders[:, 5, :2] = [630, 470]
    assert (close_up(shoulders[..., :2], shoulders[..., 2], boxes)[1][:, 5] > 0).all()
