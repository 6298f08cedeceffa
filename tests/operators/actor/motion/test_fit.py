"""Joints in, a body's motion out: close to the joints, calm, and nobody where there is nobody."""

from typing import Literal

import numpy as np
import pytest

from operators.actor.actor import actor, keypoints, posed
from operators.actor.body.skeleton import ANGLES, USUAL
from operators.actor.motion.solve import Camera
from schemas.actor import Actor
from tests.operators.actor.walks import FPS, SIZE, Walk, jitter, pck, walk


def _played(of: Walk) -> np.ndarray:
    made = actor(of.joints, of.boxes, SIZE, FPS, seed=3)
    assert made is not None
    return keypoints(made)


@pytest.mark.parametrize("kind", ["walk", "stand", "sit"])
@pytest.mark.parametrize("facing", [0.5, np.pi - 0.4, 1.6])
def test_joints_are_kept_with_noise_and_a_tenth_dropped(kind: str, facing: float) -> None:
    track = walk(kind, facing, noise=0.01, dropped=0.1, seed=1)
    assert pck(_played(track), track) >= 0.97


@pytest.mark.parametrize("kind", ["walk", "sit"])
def test_noise_of_two_percent_does_not_become_jitter(kind: str) -> None:
    track = walk(kind, noise=0.02, seed=2)
    real = max(jitter(track.true, track), 0.001)
    given = jitter(track.joints[..., :2], track)
    assert given > 5 * real
    assert jitter(_played(track), track) <= 2 * real


def test_clean_motion_is_not_smoothed_away() -> None:
    track = walk("walk")
    assert jitter(_played(track), track) >= 0.7 * jitter(track.true, track)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_an_arm_that_is_raised_quickly_is_followed(noise: float) -> None:
    track = walk("raise", noise=noise, seed=4)
    apart = np.linalg.norm(_played(track) - track.true, axis=-1)[9:17, [7, 9]]
    assert (apart < 0.06 * track.tall[9:17, None]).mean() >= 0.9


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_hand_turns_as_its_knuckles_do(side: str) -> None:
    for turned in (-1.0, 1.0):
        track = walk("stand", 0.0, turned={"pron" + side: turned})
        made = actor(track.joints, track.boxes, SIZE, FPS, seed=3)
        assert made is not None
        assert (np.sign(turned) * made.motion.pose[:, 1 + ANGLES.index("pron" + side)]).min() > 0.2


@pytest.mark.parametrize("nod", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize("raised", [0.0, 0.03])
def test_a_head_is_held_as_its_face_is_seen_wherever_the_shoulders_are(nod: float, raised: float) -> None:
    """Shoulders that lie higher than the actor's had tipped the head by a tenth of a half turn."""
    track = walk("stand", 0.2, noise=0.004, seed=3, turned={"nod": nod})
    track.joints[:, [5, 6], 1] -= raised * track.tall[:, None]
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=3)
    assert made is not None
    angles = made.motion.pose[:, 1:]
    held = angles[:, [ANGLES.index(name) for name in ("pitch", "spine", "nod")]].sum(axis=1)
    there = nod + USUAL[ANGLES.index("spine")]
    assert abs(held.mean() - there) < 0.13
    face = np.linalg.norm(keypoints(made)[:, :5] - track.true[:, :5], axis=-1)
    assert (face / track.tall[:, None]).mean() < 0.007


def test_a_face_that_is_faintly_seen_or_jitters_turns_no_head() -> None:
    """Of whom a network sees the back of the head it still puts eyes somewhere, and not for sure."""
    track = walk("stand", 0.2, seed=3)
    rng = np.random.default_rng(0)
    for scores, apart in ((0.2, 0.04), (1.0, 0.02)):
        seen = track.joints.copy()
        shaken = rng.standard_normal((1 if scores < 1 else len(seen), 5, 2))
        seen[:, :5, :2] += apart * track.tall[:, None, None] * shaken
        seen[:, :5, 2] *= scores
        made = actor(seen, track.boxes, SIZE, FPS, seed=3)
        assert made is not None
        face = np.linalg.norm(keypoints(made)[:, :5] - track.true[:, :5], axis=-1)
        assert (face / track.tall[:, None]).mean() < 0.4 * apart


@pytest.mark.parametrize("swing", ["wflex", "pron"])
def test_a_hand_that_turns_quickly_is_followed_and_takes_no_arm_with_it(swing: str) -> None:
    """A forearm that is held up, as a signer's; the hand turns by two thirds of a half turn within a quarter second."""
    course = np.clip(np.abs(np.arange(24) - 12) - 3, 0, 3) / 3 * 2.2 - 1.1
    arm = {"sflexL": 0.5, "elbL": 1.9, "pronL": 0.4, "wflexL": 0.0}
    track = walk("stand", 0.2, turned={**arm, f"{swing}L": course})
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=3)
    assert made is not None
    given = track.joints[:, [17 + 5, 17 + 17, 17 + 3], :2] - track.joints[:, [9], :2]
    drawn = np.stack([_knuckles(made, t) for t in range(24)])
    apart = np.linalg.norm(drawn - given, axis=-1) / track.tall[:, None]
    assert apart.mean() < 0.006 and np.quantile(apart, 0.9) < 0.012
    still = np.linalg.norm(_played(track) - track.true, axis=-1)[:, [7, 9]] / track.tall[:, None]
    assert still.mean() < 0.03 and still.max() < 0.06


