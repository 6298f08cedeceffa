"""The embedded witness, on people whom the embedded cue models mask; other models and broken ones."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from operators.conditioning.grow import track_everybody
from operators.gates.people import nobody_new
from operators.models.build import pose_model, segment_model
from operators.models.people.coco_ssd import CocoSsd
from operators.models.witnesses.centerface import FaceDetector
from operators.models.witnesses.witness import Witness
from operators.video.encode import decode_bytes
from schemas.config import load
from schemas.cues import InstanceMasks, PersonBoxes
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.track import Track, union
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import break_weights, save_rt_detr

ROOT = Path(__file__).parents[4]
PROFILE, POLICY = (
    load(Profile, "cluster/profiles/embedded.yaml"),
    load(Policy, "cluster/policies/driving.yaml"),
)
SSD, NEAR = PROFILE.witness, PROFILE.limbs
MAP = NEAR.model_copy(update={"confidence": 0.25, "reach": 0})  # as it was trained: everywhere
LIMIT = POLICY.gates.residual_confidence


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness(MAP)


class Street:
    """A few frames of three people, whom the cue models and the witness together have masked."""

    frames: np.ndarray
    people: list[Track]
    mask: np.ndarray

    def without(self, person: Track) -> np.ndarray:
        """The masks of the others."""
        mask = np.zeros_like(self.mask)
        for track in self.people:
            if track is not person:
                mask[track.first : track.first + len(track.mask)] |= track.mask
        return mask


@pytest.fixture(scope="module")
def street(witness: Witness) -> Street:
    made = Street()
    made.frames = decode_bytes((ROOT / "tests/data/street.mp4").read_bytes())[20:25]
    cues = (
        segment_model(PROFILE.segment, "cpu")(made.frames),
        pose_model(PROFILE.pose, "cpu")(made.frames),
    )
    detectors = witness, FaceDetector(POLICY.gates.face_confidence)
    made.people, _ = track_everybody(made.frames, cues, detectors, POLICY.mask, POLICY.gates)
    made.mask = union(made.people, "mask", made.frames.shape[:3])
    return made


def share_seen(found: InstanceMasks, body: np.ndarray) -> float:
    """Of a body bool [H,W], by sightings that count."""
    seen = np.zeros(body.shape, bool)
    for patch, score in zip(found.masks, found.scores, strict=True):
        if score >= LIMIT:
            seen |= patch.within(0, 0, *body.shape)
    return float(seen[body].mean())


def test_whoever_is_left_out_of_the_masks_is_seen(witness: Witness, street: Street) -> None:
    shares = []
    for person in street.people:
        covered = street.without(person)
        for t, found in enumerate(witness(street.frames[:2], covered[:2])):
            left = person.body[t - person.first] & ~covered[t]
            if left.sum() > 500:  # who stands apart
                shares.append(share_seen(found, left))
    assert len(shares) >= 4
    assert min(shares) > 0.5, shares


def test_a_leg_that_is_left_is_seen(witness: Witness, street: Street) -> None:
    person = max(street.people, key=lambda track: int(track.body.sum()))
    covered = street.mask.copy()
    bottom = np.nonzero(person.body[0].any(axis=1))[0].max()
    covered[0, bottom - 40 :] = False
    (found,) = witness(street.frames[:1], covered[:1])
    assert share_seen(found, person.body[0] & ~covered[0]) > 0.3


def test_in_the_output_somebody_new_is_refused(witness: Witness, street: Street) -> None:
    """Gate 2: whoever stands where nobody stood, here one of the source's people a second time."""
    detectors = witness, FaceDetector(POLICY.gates.face_confidence)
    gates = nobody_new(street.frames, street.mask, detectors, POLICY.gates)
    assert [gate.passed for gate in gates] == [True, True], gates
    person = max(street.people, key=lambda track: int(track.body.sum()))
    output, body = street.frames.copy(), person.body[2 - person.first]
    for shift in range(20, 600, 20):
        there = np.roll(body, shift, axis=1)
        if not (there & street.mask[2]).any():
            break
    output[2][there] = street.frames[2][body]
    gates = nobody_new(output, street.mask, detectors, POLICY.gates)
    assert not gates[0].passed, gates


def test_large_frames_are_seen_in_tiles(street: Street) -> None:
    """The same at every seam: what one look at the whole sees, tiles of half the size see too."""
    settings = MAP.model_copy(update={"image_size": 256})
    person = max(street.people, key=lambda track: int(track.body.sum()))
    covered = street.without(person)[:1]
    found = Witness(settings)(street.frames[:1], covered)[0]
    assert share_seen(found, person.body[0] & ~covered[0]) > 0.5


def test_an_output_that_is_not_finite_is_an_error(street: Street, tmp_path: Path) -> None:
    weights = load_file(ROOT / MAP.weights)
    weights["score.weight"][:] = float("nan")
    save_file(weights, tmp_path / "broken.safetensors")
    broken = MAP.model_copy(update={"weights": str(tmp_path / "broken.safetensors")})
    with pytest.raises(ValueError, match="not finite"):
        Witness(broken)(street.frames[:1], street.mask[:1])


