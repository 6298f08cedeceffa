"""The last look, which no mask has grown by, and whose bodies are asked about."""

import numpy as np
import pytest

from operators.gates.people import bodies, final_look
from operators.models.boxes import box_iou
from operators.models.known_answer import picture
from operators.models.people.coco_ssd import CocoSsd
from operators.models.witnesses.coverage import uncovered
from operators.models.witnesses.final_look import FinalLook
from schemas.config import load
from schemas.cues import PersonBoxes
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile

PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
LIMITS = load(Policy, "cluster/policies/driving.yaml").gates
BOX = np.array([[40, 20, 80, 120]], np.float32)
MASK = np.zeros((2, 140, 120), bool)
MASK[:, 16:124, 36:84] = True


def seen(score: float, box: np.ndarray = BOX) -> list[PersonBoxes]:
    """In the second of two frames."""
    nobody = PersonBoxes(box[:0], np.zeros(0, np.float32))
    return [nobody, PersonBoxes(box, np.full(1, score, np.float32))]


def test_whoever_is_outside_the_mask_is_refused() -> None:
    assert final_look(seen(0.99), MASK, LIMITS).score == 0
    assert final_look(seen(0.99), MASK, LIMITS).passed
    assert not final_look(seen(0.99, BOX + 60), MASK, LIMITS).passed
    trousers = MASK.copy()
    trousers[1, 80:] = False
    assert not final_look(seen(0.99), trousers, LIMITS).passed
    assert final_look(seen(LIMITS.final_confidence - 0.01), trousers, LIMITS).passed
    with pytest.raises(ValueError, match="finite"):
        final_look(seen(float("nan")), trousers, LIMITS)


def test_a_frame_that_was_left_out_is_an_error() -> None:
    with pytest.raises(ValueError, match="argument"):
        final_look(seen(0.9)[:1], MASK, LIMITS)


def test_whom_the_masks_do_not_know_has_a_body_as_well() -> None:
    nobody = np.zeros_like(MASK)
    found = bodies(seen(0.9), nobody, 0.6)
    assert found[1, 60, 60] and not found[0].any() and not found[1, 20:30].any()
    assert not bodies(seen(0.5), nobody, 0.6).any()
    assert (bodies(seen(0.9), MASK, 0.6) == MASK).all()
    leaning = np.zeros_like(MASK)
    leaning[:, 20:66, 40:52] = leaning[:, 60:66, 40:80] = leaning[:, 60:120, 68:80] = True
    assert leaning[0, 32:95, 50:70].mean() < 0.3 and (bodies(seen(0.9), leaning, 0.6) == leaning).all()
    leaning[:, 100:] = False  # of the legs nothing is known: whose are they?
    assert bodies(seen(0.9), leaning, 0.6)[1, 80, 60]
    assert not nobody.any(), "what it is given stays as it is"


def test_a_thin_arm_that_is_held_out_is_no_gap_and_somebody_between_two_others_is() -> None:
    """Between a trunk and the end of its arm there is scenery; between two people who are known there is a third."""
    pointing, between = np.zeros_like(MASK), np.zeros_like(MASK)
    pointing[:, 22:118, 42:54], pointing[:, 44:48, 54:79] = True, True
    assert uncovered(BOX[0], pointing[1]) and pointing[1, 20:120, 40:80].mean() < 0.4
    assert (bodies(seen(0.9), pointing, 0.6) == pointing).all()
    between[:, 20:120, 36:47] = between[:, 20:120, 73:84] = True
    found = bodies(seen(0.9), between, 0.6)
    assert found[1, 40:90, 52:68].all() and not found[0, 40:90, 52:68].any()


def test_mirrored_it_sees_the_same_people_where_they_are() -> None:
    people = picture("people.jpg")
    (plain,), (mirrored,) = (
        FinalLook(PROFILE.final.model_copy(update={"mirrored": mirrored}))(people)
        for mirrored in (False, True)
    )
    same = CocoSsd(PROFILE.final.weights, PROFILE.final.confidence, tile=PROFILE.final.tile)(people)[0]
    assert np.array_equal(plain.boxes, same.boxes)  # each stands
    assert not np.array_equal(plain.scores, mirrored.scores), "a view that the witness has not had"
    best = [one.boxes[one.scores > 0.9] for one in (plain, mirrored)]
    assert len(best[0]) >= 2
    for box in best[0]:
        assert np.abs(best[1] - box).max(axis=1).min() < 30


def test_the_witness_again_is_no_final_look() -> None:
    for again in ("final.mirrored=false", "final.tile=300"):
        with pytest.raises(UserError, match="final is the witness again"):
            load(Profile, "cluster/profiles/embedded.yaml", [again])
    with pytest.raises(UserError, match=r"final\.weights make the masks, too"):
        load(Profile, "cluster/profiles/embedded.yaml", ["final.weights=cluster/weights/embedded/cues"])


@pytest.mark.parametrize("name", ["driving", "robotics", "strict"])
def test_masks_grow_by_a_lower_confidence_than_they_are_judged_by(name: str) -> None:
    path = f"cluster/policies/{name}.yaml"
    for judged in ("residual_confidence", "face_confidence"):
        grow = {"residual_confidence": "grow_confidence", "face_confidence": "grow_face_confidence"}[judged]
        limit = getattr(load(Policy, path).gates, judged)
        with pytest.raises(UserError, match="lower confidence than they are judged by"):
            load(Policy, path, [f"gates.{grow}={limit}"])


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_box_where_a_second_look_sees_nobody_is_none(
    mirrored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, empty = picture("people.jpg"), picture("nobody.jpg")
    look = FinalLook(PROFILE.final.model_copy(update={"mirrored": mirrored}))
    frames = people[:, :, ::-1] if mirrored else people
    (once,), (again,) = look.detect(np.ascontiguousarray(frames)), look._found(np.ascontiguousarray(frames))
    large = (once.boxes[:, 2:] - once.boxes[:, :2]).max(axis=1) >= 96
    assert (large & (once.scores > 0.9)).sum() >= 2
    for box in once.boxes[large & (once.scores > 0.9)]:
        assert box_iou(box, again.boxes).max() >= 0.5
    ghost = PersonBoxes(np.array([[20, 20, 130, 180]], np.float32), np.full(1, 0.9, np.float32))
    monkeypatch.setattr(look, "detect", lambda frames: [ghost] * len(frames))
    assert not len(look(empty)[0].boxes)
