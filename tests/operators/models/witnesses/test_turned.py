"""Whoever hangs upside down or lies is found by turning the frame, where upright looks are blind; furniture is not."""

import numpy as np
import pytest

from operators.models.boxes import box_iou
from operators.models.known_answer import picture
from operators.models.people.coco_ssd import CocoSsd
from operators.models.witnesses.turned import TurnedLook
from operators.models.witnesses.witness import Witness
from schemas.config import load
from schemas.cues import PersonBoxes
from schemas.profile import Profile

SSD = load(Profile, "cluster/profiles/embedded.yaml").witness
FOUND = CocoSsd(SSD.weights, SSD.confidence)
PEOPLE = picture("people.jpg")[0]
NOBODY = PersonBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def turned(box: np.ndarray, quarters: int) -> np.ndarray:
    """Where a box of PEOPLE lies in the picture turned counter-clockwise: by its corners."""
    height, width = PEOPLE.shape[:2]
    mark = np.zeros((height, width), bool)
    x0, y0, x1, y1 = box.clip(0).astype(int)
    mark[y0:y1, x0:x1] = True
    rows, columns = np.nonzero(np.rot90(mark, quarters))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_who_is_not_upright_is_seen_where_they_are(quarters: int) -> None:
    frame = np.ascontiguousarray(np.rot90(PEOPLE, quarters))
    (upright,) = CocoSsd(SSD.weights, 0.9, tile=1 << 30)(PEOPLE[None])
    assert len(upright.boxes)
    (found,) = TurnedLook(FOUND)(frame[None], [NOBODY])
    for box in upright.boxes:
        assert box_iou(turned(box, quarters)[None], found.boxes).max(initial=0) > 0.5
    assert found.scores.min() >= 0.66
    assert not len(TurnedLook(FOUND)(frame[None], [found])[0].boxes)  # whom somebody knows already
    faint = PersonBoxes(found.boxes, np.full_like(found.scores, 0.4))
    assert len(TurnedLook(FOUND)(frame[None], [faint])[0].boxes)  # and not, who hardly counts


def test_whose_pieces_are_known_is_known_and_nobody_beside_them() -> None:
    """Of somebody near, the tiles of an upright look show a head and a trunk, each for itself."""
    frame = np.ascontiguousarray(np.rot90(PEOPLE, 1))
    (found,) = TurnedLook(FOUND)(frame[None], [NOBODY])
    place = found.boxes[0]
    pieces = np.repeat(place[None], 2, axis=0)
    pieces[0, 3] = pieces[1, 1] = place[1] + 0.35 * (place[3] - place[1])  # the upper and the lower part
    certain = np.full(2, 0.9, np.float32)
    (left,) = TurnedLook(FOUND)(frame[None], [PersonBoxes(pieces, certain)])
    assert len(left.boxes) == len(found.boxes) - 1
    assert not box_iou(place[None], left.boxes).max(initial=0) > 0.5
    narrow = place + (place[2] - place[0]) * np.array([0.28, 0, -0.28, 0], np.float32)
    (left,) = TurnedLook(FOUND)(frame[None], [PersonBoxes(narrow[None], certain[:1])])
    assert not box_iou(place[None], left.boxes).max(initial=0) > 0.5  # boxes in a turn are wide
    thin = place + (place[2] - place[0]) * np.array([0.35, 0, -0.35, 0], np.float32)
    for one in (
        thin[None],
        pieces[:1],
        pieces + place[2] - place[0],
    ):  # a part of them alone; somebody else, beside them
        (left,) = TurnedLook(FOUND)(frame[None], [PersonBoxes(one, certain[: len(one)])])
        assert box_iou(place[None], left.boxes).max() > 0.5


def test_the_witness_tells_of_them_unless_they_are_masked() -> None:
    frame = np.ascontiguousarray(PEOPLE[::-1, ::-1])[None]
    hidden = np.zeros(frame.shape[:3], bool)
    blind, sees = (Witness(SSD.model_copy(update={"turned": turned})) for turned in (False, True))
    assert sees(frame, hidden)[0].scores.max(initial=0) > max(
        0.66, blind(frame, hidden)[0].scores.max(initial=0)
    )
    assert not len(sees(frame, ~hidden)[0].boxes)


def test_whom_a_turned_look_sees_no_upright_one_argues_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was sure of them twice: what is around them, looked at upright, says nothing of them."""
    frames, box = np.zeros((1, 300, 400, 3), np.uint8), np.array([[20, 150, 260, 250]], np.float32)
    lying = PersonBoxes(box, np.full(1, 0.9, np.float32))
    monkeypatch.setattr(CocoSsd, "__call__", lambda self, pictures: [NOBODY] * len(pictures))
    once = iter([[lying]])  # and in no smaller picture
    monkeypatch.setattr(TurnedLook, "__call__", lambda self, pictures, known: next(once, [NOBODY]))
    (found,) = Witness(SSD)(frames, np.zeros(frames.shape[:3], bool))
    assert np.array_equal(found.boxes, box)


def test_nobody_is_nobody_in_any_turn() -> None:
    (nobody,) = TurnedLook(FOUND)(picture("nobody.jpg"), [NOBODY])
    assert not len(nobody.boxes)
