"""Who was there can be told from a blurred or recoloured copy; strangers and specks cannot be told."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from operators.models.build import segment_model
from operators.models.witnesses.reid import Likeness, crops
from operators.video.encode import decode_bytes, encode_video
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


def test_what_cannot_be_computed_has_no_score(street: tuple) -> None:
    frames, body = street
    likeness = Likeness(PROFILE.likeness.weights)
    with torch.no_grad():
        likeness.network.head.weight[0, 0] = torch.nan
    assert np.isnan(likeness(frames, frames, body)).all()
