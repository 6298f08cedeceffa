"""Writing in scripts that no reader here knows: found, painted over, and looked for in what is published."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from operators.conditioning.paint import paint
from operators.conditioning.redact import Redactor
from operators.gates.text import TextGate
from operators.models.scene.ocr import TextReader
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile
from tests.jobs import here
from tests.writing import street

# Seventeen boards of 240x48 px, one below the other, in nine scripts, set in Noto Sans Bold (OFL) with 24 px.
BOARDS = cv2.imread("tests/scripts.png", cv2.IMREAD_GRAYSCALE).reshape(-1, 48, 240)
PROFILE, DRIVING = (
    load(Profile, "cluster/profiles/embedded.yaml"),
    load(Policy, "cluster/policies/driving.yaml"),
)
NOTHING = np.zeros((0, 6), np.int32)


@pytest.fixture(scope="module", autouse=True)
def _readers_are_loaded_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        here.models_once(patch)
        yield


def shown(number: int, frames: int = 1) -> np.ndarray:
    """uint8 [T,192,320,3]: a street with one of the boards, and no other writing."""
    scene = street(frames, sign="", plate="")
    paper = BOARDS[number] != 128
    scene[:, 120:168, 40:280][:, paper] = BOARDS[number][paper][:, None]
    return scene


def test_every_script_is_seen_as_writing() -> None:
    read = TextReader(PROFILE.text)
    found = [read(shown(number))[0] for number in range(len(BOARDS))]
    assert all(len(one.texts) + len(one.unread) for one in found)
    unread = [number for number, one in enumerate(found) if len(one.unread)]
    assert len(unread) >= 3  # or what follows says nothing
    assert not len(read(street(1, sign="", plate=""))[0].unread)


@pytest.mark.parametrize("number", range(len(BOARDS)))
def test_no_script_is_released(number: int) -> None:
    frames = shown(number, 2)
    painted, _ = Redactor(PROFILE, DRIVING)(frames, DRIVING.mask)
    paint(covered := frames.copy(), painted)
    ink = BOARDS[number] == BOARDS.min()
    was, now = (some[:, 120:168, 40:280][:, ink].astype(int) for some in (frames, covered))
    assert (np.abs(now - was).max(axis=-1) > 30).all()
    gate = TextGate(PROFILE, DRIVING)
    assert gate([covered], frames, painted, 0)[0].passed


def blurred(frames: np.ndarray) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 8) for frame in frames])


UNREAD = 1  # an Arabic plate, of which the reader knows no letter
LEFT: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "as it was": (lambda frames: frames, False),
    "paler": (lambda frames: (frames * 0.7 + 50).astype(np.uint8), False),
    "with noise": (
        lambda frames: np.clip(frames + np.random.default_rng(0).normal(0, 12, frames.shape), 0, 255).astype(
            np.uint8
        ),
        False,
    ),
    "blurred": (blurred, True),
    "gone": (lambda frames: street(len(frames), sign="", plate=""), True),
    "another": (lambda frames: shown(2, len(frames)), True),
}


@pytest.mark.parametrize("case", LEFT)
def test_the_gate_looks_for_lines_that_nobody_reads(case: str) -> None:
    change, passes = LEFT[case]
    source = shown(UNREAD, 2)
    assert len(TextReader(PROFILE.text)(source[:1])[0].unread)
    (gate,) = TextGate(PROFILE, DRIVING)([change(source)], source, NOTHING, 0)
    assert gate.passed == passes, gate
