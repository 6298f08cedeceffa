"""Pose, and what all cue operators share: loading, colours, batches, sizes, outputs that are no numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ultralytics import YOLO

from operators.models.people.yolo_pose import PoseEstimator
from operators.models.runtime.yolo import Yolo
from schemas.errors import UserError
from tests.operators.models.cue_models import listed, noise, save_broken, save_random

LOW = 1e-6  # random weights are never sure


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("pose"), "pose")


def test_boxes_scores_and_seventeen_joints_for_every_frame(weights: Path) -> None:
    found = PoseEstimator(weights, LOW, image_size=160)(noise(3, 90, 150))
    assert len(found) == 3
    for one in found:
        count = len(one.boxes)
        assert count > 0
        assert (one.boxes.shape, one.scores.shape, one.keypoints.shape) == (
            (count, 4),
            (count,),
            (count, 17, 3),
        )
        assert {one.boxes.dtype, one.scores.dtype, one.keypoints.dtype} == {np.dtype(np.float32)}
        assert (one.boxes >= 0).all() and (one.boxes <= [150, 90, 150, 90]).all()
        assert (one.scores > LOW).all() and (np.diff(one.scores) <= 0).all()


def test_nobody_is_an_empty_result(weights: Path) -> None:
    (found,) = PoseEstimator(weights, 0.99, image_size=96)(noise(1, 64, 96))
    assert (found.boxes.shape, found.scores.shape, found.keypoints.shape) == ((0, 4), (0,), (0, 17, 3))


def test_batches_do_not_change_the_result(weights: Path) -> None:
    frames = noise(5, 64, 96)
    alone, together = (PoseEstimator(weights, LOW, image_size=96, batch=batch)(frames) for batch in (1, 4))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-3)


def test_red_reaches_the_model_as_red(weights: Path) -> None:
    frames = noise(1, 64, 96)
    (found,) = PoseEstimator(weights, LOW, image_size=96)(frames)
    # A PIL picture says itself which channel is red.
    (expected,) = YOLO(str(weights)).predict(
        Image.fromarray(frames[0]), imgsz=(64, 96), conf=LOW, verbose=False
    )
    np.testing.assert_allclose(found.scores, expected.boxes.conf.numpy(), rtol=1e-4)
    (swapped,) = PoseEstimator(weights, LOW, image_size=96)(frames[..., ::-1])
    assert not np.allclose(found.scores[:10], swapped.scores[:10], rtol=1e-4)


def test_a_network_that_says_nan_is_an_error_and_not_nobody(weights: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        PoseEstimator(save_broken(weights), 0.15, image_size=96)(noise(1, 64, 96))


@pytest.mark.parametrize(
    ("height", "width", "seen"),
    [
        (360, 640, (384, 640)),
        (432, 768, (448, 768)),
        (1080, 1920, (544, 960)),
        (1920, 1080, (960, 544)),
        (20, 20, (32, 32)),
    ],
)
def test_frames_are_seen_at_native_resolution_up_to_the_limit(
    weights: Path, height: int, width: int, seen: tuple[int, int]
) -> None:
    assert Yolo(weights, "pose", 960, "cpu", 8, 0.15).input_size(height, width) == seen


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.pt: pose weights not found\. Name"):
        PoseEstimator(tmp_path / "nowhere.pt", 0.15)


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("not a checkpoint")
    with pytest.raises(UserError, match=r"text\.pt: not a checkpoint"):
        PoseEstimator(listed(tmp_path / "text.pt"), 0.15)


def test_weights_of_another_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="made for segment, not for pose"):
        PoseEstimator(save_random(tmp_path, "segment"), 0.15)
