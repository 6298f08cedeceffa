"""The weights that come with Recast load, and see what is in a street."""

from pathlib import Path

import numpy as np
import pytest

from operators.models.build import pose_model, segment_model
from operators.models.scene.yolo_depth import DepthEstimator
from operators.video.encode import decode_bytes
from schemas.config import load
from schemas.profile import Profile

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Four frames of a synthetic street that three people cross."""
    return decode_bytes((ROOT / "tests/data/street.mp4").read_bytes())[::16]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load(Profile, ROOT / "cluster/profiles/embedded.yaml")


def test_the_people_are_seen_in_every_frame(frames: np.ndarray, profile: Profile) -> None:
    masks, poses = segment_model(profile.segment, "cpu")(frames), pose_model(profile.pose, "cpu")(frames)
    for mask, pose in zip(masks, poses, strict=True):
        assert (mask.boxes == pose.boxes).all() and (mask.scores == pose.scores).all()  # one look serves both
        everybody = [one.within(0, 0, *frames.shape[1:3]) for one in mask.masks]
        assert 0.005 < np.logical_or.reduce(everybody).mean() < 0.5
        sure = pose.scores >= 0.5
        known = pose.keypoints[:, :, 2].max(axis=1) > 0.3
        assert known.sum() >= 2 and not (known & ~sure).any()


def test_the_ground_before_the_camera_is_nearer_than_the_sky(frames: np.ndarray, profile: Profile) -> None:
    depth = DepthEstimator(profile.depth.weights, profile.depth.image_size)
    for inverse in depth(frames):
        assert np.median(inverse[-40:]) > 2 * np.median(inverse[:40])
