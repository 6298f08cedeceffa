"""Whom a tile shows a piece of: looked at again with more around it, they stand, are whole, or were nobody."""

import numpy as np
import pytest

from operators.models.boxes import shared_area
from operators.models.known_answer import picture
from operators.models.people.coco_ssd import CocoSsd
from operators.models.witnesses.context_look import ContextLook
from operators.models.witnesses.turned import TurnedLook
from schemas.config import load
from schemas.cues import PersonBoxes
from schemas.profile import Profile

SSD = load(Profile, "cluster/profiles/embedded.yaml").witness
FOUND = CocoSsd(SSD.weights, SSD.confidence)
PEOPLE = picture("people.jpg")[0]
FRAME = np.zeros((400, 600, 3), np.uint8)
BOX, NEAR, SMALL = [200, 100, 320, 220], [180, 90, 310, 215], [200, 100, 280, 190]
WHOLE, APART, CUT = [150, 60, 368, 268], [340, 60, 368, 268], [150, 42, 368, 268]
NOTHING = np.zeros(FRAME.shape[:2], bool)


def people(*boxes: list[float], score: float = 0.9) -> PersonBoxes:
    return PersonBoxes(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), score, np.float32))


class Sees:
    """A detector that sees the same in every picture, as boxes of the frame; and where it was shown what."""

    def __init__(self, *boxes: list[float], score: float = 0.9) -> None:
        self.found, self.shown = people(*boxes, score=score), []

    def __call__(self, pictures: np.ndarray) -> list[PersonBoxes]:
        self.shown.append(pictures.shape)
        place = np.array([140, 40, 140, 40], np.float32)  # of the picture twice the size of BOX
        return [PersonBoxes(self.found.boxes - place, self.found.scores)]


def looked(
    seen: Sees,
    found: PersonBoxes,
    hidden: np.ndarray = NOTHING,
    lying: Sees | None = None,
    least: float = 0.0,
) -> PersonBoxes:
    look = ContextLook(FOUND, TurnedLook(FOUND), least)
    look.detect = seen
    look.lying = lying
    return look(FRAME, found, hidden)


@pytest.mark.parametrize(
    ("seen", "stands"),
    [
        (Sees(BOX), [BOX]),
        (Sees(WHOLE), [WHOLE]),  # of whom the box was a part
        (Sees(APART), []),
        (Sees(), []),
        (Sees(WHOLE, score=0.4), []),  # two faint views that differ are furniture
        (Sees(BOX, score=0.3), [BOX]),  # and two that do not are somebody
        (Sees(CUT), [BOX]),  # somebody larger, whom nobody knows yet
        (Sees(NEAR), [NEAR]),  # the same, better framed
        (Sees(NEAR, score=0.4), [BOX]),  # or not surely so
    ],
)
def test_a_box_stands_for_whom_the_second_look_sees(seen: Sees, stands: list[list[int]]) -> None:
    kept = looked(seen, people(BOX, score=0.45))
    assert kept.boxes.tolist() == stands and kept.scores == pytest.approx(0.45)  # never surer than before


def test_a_piece_of_somebody_known_is_judged_with_them() -> None:
    around, hidden = [100, 20, 500, 390], NOTHING.copy()
    hidden[20:390, 100:500], hidden[100:220, 200:320] = True, False
    assert looked(Sees(CUT), people(BOX, around), hidden).boxes.tolist() == [around]
    faint = looked(Sees(CUT), people(BOX, around, score=0.4), hidden)
    assert faint.boxes.tolist() == [BOX, around], "who is faint is not known"


def test_who_is_small_or_accounted_for_is_not_looked_at_again() -> None:
    nobody = Sees()
    assert looked(nobody, people(SMALL)).boxes.tolist() == [SMALL]
    assert looked(nobody, people(BOX), ~NOTHING).boxes.tolist() == [BOX]
    assert not nobody.shown and not len(looked(nobody, people()).boxes)


def test_who_lies_is_seen_in_a_turn() -> None:
    assert looked(Sees(), people(BOX), lying=Sees(BOX)).boxes.tolist() == [BOX]
    assert not len(looked(Sees(), people(BOX), lying=Sees()).boxes)


def test_the_same_place_is_looked_at_once() -> None:
    """As often as masks grow, and in a clip's next try; another picture is another place."""
    look, shown = ContextLook(FOUND, TurnedLook(FOUND)), list[int]()
    look.detect.detect = lambda pictures: (shown.append(len(pictures)), [people()] * len(pictures))[1]
    look.lying.detect = lambda pictures: (shown.append(-len(pictures)), [people(BOX)] * len(pictures))[1]
    for growth in range(3):
        hidden = NOTHING.copy()
        hidden[:growth] = True
        look(FRAME, people(BOX), hidden)
    assert shown == [1, -1]
    look(FRAME + np.uint8(1), people(BOX), NOTHING)
    assert shown == [1, -1] * 2


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_real_people_stand_and_a_wall_beside_them_does_not(turns: int) -> None:
    """Boxes of real people, upright and not; and one of the same size where nobody is."""
    frame = np.ascontiguousarray(np.rot90(PEOPLE, turns))
    hidden = np.zeros(frame.shape[:2], bool)
    (upright,) = CocoSsd(SSD.weights, 0.9, tile=1 << 30)(PEOPLE[None])
    large = upright.boxes[(upright.boxes[:, 2:] - upright.boxes[:, :2]).max(axis=1) >= 96]
    assert len(large) >= 2
    height, width = PEOPLE.shape[:2]
    x0, y0, x1, y1 = large.clip(0).T
    turned = [
        (x0, y0, x1, y1),
        (y0, width - x1, y1, width - x0),
        (width - x1, height - y1, width - x0, height - y0),
    ]
    boxes = np.stack(turned[turns], axis=1).astype(np.float32)
    kept = ContextLook(FOUND, TurnedLook(FOUND))(
        frame, PersonBoxes(boxes, np.full(len(boxes), 0.5, np.float32)), hidden
    )
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    assert (shared_area(boxes, kept.boxes).max(axis=1) >= 0.7 * areas).all()
    nobody = picture("nobody.jpg")[0]
    empty = people([20.0, 20.0, 130.0, 180.0])
    assert not len(
        ContextLook(FOUND, TurnedLook(FOUND))(nobody, empty, np.zeros(nobody.shape[:2], bool)).boxes
    )


def test_whoever_decides_nothing_is_not_looked_at_twice_and_who_does_is_seen_as_ever() -> None:
    scores = np.array([0.3, 0.4, 0.41, 0.9], np.float32)
    found = PersonBoxes(np.array([BOX, NEAR, BOX, NEAR], np.float32), scores)
    every, fewer = (Sees(APART) for _ in range(2))
    kept, decided = looked(every, found), looked(fewer, found, least=0.4)
    assert (len(every.shown), len(fewer.shown)) == (4, 2)
    assert not len(kept.boxes)
    assert decided.scores.tolist() == scores[:2].tolist()  # no more than what decides