def test_near_the_masks_alone_a_witness_sees_limbs_and_nobody_elsewhere(street: Street) -> None:
    person = max(street.people, key=lambda track: int(track.body.sum()))
    body, frames = person.body[0], street.frames[:1]
    whole, near = (MAP.model_copy(update={"reach": reach}) for reach in (0, 32))
    nothing = np.zeros(frames.shape[:3], bool)
    assert len(Witness(whole)(frames, nothing)[0].boxes) and not len(Witness(near)(frames, nothing)[0].boxes)
    upper = nothing.copy()
    upper[0, : int(np.nonzero(body)[0].mean())] = True
    (found,) = Witness(near)(frames, upper)
    seen = np.logical_or.reduce([patch.within(0, 0, *body.shape) for patch in found.masks])
    rows = np.nonzero(seen)[0]
    assert len(rows) and rows.max() < int(np.nonzero(body)[0].mean()) + 40


def test_several_witnesses_say_what_any_of_them_sees(street: Street) -> None:
    frames, nothing = street.frames[:1], np.zeros((1, *street.frames.shape[1:3]), bool)
    one, other, both = (Witness(settings)(frames, nothing)[0] for settings in (SSD, MAP, [SSD, MAP]))
    everywhere = [
        np.logical_or.reduce([m.within(0, 0, *nothing[0].shape) for m in found.masks])
        for found in (one, other, both)
    ]
    assert everywhere[0].any() and (everywhere[2] == everywhere[0] | everywhere[1]).all()
    assert both.scores.max() == max(one.scores.max(), other.scores.max())


@pytest.mark.parametrize(
    ("score", "people", "seen"), [(0.8, 2, 0), (0.95, 2, 1), (0.8, 1, 1), (0.8, 0, 1)], ids=str
)
def test_a_box_of_a_group_who_are_accounted_for_is_nobody_else(
    monkeypatch: pytest.MonkeyPatch, score: float, people: int, seen: int
) -> None:
    """Unless it is very sure: then somebody stands close."""
    box = PersonBoxes(np.array([[10, 10, 190, 110]], np.float32), np.array([score], np.float32))
    monkeypatch.setattr(CocoSsd, "__call__", lambda _, frames: [box] * len(frames))
    frames, covered = np.zeros((1, 120, 200, 3), np.uint8), np.zeros((1, 120, 200), bool)
    for number in range(people):
        covered[0, 40:80, 40 + 60 * number : 56 + 60 * number] = True
    upright = SSD.model_copy(update={"turned": False})
    assert len(Witness(upright)(frames, covered)[0].boxes) == seen


def test_a_doubtful_box_beside_a_sure_one_stays_doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes that touch are two sights, each with its own score."""
    boxes = np.array([[10, 10, 190, 110], [150, 50, 170, 100]], np.float32)
    seen = PersonBoxes(boxes, np.array([0.3, 0.8], np.float32))
    monkeypatch.setattr(CocoSsd, "__call__", lambda _, frames: [seen] * len(frames))
    (found,) = Witness(SSD)(np.zeros((1, 120, 200, 3), np.uint8), np.zeros((1, 120, 200), bool))
    assert [patch.area for patch, score in zip(found.masks, found.scores, strict=True) if score > 0.7] == [
        1000
    ]


def test_a_mask_of_another_size_is_an_error(witness: Witness, street: Street) -> None:
    with pytest.raises(ValueError, match="covered"):
        witness(street.frames[:2], street.mask[:1])


def test_a_production_detector_is_a_witness(tmp_path: Path) -> None:
    """RT-DETR in the real format, with random weights: what it finds is bounded by what is accounted for."""
    folder = save_rt_detr(tmp_path / "boxes")
    settings = {"model": "rt_detr", "weights": str(folder), "image_size": 128, "confidence": 0.01}
    profile = load(Profile, "cluster/profiles/embedded.yaml", [f"witness={settings}"])
    frames = noise(3, 100, 200)
    covered = np.zeros(frames.shape[:3], bool)
    found = Witness(profile.witness)(frames, covered)
    assert len(found) == 3
    assert all(len(one.boxes) == len(one.scores) == len(one.masks) > 0 for one in found)
    assert all(one.scores.max() < 1 for one in found)
    assert not any(len(one.boxes) for one in Witness(profile.witness)(frames, ~covered))
    with pytest.raises(ValueError, match="not finite"):
        Witness(profile.witness.model_copy(update={"weights": str(break_weights(folder, ".weight"))}))(
            frames, covered
        )


@pytest.mark.parametrize("content", [None, b"not a file of tensors"])
def test_unusable_weights_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "witness.safetensors"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"witness\.safetensors"):
        Witness(MAP.model_copy(update={"weights": str(path)}))


def test_the_witness_is_none_of_the_cue_models() -> None:
    for one in PROFILE.witness if isinstance(PROFILE.witness, list) else [PROFILE.witness]:
        assert one.weights not in PROFILE.model_dump_json(include={"pose", "segment", "depth", "limbs"})
    boxes = {"model": "rt_detr", "weights": "weights/boxes"}
    pose = {"model": "vitpose", "weights": "weights/pose", "detector": boxes}
    with pytest.raises(UserError, match=r"witness\.weights make the masks, too"):
        load(Profile, "cluster/profiles/embedded.yaml", [f"witness={boxes}", f"pose={pose}"])
