"""Gate 1: whoever a second look finds joins the masks, and is looked for again."""

import numpy as np
import pytest

from operators.conditioning.grow import track_everybody
from operators.gates.people import Detector
from operators.recovery.fail_closed import Rejected
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import Policy
from schemas.track import Track, union
from tests.operators.sightings import NOTHING, nobody, seeing

POLICY = load(Policy, "cluster/policies/driving.yaml")
FRAMES = np.zeros((9, 120, 200, 3), np.uint8)
PERSON = (60, 30, 84, 90)


def follow(
    witness: Detector,
    faces: Detector = nobody,
    seen: InstanceMasks | None = None,
) -> tuple[list[Track], np.ndarray, dict[str, float]]:
    """With one person whom the cue models see in every frame."""
    if seen is None:
        patch = Patch.of_box(np.array(PERSON), FRAMES.shape[1:3])
        seen = InstanceMasks(np.array([PERSON], np.float32), np.ones(1, np.float32), [patch])
    nobody_posed = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
    cues = [seen] * len(FRAMES), [PoseDetections(*nobody_posed)] * len(FRAMES)
    people, gates = track_everybody(FRAMES, cues, (witness, faces), POLICY.mask, POLICY.gates)
    assert all(gate.passed for gate in gates)
    return people, union(people, "mask", FRAMES.shape[:3]), {gate.name: gate.score for gate in gates}


def test_a_clip_in_which_nobody_is_left_keeps_its_masks() -> None:
    people, mask, scores = follow(nobody)
    assert len(people) == 1
    assert mask[:, 30:90, 60:84].all()
    assert scores == {"nobody left": 0, "no face left": 0, "mask grown": 0}


def test_a_hand_that_sticks_out_joins_its_person() -> None:
    hand = (100, 50, 108, 56)
    people, mask, scores = follow(seeing(hand, until=1))
    assert len(people) == 1
    assert scores["mask grown"] == 1
    assert mask[:3, 50:56, 100:108].all()
    assert not mask[6:, 50:56, 100:108].any()  # two frames on, two more of the union, and no further


def test_somebody_elsewhere_becomes_a_track_of_her_own() -> None:
    people, mask, _ = follow(seeing((150, 20, 170, 80), until=1))
    assert len(people) == 2
    assert mask[:3, 20:80, 150:170].all()


def test_of_a_face_the_body_is_masked_too() -> None:
    _, mask, _ = follow(nobody, seeing((160, 10, 168, 20), until=1))
    assert mask[0, 10:88, 156:172].all()


def test_a_doubtful_detection_is_believed_once_the_witness_agrees() -> None:
    patch = Patch.of_box(np.array(PERSON), FRAMES.shape[1:3])
    doubtful = InstanceMasks(np.array([PERSON], np.float32), np.full(1, 0.11, np.float32), [patch])
    assert not follow(nobody, seen=doubtful)[0]
    people, mask, _ = follow(seeing(PERSON), seen=doubtful)
    assert len(people) == 1
    assert mask[:, 30:90, 60:84].all()


def test_a_hand_does_not_make_a_faint_box_beside_it_somebody() -> None:
    """A box of scenery that no track would begin with stays what it is; the hand alone is masked."""
    boxes = np.array([PERSON, (100, 2, 190, 118)], np.float32)
    patches = [Patch.of_box(box, FRAMES.shape[1:3]) for box in boxes]
    seen = InstanceMasks(boxes, np.array([1, 0.04], np.float32), patches)
    _, mask, _ = follow(seeing((120, 50, 128, 56), until=1), seen=seen)
    assert mask[0, 50:56, 120:128].all() and not mask[:, :, 150:].any()


def test_a_sighting_below_the_threshold_changes_nothing() -> None:
    _, _, scores = follow(seeing((150, 20, 170, 80), score=POLICY.gates.grow_confidence - 0.01))
    assert scores["mask grown"] == 0
    assert scores["nobody left"] > 0


def test_masks_grow_over_somebody_of_whom_the_gate_would_not_be_sure() -> None:
    """What steers is not what certifies: masks do not stop just below the limit that they are judged by."""
    between = (POLICY.gates.grow_confidence + POLICY.gates.residual_confidence) / 2
    people, mask, scores = follow(seeing((150, 20, 170, 80), score=between))
    assert len(people) == 2 and mask[:, 20:80, 150:170].all()
    assert scores["nobody left"] == 0
    _, mask, scores = follow(nobody, seeing((160, 10, 168, 20), score=0.4, until=1))
    assert mask[0, 10:88, 156:172].all() and scores["no face left"] == 0


def test_only_frames_whose_mask_has_grown_are_looked_at_again() -> None:
    looks: list[int] = []
    see = seeing((150, 20, 170, 80), until=1)

    def counted(frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        looks.append(len(frames))
        return see(frames, covered)

    follow(counted)
    assert looks == [9, 5]


@pytest.mark.parametrize("detector", [0, 1])
def test_whoever_stays_after_all_tries_is_refused(detector: int) -> None:
    looks: list[int] = []

    def everywhere(frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        looks.append(len(frames))
        return seeing((150, 20, 170, 80), hides=False)(frames, covered)

    pair = [everywhere, nobody] if detector == 0 else [nobody, everywhere]
    with pytest.raises(Rejected, match="somebody may be left") as refused:
        follow(*pair)
    failed = [gate.name for gate in refused.value.gates if not gate.passed]
    assert failed == [["nobody left", "no face left"][detector]]
    assert 2 <= len(looks) <= POLICY.mask.growths + 1


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(Rejected):
        follow(seeing((150, 20, 170, 80), score=float("nan")))


def test_frames_that_a_detector_leaves_out_are_an_error() -> None:
    for wrong in ([], [NOTHING] * 20):
        with pytest.raises(ValueError, match="frames"):
            follow(lambda frames, covered, wrong=wrong: wrong)
