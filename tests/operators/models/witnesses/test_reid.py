"""Who was there can be told from a blurred or recoloured copy; strangers and specks cannot be told."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from operators.gates.reid import not_recognised
from operators.models.build import segment_model
from operators.models.witnesses.reid import Likeness, _chin, crops
from operators.video.encode import decode_bytes, encode_video
from schemas.clip import Person
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile

PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
GATES = load(Policy, "cluster/policies/driving.yaml").gates
FRAMES = 5


@pytest.fixture(scope="module")
def likeness() -> Likeness:
    return Likeness(PROFILE.likeness.weights)


@pytest.fixture(scope="module")
def street() -> tuple[np.ndarray, np.ndarray]:
    """Frames of the sample video, and where people are in them."""
    with av.open(str(Path("tests/data/street.mp4"))) as container:
        frames = np.stack(
            [
                f.to_ndarray(format="rgb24")
                for f, _ in zip(container.decode(video=0), range(FRAMES), strict=False)
            ]
        )
    found = segment_model(PROFILE.segment, "cpu")(frames)
    body = np.zeros(frames.shape[:3], bool)
    for t, people in enumerate(found):
        for mask, score in zip(people.masks, people.scores, strict=True):
            body[t] |= (score >= 0.5) & mask.within(0, 0, body.shape[1], body.shape[2])
    assert len(crops(body[0])) >= 2
    return frames, body


def recoded(frames: np.ndarray) -> np.ndarray:
    times = list(range(len(frames)))
    return decode_bytes(encode_video(frames, times, Fraction(1, 12), Fraction(12), 30, "veryfast"))


@pytest.mark.parametrize("hidden", ["nothing", "coded anew", "blurred", "pixelated", "darker"])
def test_who_is_only_hidden_is_recognised(likeness: Likeness, street: tuple, hidden: str) -> None:
    frames, body = street
    height, width = frames.shape[1:3]
    shown = {
        "nothing": lambda: frames,
        "coded anew": lambda: recoded(frames),
        "blurred": lambda: np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in frames]),
        "pixelated": lambda: np.stack(
            [
                cv2.resize(
                    cv2.resize(f, (width // 8, height // 8), interpolation=cv2.INTER_AREA),
                    (width, height),
                    interpolation=cv2.INTER_NEAREST,
                )
                for f in frames
            ]
        ),
        "darker": lambda: (frames * 0.85).astype(np.uint8),
    }[hidden]()
    whole, _ = likeness(np.where(body[..., None], shown, frames), frames, body)
    assert whole > GATES.body_likeness


def test_another_person_in_the_same_place_is_a_stranger(likeness: Likeness, street: tuple) -> None:
    """Every person's pixels are replaced by another one's of the same frame, scaled into the same box."""
    frames, body = street
    swapped = frames.copy()
    for t, frame in enumerate(frames):
        people = crops(body[t])
        for crop, other in zip(people, people[1:] + people[:1], strict=True):
            x0, y0, x1, y1 = crop.box
            a0, b0, a1, b1 = other.box
            picture = cv2.resize(frame[b0:b1, a0:a1], (x1 - x0, y1 - y0))
            swapped[t, y0:y1, x0:x1][crop.mask] = picture[crop.mask]
    whole, head = likeness(swapped, frames, body)
    assert whole < GATES.body_likeness and head < GATES.head_likeness


def test_nobody_large_enough_is_nobody(likeness: Likeness, street: tuple) -> None:
    frames, body = street
    speck = np.zeros_like(body)
    speck[:, :20, :20] = True
    assert likeness(frames, frames, speck) == likeness(frames, frames, np.zeros_like(body)) == (-1.0, -1.0)


def test_a_sliver_along_an_edge_is_nobody(likeness: Likeness, street: tuple) -> None:
    """What is beside somebody is scenery, which may stay; an outline of it has nobody's looks."""
    frames, body = street
    edge = np.zeros_like(body)
    edge[:, 20:140, 10:14], edge[:, 138:140, 10:90] = True, True
    assert likeness(frames, frames, edge) == (-1.0, -1.0)


def test_what_cannot_be_computed_has_no_score(street: tuple) -> None:
    frames, body = street
    likeness = Likeness(PROFILE.likeness.weights)
    with torch.no_grad():
        likeness.network.head.weight[0, 0] = torch.nan
    assert np.isnan(likeness(frames, frames, body)).all()


