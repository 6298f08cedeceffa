"""ViTPose and its detector, and what all transformers operators share: loading, batches, outputs that are no number."""

from pathlib import Path

import numpy as np
import pytest
from transformers import VitPoseForPoseEstimation, VitPoseImageProcessor

from operators.models.people.rt_detr import RtDetr
from operators.models.people.vitpose import VitPose
from schemas.cues import PersonBoxes
from schemas.errors import UserError
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import (
    break_weights,
    drop_weight,
    save_depth_anything,
    save_rt_detr,
    save_vitpose,
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_vitpose(tmp_path_factory.mktemp("vitpose"))


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_rt_detr(tmp_path_factory.mktemp("rt_detr"))


def two_then_none(frames: np.ndarray) -> list[PersonBoxes]:
    """A detector that sees two people in every other frame."""
    boxes = np.array([[10, 5, 50, 85], [60, 20, 90, 80]], np.float32)
    count = [2 * (t % 2 == 0) for t in range(len(frames))]
    return [PersonBoxes(boxes[:n], np.array([0.9, 0.8], np.float32)[:n]) for n in count]


@pytest.mark.parametrize(("points", "face", "kept"), [(17, False, 17), (133, False, 59), (133, True, 127)])
def test_joints_of_every_box_with_hands_of_a_whole_body_model_and_a_face_if_asked_for(
    tmp_path: Path, points: int, face: bool, kept: int
) -> None:
    model = VitPose(save_vitpose(tmp_path, points), two_then_none, face=face)
    found = model(noise(3, 90, 150))
    assert [one.keypoints.shape for one in found] == [(2, kept, 3), (0, kept, 3), (2, kept, 3)]
    assert found[0].keypoints.dtype == np.float32
    np.testing.assert_array_equal(found[2].boxes, two_then_none(np.zeros(1))[0].boxes)


def test_joints_are_the_library_s_own_for_that_frame_and_box(weights: Path) -> None:
    frames = noise(3, 90, 150)
    found = VitPose(weights, two_then_none)(frames)[2]
    processor = VitPoseImageProcessor.from_pretrained(weights)
    boxes = [[[60, 20, 30, 60]]]
    inputs = processor(frames[2], boxes=boxes, return_tensors="pt")
    outputs = VitPoseForPoseEstimation.from_pretrained(weights).eval()(**inputs)
    outputs.heatmaps = outputs.heatmaps.detach()
    expected = processor.post_process_pose_estimation(outputs, boxes)[0][0]
    np.testing.assert_allclose(found.keypoints[1, :, :2], expected["keypoints"], atol=1e-2)
    np.testing.assert_allclose(found.keypoints[1, :, 2], expected["scores"], atol=1e-4)


def test_batches_do_not_change_the_result(weights: Path) -> None:
    alone, together = (VitPose(weights, two_then_none, batch=batch)(noise(5, 90, 150)) for batch in (1, 4))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-2)


def test_a_checkpoint_with_experts_looks_with_the_one_for_coco(tmp_path: Path) -> None:
    found = VitPose(save_vitpose(tmp_path, experts=6), two_then_none)(noise(1, 90, 150))
    assert found[0].keypoints.shape == (2, 17, 3)


def test_a_detector_that_leaves_a_frame_out_is_an_error(weights: Path) -> None:
    with pytest.raises(ValueError, match="boxes of 2 frames for 3"):
        VitPose(weights, lambda frames: two_then_none(frames[1:]))(noise(3, 90, 150))


def test_a_network_that_says_nan_is_an_error_and_not_nobody(tmp_path: Path) -> None:
    pose = VitPose(break_weights(save_vitpose(tmp_path / "pose")), two_then_none)
    boxes = RtDetr(break_weights(save_rt_detr(tmp_path / "boxes"), "class_embed.0.bias"), 0.5, 128)
    for model in (pose, boxes):
        with pytest.raises(ValueError, match="not finite"):
            model(noise(1, 90, 150))


def test_boxes_are_those_of_persons_above_the_confidence(detector: Path) -> None:
    frames = noise(3, 90, 150)
    found = RtDetr(detector, 0.01, 128, batch=2)(frames)
    assert len(found) == 3
    for one in found:
        assert one.boxes.shape == (len(one.scores), 4) and 0 < len(one.scores) < 20
        assert one.boxes.dtype == one.scores.dtype == np.float32
        assert (np.diff(one.scores) <= 0).all()
    sure = float(np.median(found[0].scores))
    fewer = RtDetr(detector, sure, 128, batch=2)(frames)[0]
    assert 0 < len(fewer.scores) < len(found[0].scores)
    assert (fewer.scores > sure).all()


def test_unusable_weights_are_named(tmp_path: Path, weights: Path, detector: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: holds no weights .*jobs\.weights fetch"):
        VitPose(tmp_path / "nowhere", two_then_none)
    with pytest.raises(UserError, match="lacks 1 weights of VitPoseForPoseEstimation"):
        VitPose(drop_weight(save_vitpose(tmp_path / "part")), two_then_none)
    with pytest.raises(UserError, match="VitPoseForPoseEstimation"):
        VitPose(save_depth_anything(tmp_path / "other"), two_then_none)
    with pytest.raises(UserError, match="gives 12 points a person"):
        VitPose(save_vitpose(tmp_path / "twelve", 12), two_then_none)
    with pytest.raises(UserError, match="no class called person"):
        RtDetr(save_rt_detr(tmp_path / "cats", "cat"), 0.5)


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    folder = save_vitpose(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="may run code"):
        VitPose(folder, two_then_none)
