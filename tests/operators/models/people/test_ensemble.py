"""The networks that know real people, on rendered ones with ground truth; they load from the files that come along."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from operators.models.boxes import best_pairs, box_iou
from operators.models.oks import oks
from operators.models.people.blazepose import COCO, BlazePose
from operators.models.people.coco_ssd import CocoSsd
from operators.models.people.ensemble import PeopleEnsemble
from operators.models.people.movenet import MoveNetMultiPose, MoveNetThunder
from operators.models.people.nanodet import NanoDet
from operators.models.runtime.onnx_session import OnnxNetwork
from operators.training.synthetic_people import RenderedClip, read_people
from schemas.errors import UserError

ROOT = Path(__file__).parents[4]
EMBEDDED = ROOT / "cluster/weights/embedded"
CUES = EMBEDDED / "cues"


@pytest.fixture(scope="module")
def clip() -> RenderedClip:
    """A held-out street."""
    return next(read_people(ROOT / "tests/data", "street-val.tar"))


@pytest.fixture(scope="module")
def everybody(clip: RenderedClip) -> np.ndarray:
    """Boxes of those in the first frame who are at least 50 px tall, and whom nobody and nothing hides."""
    boxes = []
    for number in range(clip.keypoints.shape[1]):
        y, x = np.nonzero(clip.masks[0] == number + 1)
        boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1] if len(y) else [0] * 4)
    there = np.array(boxes, np.float32)
    alone = (box_iou(there, there) - np.eye(len(there))).max(axis=1) < 0.05
    return there[alone & (there[:, 3] - there[:, 1] >= 50)]


def found(boxes: np.ndarray, everybody: np.ndarray, least: float = 0.5) -> int:
    return len(best_pairs(box_iou(everybody, boxes), least))


@pytest.mark.parametrize(
    "detector",
    [
        NanoDet(CUES / "nanodet.onnx", 0.3),
        MoveNetMultiPose(CUES / "movenet_multipose.onnx", 0.3),
        CocoSsd(EMBEDDED / "coco_ssd.onnx", 0.5),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_detector_finds_people_at_any_place_and_size(
    detector: NanoDet, clip: RenderedClip, everybody: np.ndarray
) -> None:
    (plain,) = detector(clip.frames[:1])
    assert len(everybody) > 1 and found(plain.boxes, everybody) == len(everybody)
    assert (np.diff(plain.scores) <= 0).all() and plain.boxes.dtype == np.float32
    large = np.zeros((720, 1280, 3), np.uint8) + 90
    large[331:691, 611:1251] = clip.frames[0]
    (placed,) = detector(large[None])
    tall = everybody[everybody[:, 3] - everybody[:, 1] >= 100]
    assert found(placed.boxes - [611, 331] * 2, tall) == len(tall) > 0
    (nobody,) = detector(np.full((1, 360, 640, 3), 90, np.uint8))
    assert nobody.boxes.shape == (0, 4) and nobody.scores.shape == (0,)


def test_small_people_of_a_large_frame_are_found_in_tiles(clip: RenderedClip, everybody: np.ndarray) -> None:
    small = cv2.resize(clip.frames[0], (320, 180), interpolation=cv2.INTER_AREA)
    large = np.full((1080, 1920, 3), 90, np.uint8)
    large[700:880, 900:1220] = small
    there = everybody / 2 + [900, 700] * 2
    seen, unseen = (
        found(NanoDet(CUES / "nanodet.onnx", 0.2, tile=tile)(large[None])[0].boxes, there)
        for tile in (960, 1920)
    )
    assert seen == len(there) > unseen


def test_joints_are_where_they_are(clip: RenderedClip, everybody: np.ndarray) -> None:
    thunder, blazepose = (
        MoveNetThunder(CUES / "movenet_thunder.onnx"),
        BlazePose(CUES / "blazepose_full.onnx"),
    )
    joints, bodies = thunder(clip.frames[0], everybody), blazepose(clip.frames[0], everybody)
    truth = clip.keypoints[0]
    areas = (everybody[:, 2:] - everybody[:, :2]).prod(axis=1)
    known = truth * [1, 1, 0.5]  # a visible joint counts fully
    assert (oks(joints, known, areas).max(axis=1) > 0.7).all()
    assert (oks(bodies.points[:, COCO], known, areas).max(axis=1) > 0.6).all()
    for patch, pose, world in zip(bodies.masks, joints, bodies.world, strict=True):
        person = int(oks(pose[None], known, areas[:1])[0].argmax()) + 1
        mask, body = patch.within(0, 0, *clip.frames.shape[1:3]), clip.masks[0] == person
        assert (mask & body).sum() / (mask | body).sum() > 0.6
        assert 0.8 < np.ptp(world[:, 1]) < 2.5 and abs(world[[23, 24]].mean()) < 0.2  # metres, about the hips


def test_the_ensemble_says_who_is_sure(clip: RenderedClip, everybody: np.ndarray) -> None:
    ensemble = PeopleEnsemble(CUES)
    (people,) = ensemble(clip.frames[:1])
    sure = people.scores >= 0.5
    assert found(people.boxes[sure], everybody) == len(everybody)
    assert (people.scores[~sure] < 0.2).all()  # below every policy's start_confidence
    assert (people.keypoints[~sure] == 0).all()
    assert all(mask.area for mask in people.masks)
    (nobody,) = ensemble(np.zeros((1, 96, 160, 3), np.uint8))
    assert nobody.keypoints.shape == (0, 17, 3) and nobody.masks == []


def test_a_part_of_somebody_is_not_somebody_else(monkeypatch: pytest.MonkeyPatch, clip: RenderedClip) -> None:
    """A detector that lists the upper half of everybody, too, and one that sees nobody."""
    ensemble = PeopleEnsemble(CUES)
    (plain,) = ensemble.nanodet(clip.frames[:1])
    tall = plain.boxes[plain.scores >= 0.5]
    upper = np.column_stack([tall[:, :3], tall[:, 1] + 0.6 * (tall[:, 3] - tall[:, 1])])
    doubled = type(plain)(
        np.concatenate([tall, upper]).astype(np.float32), np.repeat(np.float32([0.9, 0.6]), len(tall))
    )
    nobody = type(plain)(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    monkeypatch.setattr(ensemble.nanodet, "people_and_things", lambda frames: [[doubled, nobody]])
    monkeypatch.setattr(ensemble, "movenet", lambda frames: [nobody])
    (people,) = ensemble(clip.frames[:1])
    assert {tuple(box) for box in people.boxes} == {tuple(box) for box in tall}


def test_similarity_of_poses_needs_joints_that_both_know() -> None:
    pose = np.concatenate([np.random.default_rng(0).uniform(0, 100, (1, 17, 2)), np.ones((1, 17, 1))], axis=2)
    unknown = pose * [1, 1, 0]
    area = np.array([5000.0])
    assert oks(pose, pose, area)[0, 0] == 1 and oks(pose, unknown, area)[0, 0] == 0
    assert (
        oks(pose, pose + np.array([30, 0, 0]), area)[0, 0]
        < 0.5
        < oks(pose, pose + np.array([1, 0, 0]), area)[0, 0]
    )


def test_unusable_networks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nanodet\.onnx: network not found"):
        PeopleEnsemble(tmp_path)
    (tmp_path / "nanodet.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"nanodet\.onnx: not a network"):
        PeopleEnsemble(tmp_path)
    with pytest.raises(UserError, match=r"coco_ssd\.onnx: has no output distance16"):
        NanoDet(EMBEDDED / "coco_ssd.onnx", 0.3)


def test_an_output_that_is_not_finite_is_an_error() -> None:
    network = OnnxNetwork(CUES / "movenet_thunder.onnx", ["heat"])
    assert network(np.zeros((1, 3, 256, 256)))[0].shape == (1, 17, 64, 64)
    with pytest.raises(ValueError, match="not finite"):
        network(np.full((1, 3, 256, 256), np.nan))