def touching(street: tuple) -> tuple[np.ndarray, np.ndarray, list[Person]]:
    """Frames in which two people stand so close that their masks are one part, and their places."""
    frames, body = street
    left, right = sorted(crops(body[0]), key=lambda crop: -crop.mask.sum())[:2]
    height = max(len(left.mask), len(right.mask))
    scene, mask = np.full((1, height, 400, 3), 90, np.uint8), np.zeros((1, height, 400), bool)
    boxes, x = [], 10
    for crop in (left, right):
        x0, y0, x1, y1 = crop.box
        held = slice(height - (y1 - y0), height), slice(x, x + x1 - x0)
        scene[0][held][crop.mask] = frames[0, y0:y1, x0:x1][crop.mask]
        mask[0][held] |= crop.mask
        boxes.append((held[1].start, held[0].start, held[1].stop, held[0].stop))
        x = held[1].stop - 2
    mask[0, -3:, boxes[0][0] : boxes[1][2]] = True  # they touch, at the feet at least
    assert len(crops(mask[0])) == 1
    nobody = np.zeros((1, 17, 3), np.float32)
    return scene, mask, [Person(n, 0, np.array([box], np.float32), nobody) for n, box in enumerate(boxes)]


def test_who_is_still_there_cannot_hide_among_others(likeness: Likeness, street: tuple) -> None:
    scene, mask, people = touching(street)
    shown = np.where(mask[..., None], np.uint8(200) - scene // 2, scene)
    x0, y0, x1, y1 = people[1].boxes[0].astype(int)
    shown[0, y0:y1, x0:x1] = scene[0, y0:y1, x0:x1]
    assert likeness(shown, scene, mask)[0] < GATES.body_likeness  # as one they are another
    assert likeness(shown, scene, mask, people)[0] > GATES.body_likeness


def test_strangers_who_touch_are_strangers(likeness: Likeness, street: tuple) -> None:
    """Told apart, each is still a person's pixels, of whom another stands there now."""
    scene, mask, people = touching(street)
    apart = crops(mask[0], np.array([one.boxes[0] for one in people]).astype(int))
    assert sum(crop.mask.sum() for crop in apart) >= 0.95 * mask.sum()
    whole, head = likeness(np.uint8(200) - scene // 2, scene, mask, people)
    assert whole < GATES.body_likeness and head < GATES.head_likeness


def test_what_lies_between_heads_is_no_head(likeness: Likeness, street: tuple) -> None:
    """A piece of background between two people who touch is the source's, and neither's head."""
    _scene, mask, people = touching(street)
    apart = [crop.box for crop in crops(mask[0], np.array([one.boxes[0] for one in people]).astype(int))]
    assert len(apart) == 2
    for box, person in zip(apart, people, strict=True):
        assert np.abs(np.array(box) - person.boxes[0]).max() <= 4


def test_who_has_no_box_is_looked_at_beside_those_who_have_one(street: tuple) -> None:
    _, mask, people = touching(street)
    first = people[0].boxes[0].astype(int)
    beyond = np.zeros_like(mask[0])
    for crop in crops(mask[0], np.stack([first, np.add(first, (1, 0, 1, 0))])):  # both are the first one's
        x0, y0, x1, y1 = crop.box
        beyond[y0:y1, x0:x1] |= crop.mask
    assert beyond[:, first[2] + 2 :][mask[0][:, first[2] + 2 :]].mean() > 0.9


def test_boxes_that_cut_somebody_into_small_parts_hide_nobody(likeness: Likeness, street: tuple) -> None:
    """Two short boxes on one tall body: neither holds enough to be compared, and the body does."""
    frames, body = street
    crop = max(crops(body[0]), key=lambda one: one.mask.sum())
    x0, y0, x1, y1 = crop.box
    small = 44 / (y1 - y0) * 2  # the body becomes 88 px tall
    size = max(1, round((x1 - x0) * small)), 88
    scene, mask = np.full((1, 100, 100, 3), 90, np.uint8), np.zeros((1, 100, 100), bool)
    held = cv2.resize(crop.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    mask[0, 4:92, 10 : 10 + size[0]] = held
    scene[0, 4:92, 10 : 10 + size[0]] = cv2.resize(frames[0, y0:y1, x0:x1], size)
    nobody = np.zeros((1, 17, 3), np.float32)
    halves = [(10, 4, 10 + size[0], 48), (10, 48, 10 + size[0], 92)]
    people = [Person(n, 0, np.array([box], np.float32), nobody) for n, box in enumerate(halves)]
    assert likeness(scene, scene, mask, people)[0] > GATES.body_likeness


def test_a_part_of_somebody_is_compared_with_them(likeness: Likeness, street: tuple) -> None:
    """A strip of wall that a detector boxed beside a body stays the wall it was, and is nobody by itself."""
    _, body = street
    x0, y0, x1, y1 = max(crops(body[0]), key=lambda one: one.mask.sum()).box
    strip = np.zeros_like(body[0])
    strip[y0:y1, max(0, x0 - 30) : x0 - 4] = True
    mask = body[0] & ~strip
    mask[:, : x0 - 4] = False
    apart = crops(mask | strip, np.array([(x0 - 30, y0, x1, y1)]))
    assert [crop.box for crop in apart if crop.box[0] < x0] == [(max(0, x0 - 30), y0, x1, y1)]
    assert len(crops(mask | strip)) == len(apart) + 1  # without a box it could be anybody's


def face_in(frames: int, width: int, height: int, score: float = 0.9, drop: float = 0.5) -> Person:
    """Somebody whose face is in the middle of a frame, a third of it wide."""
    x, y, ear = width / 2, drop * height, width / 6
    points = np.zeros((frames, 17, 3), np.float32)
    points[:, :5, :2] = [
        (x, y + 0.3 * ear),
        (x + 0.4 * ear, y),
        (x - 0.4 * ear, y),
        (x + ear, y),
        (x - ear, y),
    ]
    points[:, :5, 2] = score
    boxes = np.tile(np.array([0, 0, width, height], np.float32), (frames, 1))
    return Person(1, 0, boxes, points)


def test_of_a_face_that_fills_the_frame_the_whole_face_is_compared() -> None:
    """Of two strangers' hair, which is all that the upper part of a close-up shows, one is like the other."""
    (crop,) = crops(np.ones((120, 90), bool))
    chin = _chin([face_in(1, 90, 120)], 0, crop.box)
    assert 60 + 15 < chin < 120
    assert len(crop.head(chin).mask) == chin
    for nobody in ([], [face_in(1, 90, 120, score=0.2)]):
        assert len(crop.head(_chin(nobody, 0, crop.box)).mask) == len(crop.head().mask) == 26
    assert _chin([face_in(1, 90, 120)], 3, crop.box) == 0
    elsewhere = crops(np.pad(np.ones((60, 30), bool), ((0, 60), (0, 60))))[0]
    assert _chin([face_in(1, 90, 120)], 0, elsewhere.box) == 0


@pytest.mark.parametrize("hidden", ["nothing", "blurred", "darker"])
def test_a_face_that_fills_the_frame_and_is_only_hidden_is_recognised(
    likeness: Likeness, street: tuple, hidden: str
) -> None:
    frames, body = street
    crop = max(crops(body[0]), key=lambda one: one.mask.sum())
    x0, y0, x1, y1 = crop.box
    y1 = y0 + (y1 - y0) // 3
    near = np.stack([cv2.resize(f[y0:y1, x0:x1], (180, 240), interpolation=cv2.INTER_CUBIC) for f in frames])
    shown = {
        "nothing": near,
        "blurred": np.stack([cv2.GaussianBlur(frame, (0, 0), 6) for frame in near]),
        "darker": (near * 0.7).astype(np.uint8),
    }[hidden]
    whole = np.ones(near.shape[:3], bool)
    _, head = likeness(shown, near, whole, [face_in(len(near), 180, 240, drop=0.4)])
    assert head > GATES.head_likeness


def test_through_haze_strangers_are_told_apart_and_who_is_blurred_is_recognised(
    likeness: Likeness, street: tuple
) -> None:
    frames, body = street
    frames = np.clip((frames - 60.0) * 2, 0, 255)  # its black is gray, as it is
    others = np.where(body[..., None], 255 - frames, frames)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in frames])
    hazy, others, blurred = (
        np.round(0.3 * one + 0.7 * 205).astype(np.uint8) for one in (frames, others, blurred)
    )
    assert likeness(others, hazy, body, [])[0] > GATES.body_likeness  # all alike as they are
    stranger, same = (not_recognised(likeness, one, hazy, body, [], GATES)[0] for one in (others, blurred))
    assert stranger.passed and not same.passed
