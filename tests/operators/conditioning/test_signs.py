"""A traffic sign stays under `driving`; a plate and a shop's name beside it do not, and the gate asks of those."""

import cv2
import numpy as np
import pytest

from operators.conditioning.paint import paint
from operators.conditioning.redact import Redactor
from operators.gates.text import TextGate
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile

PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
DRIVING = load(Policy, "cluster/policies/driving.yaml")
SIGN, PLATE, SHOP = (40, 20, 200, 180), (260, 180, 480, 230), (260, 40, 600, 100)


def write(
    frame: np.ndarray, place: tuple[int, int, int, int], text: str, colour: tuple[int, int, int]
) -> None:
    """In the middle of x0 y0 x1 y1, as large as fits."""
    x0, y0, x1, y1 = place
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1, 2)
    scale = min(0.8 * (x1 - x0) / width, 0.7 * (y1 - y0) / height)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 3)
    at = (x0 + (x1 - x0 - width) // 2, y0 + (y1 - y0 + height) // 2)
    cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 3, cv2.LINE_AA)


def street(sign: str = "STOP", plate: str = "B AB 1234", shop: str = "BACKHAUS SCHMIDT") -> np.ndarray:
    """uint8 [1,260,640,3]: a red octagon, a white plate, a shop's sign, with this on them."""
    frame = np.full((260, 640, 3), (120, 130, 125), np.uint8)
    x, y = (SIGN[0] + SIGN[2]) / 2, (SIGN[1] + SIGN[3]) / 2
    corners = [(x + 82 * np.cos(a), y + 82 * np.sin(a)) for a in np.pi / 8 + np.arange(8) * np.pi / 4]
    cv2.fillPoly(frame, [np.array(corners, np.int32)], (170, 20, 25))
    write(frame, SIGN, sign, (250, 250, 250))
    for place, text in ((PLATE, plate), (SHOP, shop)):
        if text:
            cv2.rectangle(frame, place[:2], place[2:], (245, 245, 240), -1)
            write(frame, place, text, (20, 20, 20))
    return frame[None]


def part(frame: np.ndarray, place: tuple[int, int, int, int]) -> np.ndarray:
    x0, y0, x1, y1 = place
    return frame[y0 + 10 : y1 - 10, x0 + 10 : x1 - 10]


def where(frames: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Frames with what is painted over in black, of whatever action: that tells where it is."""
    paint(shown := frames.copy(), painted * np.array([0, 1, 1, 1, 1, 1]))
    return shown


@pytest.fixture(scope="module")
def redact() -> Redactor:
    return Redactor(PROFILE, DRIVING)


@pytest.fixture(scope="module")
def gate() -> TextGate:
    return TextGate(PROFILE, DRIVING)


@pytest.mark.parametrize("sign", ["STOP", "YIELD", "HALT", "100"])
def test_a_traffic_sign_stays_and_what_could_name_somebody_does_not(
    sign: str, redact: Redactor, gate: TextGate
) -> None:
    source = street(sign)
    shown = source.copy()
    painted, _ = redact(source, DRIVING.mask)
    paint(shown, painted)
    np.testing.assert_array_equal(part(shown[0], SIGN), part(source[0], SIGN))
    for place in (PLATE, SHOP):
        assert (part(where(source, painted)[0], place) == 0).mean() > 0.6
    (passed,) = gate([shown], source, painted, 0)
    assert passed.passed
    (refused,) = gate([source], source, painted, 0)
    assert not refused.passed and refused.score == 1


def test_what_is_no_traffic_signs_line_is_painted_over_on_one_too(redact: Redactor) -> None:
    source = street("SCHMIDT", "", "")
    shown = where(source, redact(source, DRIVING.mask)[0])
    assert (part(shown[0], SIGN) == 0).mean() > 0.1


def test_a_plate_is_one_though_it_reads_like_a_sign(redact: Redactor) -> None:
    """Letters and digits, four at least: no line of text, whatever the policy excepts of that."""
    rules = [rule.model_dump() for rule in DRIVING.rules]
    rules = [rule | ({"except": ["BAB 1234"]} if rule["what"] == "text" else {}) for rule in rules]
    redact = Redactor(PROFILE, Policy.model_validate(DRIVING.model_dump() | {"rules": rules}))
    source = street("STOP", "B AB 1234", "")
    shown = where(source, redact(source, DRIVING.mask)[0])
    assert (part(shown[0], PLATE) == 0).mean() > 0.6


def test_lines_are_compared_as_they_are_spelled() -> None:
    (rule,) = [rule for rule in DRIVING.rules if rule.what == "text"]
    assert not rule.is_about("Do not enter") and not rule.is_about("ONE-WAY")
    assert rule.is_about("STOPP") and rule.is_about("SCHOOL OF ROCK") and rule.is_about("")
