"""How far fingers are bent, by the points of a hand, and what a bent finger looks like."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from operators.actor.actor import actor, draw
from operators.actor.body.body import make_body, template
from operators.actor.drawing.garments import Figure, dress
from operators.actor.looks.sampling import sample_looks
from operators.actor.motion.fingers import bent_fingers

# A hand's points in palms, x to the little finger's side and y to the tips: wrist, thumb, and four fingers of four.
_KNUCKLES = np.array([[-0.3, 0.95], [0.0, 1.0], [0.25, 0.95], [0.45, 0.85]])
_LENGTHS = np.array([0.85, 0.92, 0.85, 0.68])


def hand(bent: list[bool], turn: float = 0.0, size: float = 40.0) -> np.ndarray:
    """float32 [21,3] px, score 1; of a bent finger the tip lies in the palm."""
    points = [np.zeros(2)]
    thumb = np.array([[-0.35, 0.25], [-0.55, 0.55], [-0.75, 0.8], [-0.9, 1.0]])
    points += list(
        thumb if not bent[0] else np.array([[-0.35, 0.25], [-0.4, 0.5], [-0.2, 0.65], [0.05, 0.7]])
    )
    for knuckle, length, closed in zip(_KNUCKLES, _LENGTHS, bent[1:], strict=True):
        steps = [0, 0.45, 0.72, 1.0] if not closed else [0, 0.2, 0.0, -0.2]
        points += [knuckle + np.array([0, length * step]) for step in steps]
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([np.array(points) @ spin.T * size + 200, np.ones(21)]).astype(np.float32)


def joints(*hands: np.ndarray | None) -> np.ndarray:
    """float32 [N,59,3]: of each frame a left hand, or none."""
    found = np.zeros((len(hands), 59, 3), np.float32)
    for row, one in zip(found, hands, strict=True):
        if one is not None:
            row[17:38] = one
    return found


SIGNS = {
    "open": [False] * 5,
    "fist": [True] * 5,
    "pointing": [True, False, True, True, True],
    "two": [True, False, False, True, True],
    "thumb up": [False, True, True, True, True],
}


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("turn", [0.0, 2.0, 4.0])
def test_signs_are_told_apart(sign: str, turn: float) -> None:
    bent = bent_fingers(joints(*[hand(SIGNS[sign], turn)] * 5))[2, :5]
    assert ((bent > 0.5) == np.array(SIGNS[sign])).all()
    assert (bent[SIGNS[sign]] > 0.8).all() and (bent[~np.array(SIGNS[sign])] < 0.25).all()


def test_between_two_sights_of_a_hand_it_is_on_the_way() -> None:
    seen = [hand(SIGNS["open"]), *[None] * 8, hand(SIGNS["fist"])]
    bent = bent_fingers(joints(*seen))[:, 1]
    assert (np.diff(bent) >= 0).all() and bent[0] < 0.3 and bent[-1] > 0.7 and np.diff(bent).max() < 0.3


def test_a_hand_that_nobody_saw_is_at_ease_and_so_is_one_of_three_knuckles_or_of_no_size() -> None:
    knuckles = hand(SIGNS["fist"])
    knuckles[[*range(5), *range(6, 17), *range(18, 21)], 2] = 0
    flat = np.ones((21, 3), np.float32)
    ease = bent_fingers(joints(None, None))
    assert (ease > 0).all() and (ease < 0.5).all()
    for unseen in (joints(knuckles, knuckles), joints(flat, flat), np.zeros((2, 17, 3), np.float32)):
        np.testing.assert_array_equal(bent_fingers(unseen), ease)


@pytest.fixture(scope="module")
def figure() -> Figure:
    looks = sample_looks(3, 30)
    return dress(make_body(looks.identity.shape), looks)


def test_all_ten_fingers_have_flesh_of_their_own(figure: Figure) -> None:
    fingers = [one.vertices.tolist() for one in figure.fingers]
    assert len(fingers) == 10 and all(len(one) > 100 for one in fingers)
    assert len({*chain(*fingers)}) == sum(map(len, fingers))
    lengths = [round(one.length, 3) for one in figure.fingers]
    assert lengths[:5] == pytest.approx(lengths[5:], abs=0.003) and max(lengths) < 0.16
    assert lengths[2] == max(lengths[1:5])  # the middle one


@pytest.mark.parametrize("number", range(10))
def test_a_finger_bends_into_the_palm_and_keeps_its_length(figure: Figure, number: int) -> None:
    """No other vertex moves, and straight it is as it was."""
    finger = figure.fingers[number]
    for share in (0.0, 0.5, 1.0):
        vertices, normals = figure.vertices.clone(), figure.normals.clone()
        finger.bend(vertices, normals, share)
        still = torch.ones(len(vertices), dtype=torch.bool)
        still[finger.vertices] = False
        assert torch.equal(vertices[still], figure.vertices[still])
        assert torch.allclose(normals.norm(dim=1), figure.normals.norm(dim=1), atol=1e-4)
        moved = vertices[finger.vertices] - figure.vertices[finger.vertices]
        assert moved.norm(dim=1).max() < 1.6 * finger.length
        if share == 0:
            assert moved.abs().max() < 1e-5
        else:
            tip = ((figure.vertices[finger.vertices] - finger.root) @ finger.axis).argmax()
            before, after = (one[finger.vertices][tip] - finger.root for one in (figure.vertices, vertices))
            assert after @ finger.axis < before @ finger.axis and moved[tip] @ finger.palm > 0


def test_what_a_hand_does_is_drawn(street_joints: np.ndarray) -> None:
    """And nothing else changes."""
    boxes = np.tile(np.array([100, 20, 300, 460], np.float32), (len(street_joints), 1))
    made = actor(street_joints, boxes, (480, 400), 25, 5)
    assert made is not None
    pictures = []
    for share in (0, 1):
        bent = np.zeros((len(street_joints), 10), np.float32)
        bent[:, :5] = share
        moved = replace(made, motion=replace(made.motion, fingers=bent))
        pictures.append(draw(moved, 2, box=(0, 0, 400, 480))[1].rgba)
    y, x = np.nonzero(np.abs(pictures[0] - pictures[1]).max(axis=2) > 0.1)
    wrist = street_joints[2, 9, :2]
    assert len(y) > 30 and np.hypot(x - wrist[0], y - wrist[1]).max() < 60


@pytest.fixture
def street_joints() -> np.ndarray:
    """float32 [5,59,3]: somebody who stands, arms a little off the body."""
    places = [
        (200, 60),
        (206, 54),
        (194, 54),
        (213, 58),
        (187, 58),
        (235, 110),
        (165, 110),
        (255, 170),
        (145, 170),
    ]
    places += [(270, 225), (130, 225), (222, 240), (178, 240), (224, 340), (176, 340), (225, 435), (175, 435)]
    found = np.zeros((5, 59, 3), np.float32)
    found[:, :17] = np.column_stack([np.array(places), np.full(17, 0.9)])
    return found


def test_the_template_is_cut_into_fingers_alike_on_both_sides() -> None:
    sizes = [len(own) for own, *_ in template().fingers]
    assert sizes[:5] == sizes[5:]