def _knuckles(made: Actor, t: int) -> np.ndarray:
    """[3,2] px from the left wrist to its knuckles in frame `t`."""
    pose, root = posed(made, t)
    camera = Camera(made.motion.focal, (SIZE[1] / 2, SIZE[0] / 2))
    places = camera.project(pose.joints[0] + root)
    return np.asarray(places[17:20] - places[9])


def test_a_person_cut_by_the_frame_keeps_the_joints_that_show() -> None:
    track = walk("walk", noise=0.005)
    track.joints[:, 13:, 2] = 0
    apart = np.linalg.norm(_played(track) - track.true, axis=-1)[:, :13]
    assert (apart < 0.05 * track.tall[:, None]).mean() >= 0.97


@pytest.mark.parametrize("facing", [0.4, 1.4])
def test_somebody_of_whom_legs_alone_are_seen_stands_as_high_as_their_legs_are_long(facing: float) -> None:
    track = walk("walk", facing, noise=0.005, seed=5)
    track.joints[:, [*range(11), 16], 2] = 0.05
    hips = track.true[:, [11, 12], 1].min(1)
    track.boxes[:, 1] = hips
    assert np.ptp(_played(track)[..., 1], axis=1).mean() > 0.8 * track.tall.mean()
    apart = np.linalg.norm(_played(track) - track.true, axis=-1)[:, 11:16]
    assert (apart < 0.07 * track.tall[:, None]).mean() >= 0.9


def test_legs_that_are_made_up_inside_the_frame_do_not_hide_who_is_there() -> None:
    """A driver, of whom head and shoulders are seen; the network squeezes all else into the picture, faintly."""
    track = walk("stand", 0.0, noise=0.003)
    edge = track.true[:, [5, 6], 1].max(1) + 0.06 * track.tall
    left, wide = track.true[..., 0].min(1), np.ptp(track.true[..., 0], axis=1)
    track.joints[:, 7:, 0] = left[:, None] + np.linspace(0.2, 0.8, 10) * wide[:, None]
    track.joints[:, 7:, 1] = (edge - 0.1 * track.tall)[:, None]
    track.joints[:, 7:, 2] = 0.2
    track.boxes[:, 3] = edge
    apart = np.linalg.norm(_played(track) - track.true, axis=-1)[:, :7]
    assert np.median(apart / track.tall[:, None]) < 0.02


def test_back_or_front_is_told_by_the_way_they_walk() -> None:
    for facing in (0.3, np.pi - 0.3):
        track = walk("walk", facing, noise=0.01)
        made = actor(track.joints, track.boxes, SIZE, FPS, seed=3)
        assert made is not None
        assert np.cos(made.motion.pose[:, 0] - facing).min() > 0.5


def test_joints_that_are_noise_give_nobody() -> None:
    track = walk()
    nobody = track.joints.copy()
    nobody[..., 2] = 0
    assert actor(nobody, track.boxes, SIZE, FPS, seed=3) is None
    scattered = track.joints.copy()
    scattered[..., :2] = np.random.default_rng(0).uniform(0, 480, scattered[..., :2].shape)
    assert actor(scattered, track.boxes, SIZE, FPS, seed=3) is None


def test_one_frame_is_enough() -> None:
    track = walk(frames=1)
    assert pck(_played(track), track) >= 0.9


@pytest.mark.parametrize("body", ["actor", "source"])
@pytest.mark.parametrize("name", ["joints", "boxes"])
def test_what_is_not_finite_is_refused(name: str, body: Literal["actor", "source"]) -> None:
    track = walk(frames=5)
    given = {"joints": track.joints.copy(), "boxes": track.boxes.copy()}
    given[name][2] = np.nan
    with pytest.raises(ValueError, match=f"not finite: {name}"):
        actor(given["joints"], given["boxes"], SIZE, FPS, seed=3, body=body)


def test_a_lifter_s_word_on_the_heading_counts() -> None:
    track = walk("stand", np.pi, noise=0.0)
    from operators.actor.body.skeleton import USUAL
    from tests.operators.actor.walks import body_of

    lifted = body_of(7).skeleton.pose(track.yaw, np.tile(USUAL, (len(track.yaw), 1))).joints[:, :17]
    made = actor(track.joints, track.boxes, SIZE, FPS, seed=3, lifted=lifted)
    assert made is not None
    assert np.cos(made.motion.pose[:, 0] - np.pi).min() > 0.8


def test_joints_in_a_few_frames_are_a_post_and_an_upper_body_is_somebody() -> None:
    track = walk("stand", 0.3, frames=10)
    post = track.joints.copy()
    post[3:, :, 2] = 0.1
    assert actor(post, track.boxes, SIZE, FPS, seed=3) is None
    behind_a_desk = track.joints.copy()
    behind_a_desk[:, 11:, 2] = 0
    assert actor(behind_a_desk, track.boxes, SIZE, FPS, seed=3) is not None
