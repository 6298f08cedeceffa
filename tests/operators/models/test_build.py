"""What a profile names is what looks; of several, each adds what it sees."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.standins.random_sam import save_sam2, save_sam3
from operators.conditioning.track import track_people
from operators.models.build import depth_model, detector, pose_model, segment_model, unite_masks, unite_poses
from operators.models.people.sam3_video import Sam3Video
from operators.models.people.vitpose import VitPose
from operators.models.people.yolo_pose import PoseEstimator
from operators.models.runtime.once import Once
from operators.models.scene.depth_anything import DepthAnything
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile
from tests.operators.models.cue_models import noise, save_random
from tests.operators.models.tiny_cues import save_depth_anything, save_rt_detr, save_vitpose

PROFILE = "cluster/profiles/embedded.yaml"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder = tmp_path_factory.mktemp("cues")
    yolo = {"model": "yolo", "image_size": 96, "confidence": 1e-6}
    boxes = {
        "model": "rt_detr",
        "weights": str(save_rt_detr(folder / "boxes")),
        "image_size": 128,
        "confidence": 0.01,
    }
    pose = {"model": "vitpose", "weights": str(save_vitpose(folder / "vitpose", 133)), "detector": boxes}
    segment = [{**yolo, "weights": str(save_random(folder, "segment")), "confidence": c} for c in (1e-6, 0.5)]
    settings = {
        "pose": [
            {**yolo, "weights": str(save_random(folder, "pose"))},
            {**pose, "detector": {**boxes, "confidence": 0.01}},
        ],
        "segment": segment,
        "depth": {"model": "depth_anything", "weights": str(save_depth_anything(folder / "depth"))},
    }
    return load(Profile, PROFILE, [f"{name}={value}" for name, value in settings.items()])


def test_a_list_unites_what_its_models_find(profile: Profile) -> None:
    frames = noise(2, 64, 96)
    assert isinstance(profile.pose, list) and isinstance(profile.segment, list)
    first, second = (pose_model(one, "cpu")(frames) for one in profile.pose)
    for t, both in enumerate(pose_model(profile.pose, "cpu")(frames)):
        assert both.keypoints.shape == (len(both.boxes), 59, 3)
        np.testing.assert_array_equal(both.boxes[: len(first[t].boxes)], first[t].boxes)
        assert (both.keypoints[: len(first[t].boxes), 17:] == 0).all()  # YOLO knows no hands
        assert len(first[t].boxes) < len(both.boxes) <= len(first[t].boxes) + len(second[t].boxes)
    many, few = (segment_model(one, "cpu")(frames) for one in profile.segment)
    for t, united in enumerate(segment_model(profile.segment, "cpu")(frames)):
        everybody = len(many[t].boxes) + len(few[t].boxes)
        assert len(many[t].boxes) <= len(united.boxes) == len(united.scores) == len(united.masks) <= everybody
        whole = [
            np.any([mask.within(0, 0, 64, 96) for mask in one.masks], axis=0) for one in (many[t], few[t])
        ]
        assert (
            np.any([mask.within(0, 0, 64, 96) for mask in united.masks], axis=0) == whole[0] | whole[1]
        ).all()


def test_masks_of_two_models_are_one_where_they_are_one_persons() -> None:
    def found(*boxes: tuple[int, int, int, int]) -> InstanceMasks:
        masks = [Patch(x0, y0, np.ones((y1 - y0, x1 - x0), bool)) for x0, y0, x1, y1 in boxes]
        return InstanceMasks(np.array(boxes, np.float32), np.full(len(boxes), 0.5, np.float32), masks)

    both = unite_masks([found((0, 0, 10, 20), (2, 0, 10, 20)), found((0, 2, 10, 22), (40, 0, 50, 20))])
    assert both.boxes.tolist() == [
        [0, 0, 10, 22],
        [2, 0, 10, 20],
        [40, 0, 50, 20],
    ]  # listed apart, they stay two
    assert [mask.area for mask in both.masks] == [220, 160, 200]


def test_one_model_is_taken_as_it_is(profile: Profile) -> None:
    assert isinstance(profile.pose, list)
    yolo, vitpose = profile.pose
    assert isinstance(pose_model(yolo, "cpu"), PoseEstimator)
    assert isinstance(pose_model(vitpose, "cpu"), VitPose)
    assert isinstance(depth_model(profile.depth, "cpu"), DepthAnything)


def test_a_segmenter_that_follows_is_given_its_detector(profile: Profile, tmp_path: Path) -> None:
    assert isinstance(profile.pose, list)
    boxes = profile.pose[1].model_dump()["detector"]
    sam2 = {
        "model": "sam2",
        "weights": str(save_sam2(tmp_path / "2")),
        "detector": boxes,
        "dtype": "bfloat16",
    }
    sam3 = {"model": "sam3", "weights": str(save_sam3(tmp_path / "3")), "confidence": 0.99}
    both = load(Profile, PROFILE, [f"segment={[sam2, sam3]}"]).segment
    assert isinstance(both, list)
    assert isinstance(segment_model(both[1], "cpu"), Sam3Video)
    frames = noise(2, 64, 96)
    expected = detector(profile.pose[1].detector, "cpu")(frames)
    for found, one in zip(segment_model(both[0], "cpu")(frames), expected, strict=True):
        assert {tuple(box) for box in one.boxes} <= {tuple(box) for box in found.boxes}


def test_a_clip_is_searched_once_for_pose_and_masks(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(profile.pose, list)
    settings, searched = profile.pose[1].detector, []
    detect = detector(settings, "cpu")
    assert detector(settings.model_copy(), "cpu") is detect
    assert detector(settings.model_copy(update={"confidence": 0.02}), "cpu") is not detect
    assert isinstance(detect, Once)
    detect.found.clear()  # other tests show the same frames
    search = detect.detect
    monkeypatch.setattr(detect, "detect", lambda frames: searched.append(len(frames)) or search(frames))
    frames = noise(2, 64, 96)
    pose_model(profile.pose[1], "cpu")(frames)
    first = detect(frames)
    assert searched == [2]
    assert detect(frames[1:].copy())[0] is first[1] and searched == [2]
    assert len(detect(255 - frames)) == 2 and searched == [2, 2]


def test_a_person_whom_two_find_counts_once_and_whom_one_finds_is_kept() -> None:
    def found(*boxes: list[float]) -> PoseDetections:
        count = len(boxes)
        scores = np.full(count, 0.5, np.float32)
        return PoseDetections(
            np.array(boxes, np.float32).reshape(-1, 4), scores, np.ones((count, 17, 3), np.float32)
        )

    both = unite_poses([found([0, 0, 10, 20]), found(), found([1, 0, 10, 20], [40, 0, 50, 20])])
    assert both.boxes.tolist() == [[0, 0, 10, 20], [40, 0, 50, 20]]
    assert both.keypoints.shape == (2, 17, 3) and len(both.scores) == 2


def test_hands_travel_with_the_track(profile: Profile) -> None:
    assert isinstance(profile.pose, list)
    frames = noise(3, 64, 96)
    policy = load(Policy, "cluster/policies/driving.yaml", ["mask.start_confidence=0", "mask.start_frames=1"])
    poses, masks = pose_model(profile.pose[1], "cpu")(frames), segment_model(profile.segment, "cpu")(frames)
    tracks = track_people(frames, masks, poses, policy.mask)
    assert tracks and {track.keypoints.shape[1:] for track in tracks} == {(59, 3)}


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("pose.model=openpose", r"pose:"),
        ("pose={model: vitpose, weights: a}", r"pose\.detector: Field required"),
        ("pose=[{model: yolo, weights: a}]", r"pose\.0\.image_size: Field required"),
        ("pose=[]", r"pose: List should have at least 1 item"),
        ("depth.image_size=7", r"depth\.image_size:"),
        ("depth.colour=red", r"depth\.colour:"),
    ],
)
def test_a_wrong_setting_of_a_model_names_its_field(override: str, named: str) -> None:
    with pytest.raises(UserError, match=rf"^--set .+: {named}"):
        load(Profile, PROFILE, [override])
