"""Hands beside the joints of a pose model that gives none, as the paper's adapters were shown them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from operators.conditioning.skeleton import draw_skeleton
from operators.models.people.with_hands import WithHands
from schemas.config import load
from schemas.cues import PoseDetections
from schemas.errors import UserError
from schemas.profile import Profile
from tests.operators.models.people.test_hands import shown

CUES = "cluster/weights/embedded/cues"
PICTURE, JOINTS = shown([0.0] * 5, (20, 130, -60, 40))
FRAMES = np.stack([PICTURE, np.full_like(PICTURE, 128)])


def finding(*people: np.ndarray) -> Callable[[np.ndarray], list[PoseDetections]]:
    """A pose model that finds these in the first frame, and nobody in the others."""
    points = np.stack(people)
    boxes, scores = np.tile(np.float32([0, 0, 640, 480]), (len(points), 1)), np.ones(len(points), np.float32)
    nobody = PoseDetections(boxes[:0], scores[:0], points[:0])
    return lambda frames: [PoseDetections(boxes, scores, points), *[nobody] * (len(frames) - 1)]


def test_hands_are_seen_where_the_wrists_are_and_the_body_stays() -> None:
    one, nobody = WithHands(finding(JOINTS), CUES)(FRAMES)
    assert one.keypoints.shape == (1, 59, 3) and nobody.keypoints.shape == (0, 59, 3)
    assert np.array_equal(one.keypoints[0, :17], JOINTS)
    for wrist, hand in ((9, one.keypoints[0, 17:38]), (10, one.keypoints[0, 38:])):
        assert (hand[:, 2] > 0.3).all()
        assert np.linalg.norm(hand[0, :2] - JOINTS[wrist, :2]) < 20
    without, drawn = (draw_skeleton(points, 480, 640) for points in (JOINTS[None], one.keypoints))
    assert (drawn != without).any(axis=2).sum() > 500


def test_who_has_no_wrists_or_is_too_small_has_no_hands() -> None:
    hidden, small = JOINTS.copy(), JOINTS.copy()
    hidden[:, 2] = 0
    small[:, :2] = 300 + small[:, :2] / 40
    (one, _) = WithHands(finding(hidden, small), CUES)(FRAMES)
    assert not one.keypoints[:, 17:].any()


def test_a_hand_that_the_pose_model_knows_stays_as_it_is() -> None:
    known = np.concatenate([JOINTS, np.zeros((110, 3), np.float32)])
    known[17:38] = 5, 6, 0.9
    known[60] = 7, 8, 0.9
    (one, _) = WithHands(finding(known), CUES)(FRAMES)
    (points,) = one.keypoints
    assert np.array_equal(points[:38], known[:38]) and np.array_equal(points[59:], known[59:])
    assert (points[38:59, 2] > 0.3).all()


def test_the_papers_profile_has_them_and_a_folder_without_them_is_named(tmp_path: Path) -> None:
    paper = load(Profile, "cluster/profiles/paper.yaml")
    assert paper.hands and Path(paper.hands.weights, "hand.onnx").is_file()
    with pytest.raises(UserError, match=r"hand\.onnx: network not found"):
        WithHands(finding(JOINTS), tmp_path)
