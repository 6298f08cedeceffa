"""Hands of drawn actors, whose fingers do what is known, as the network of real hands sees them."""

from pathlib import Path

import numpy as np
import pytest

from operators.actor.body.body import make_body
from operators.actor.body.skeleton import ANGLES, USUAL
from operators.actor.drawing.draw import draw
from operators.actor.drawing.garments import dress
from operators.actor.looks.persona import follow
from operators.actor.motion.fingers import bent_fingers
from operators.actor.motion.solve import Camera
from operators.models.people.hands import HandLook
from schemas.actor import Light

HAND = Path(__file__).parents[4] / "cluster/weights/embedded/cues/hand.onnx"
NOWHERE = np.zeros((2, 2), np.float32)
# Degrees of shoulders, elbows and forearms' twist: palms to the camera and from it.
HELD = [(20, 130, -60, 40), (20, 130, 60, 40), (40, 110, 0, 50), (0, 140, -90, 60)]


@pytest.fixture(scope="module")
def look() -> HandLook:
    return HandLook(HAND)


def shown(bent: list[float], held: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture uint8 [480,640,3] of somebody who holds both hands so, and their joints [17,3]."""
    looks = follow("adult, short-sleeved blue top", 7)
    body = make_body(looks.identity.shape)
    angles = USUAL[None].copy()
    for name, degrees in zip(("sflex", "elb", "pron", "sabd"), held, strict=True):
        angles[0, [ANGLES.index(name + side) for side in "LR"]] = np.radians(degrees)
    pose, root = body.skeleton.pose(np.zeros(1), angles), np.array([0.0, 2.0, -0.35])
    camera = Camera(700, (320, 240))
    args = pose.rotations[0], pose.heads[0], root, camera, (0, 0, 640, 480), Light(), bent * 2
    drawn = draw(dress(body, looks), *args).rgba
    picture = drawn[..., :3] * drawn[..., 3:] + 0.6 * (1 - drawn[..., 3:])
    places = camera.project(pose.joints[0, :17] + root)
    return (picture.clip(0, 1) * 255).astype(np.uint8), np.column_stack([places, [0.9] * 17]).astype(
        np.float32
    )


def seen(look: HandLook, bent: list[float], held: tuple[int, int, int, int]) -> np.ndarray:
    """[2,5]: how far the fingers are bent that are seen."""
    picture, joints = shown(bent, held)
    hands = look(picture, joints, NOWHERE)
    assert (hands[..., 2] > 0.4).all()
    assert np.linalg.norm(hands[:, 0, :2] - joints[9:11, :2], axis=1).max() < 20
    return bent_fingers(np.concatenate([joints, hands.reshape(42, 3)])[None]).reshape(2, 5)


def test_what_fingers_do_is_seen(look: HandLook) -> None:
    """Thumbs are left out, whose bending shows little."""
    straight, fist, pointing = (
        np.stack([seen(look, bent, held)[:, 1:] for held in HELD])
        for bent in ([0.0] * 5, [1.0] * 5, [1.0, 0.0, 1.0, 1.0, 1.0])
    )
    assert straight.mean() < 0.2 and fist.mean() > 0.55
    assert pointing[..., 0].mean() < 0.3 and pointing[..., 1:].mean() > 0.65


def test_where_no_hand_is_none_is_seen(look: HandLook) -> None:
    picture, joints = shown([0.0] * 5, HELD[0])
    for frame in (
        np.full_like(picture, 150),
        np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8),
    ):
        assert not look(frame, joints, NOWHERE).any()


def test_nobody_looks_where_no_wrist_is_known_or_all_is_small(look: HandLook) -> None:
    picture, joints = shown([0.0] * 5, HELD[0])
    hidden = joints.copy()
    hidden[9, 2] = 0.1
    hands = look(picture, hidden, NOWHERE)
    assert not hands[0].any() and hands[1].any()
    small = joints.copy()
    small[:, :2] *= 0.05
    assert not look(picture, small, NOWHERE).any()


def test_a_hand_at_the_pictures_edge_is_no_error(look: HandLook) -> None:
    picture, joints = shown([0.0] * 5, HELD[0])
    for x, y in ((-300, 0), (0, -200), (400, 300)):
        moved = joints.copy()
        moved[:, :2] += [x, y]
        assert np.isfinite(look(picture, moved, NOWHERE)).all()
