"""Whoever leans, lies or hangs: rendered people in pictures that are turned."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from operators.models.people.ensemble import PeopleEnsemble
from operators.models.people.leaning import LeaningLook, lean, upright
from operators.models.people.movenet import MoveNetThunder
from operators.training.synthetic_people import read_people
from schemas.cues import Patch, PersonBoxes

ROOT = Path(__file__).parents[4]
CUES = ROOT / "cluster/weights/embedded/cues"


@pytest.fixture(scope="module")
def thunder() -> MoveNetThunder:
    return MoveNetThunder(CUES / "movenet_thunder.onnx")


@pytest.fixture(scope="module")
def people(thunder: MoveNetThunder) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames of a held-out street, and of one of two people who stand in it the joints [17,3] that are seen upright."""
    clip = next(read_people(ROOT / "tests/data", "street-val.tar"))
    wholly = (clip.keypoints[0, :, :, 2] == 2).sum(axis=1)
    large = [cv2.resize(clip.frames[t], None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC) for t in (0, 4)]
    places = clip.keypoints[[0, 4]] * np.array([2.5, 2.5, 1], np.float32)
    shown = [(large[k], around(places[k, n])) for n in np.argsort(wholly)[-2:] for k in (0, 1)]
    return [(frame, thunder(frame, box)[0]) for frame, box in shown]


def turned(frame: np.ndarray, joints: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Both turned clockwise, in a square picture that holds all of the frame."""
    height, width = frame.shape[:2]
    side = int(np.hypot(height, width)) + 1
    into = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    into[:, 2] += [(side - width) / 2, (side - height) / 2]
    places = joints[:, :2] @ into[:, :2].T + into[:, 2]
    return cv2.warpAffine(frame, into, (side, side)), np.column_stack([places, joints[:, 2]]).astype(
        np.float32
    )


def around(joints: np.ndarray) -> np.ndarray:
    places = joints[joints[:, 2] >= 0.3, :2]
    reach = 0.08 * np.ptp(places, axis=0).max()
    return np.concatenate([places.min(axis=0) - reach, places.max(axis=0) + reach])[None].astype(np.float32)


def right(found: np.ndarray, joints: np.ndarray) -> float:
    """Share of the visible joints that are found within a tenth of the height."""
    visible = joints[:, 2] >= 0.3
    height = np.ptp(joints[visible, :2], axis=0).max()
    return float((np.linalg.norm(found[visible, :2] - joints[visible, :2], axis=1) <= 0.1 * height).mean())


def test_limbs_are_seen_in_any_turn(
    thunder: MoveNetThunder, people: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    """As they are upright; a look that knows people who stand alone sees a third of them elsewhere."""
    before, after = [], []
    for frame, joints in people:
        for degrees in range(60, 330, 30):
            picture, places = turned(frame, joints, degrees)
            box = around(places)
            first = thunder(picture, box)
            before.append(right(first[0], places))
            after.append(right(LeaningLook(thunder)(picture, box, first)[0], places))
    assert np.mean(after) >= 0.85 and np.mean(before) <= 0.7


def test_who_stands_is_seen_as_before(
    thunder: MoveNetThunder, people: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for frame, joints in people:
        box = around(joints)
        first = thunder(frame, box)
        assert abs(lean(first)[0]) < 0.5
        np.testing.assert_array_equal(LeaningLook(thunder)(frame, box, first), first)


def test_nobody_looks_again_at_who_is_small(
    thunder: MoveNetThunder, people: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    """In a crowd they are many."""
    frame, joints = people[0]
    picture, places = turned(frame, joints, 180)
    picture = cv2.resize(picture, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    box = around(places * np.array([0.3, 0.3, 1], np.float32))
    first = thunder(picture, box)
    np.testing.assert_array_equal(LeaningLook(thunder)(picture, box, first), first)


def test_where_no_limb_is_known_nobody_looks(thunder: MoveNetThunder) -> None:
    """They are somebody else's, or of who is not sure: a look of its own would find whoever is near."""
    nothing = np.zeros((2, 17, 3), np.float32)
    boxes = np.array([[0, 0, 9, 9], [3, 3, 90, 240]], np.float32)
    assert not LeaningLook(thunder)(np.zeros((250, 100, 3), np.uint8), boxes, nothing).any()


@pytest.mark.parametrize("degrees", [90, 180, 315])
def test_masks_and_joints_of_who_is_turned_are_theirs(
    people: list[tuple[np.ndarray, np.ndarray]], degrees: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the ensemble, which looks for bodies with the trunk upright, of whom its detectors see."""
    *_, (frame, joints) = people
    picture, places = turned(frame, joints, degrees)
    box = around(places)[0]
    ensemble, seen = PeopleEnsemble(CUES), PersonBoxes(box[None], np.array([0.9], np.float32))
    nothing = PersonBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    monkeypatch.setattr(ensemble.nanodet, "people_and_things", lambda _: [[seen, nothing]])
    monkeypatch.setattr(ensemble, "movenet", lambda _: [seen])
    (found,) = ensemble(picture[None])
    assert right(found.keypoints[0], places) >= 0.8
    mask = found.masks[0]
    inside = mask.within(0, 0, *picture.shape[:2])[tuple(places[places[:, 2] >= 0.3, 1::-1].astype(int).T)]
    assert inside.mean() > 0.7 and mask.area < 0.7 * (box[2:] - box[:2]).prod()


def test_what_is_seen_turned_lies_where_it_was() -> None:
    rng = np.random.default_rng(0)
    frame = np.zeros((120, 160, 3), np.uint8)
    frame[40:80, 60:80] = 255
    box = np.array([55, 35, 85, 85], np.float32)
    for turn in rng.uniform(-np.pi, np.pi, 8):
        view = upright(frame, box, float(turn))
        white = view.picture[..., 0] >= 128
        back = view.patch_in_frame(Patch.of(white), (120, 160)).within(0, 0, 120, 160)
        assert (back != (frame[..., 0] > 0)).mean() < 0.01
        middle = np.concatenate([view.box[0].reshape(2, 2).mean(axis=0), [1]]).astype(np.float32)
        np.testing.assert_allclose(view.in_frame(middle), [70, 60, 1], atol=1)


def test_a_large_person_is_looked_at_in_a_small_picture() -> None:
    view = upright(np.zeros((1080, 1920, 3), np.uint8), np.array([0, 0, 1900, 1000], np.float32), 1.0)
    assert max(view.picture.shape) <= 640
