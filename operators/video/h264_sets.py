"""The parameter sets of an H.264 stream, bit by bit: every field known, every free one within what an encoder needs.

Syntax of ITU-T H.264, 7.3.2.1 (sequence) and 7.3.2.2 (picture). A decoder ignores much of them, so a picture or a name
would fit; here each bit is either due, or a small number that a decoder needs.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from operators.video.bits import SMALL, Bits

_HIGH = (100, 244)  # profiles with fields of their own: High, and High 4:4:4 Predictive for odd sizes
_PROFILES = (66, 77, *_HIGH)
# Width of a pixel by its height, by its number; what is none of these is written out. ITU-T H.264, table E-1.
_ASPECTS = [Fraction(1), Fraction(1), *(Fraction(*each) for each in (
    (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33), (18, 11), (15, 11), (64, 33),
    (160, 99), (4, 3), (3, 2), (2, 1),
))]  # fmt: skip
_WRITTEN_OUT = 255
_SIDE = 1 << 12  # macroblocks


@dataclass(frozen=True)
class Sequence:
    """What a sequence parameter set says. `tick` / `scale` is half of a unit of time in seconds, `aspect` a pixel's.
    Slices count their frames in `frame_bits`."""

    profile: int
    chroma: int
    frame_bits: int
    width: int
    height: int
    tick: int
    scale: int
    aspect: Fraction


class _Fields(Bits):
    """Bits of a unit of parameters behind its header byte. Raises ValueError for what is not due."""

    def __init__(self, unit: bytes, kind: int) -> None:
        body = re.sub(rb"\x00\x00\x03(?=[\x00-\x03])", b"\0\0", unit)
        if unit[:1] != bytes([0x60 | kind]) or _escaped(body) != unit:
            raise ValueError(f"no unit of type {kind}")
        super().__init__(body[1:])


def read_sequence(unit: bytes) -> Sequence:
    """Read an SPS. Raises ValueError unless it is one as our encoder writes it, and nothing else."""
    bits = _Fields(unit, 7)
    profile, chroma = _profile(bits)
    frame_bits = 4 + bits.ue(13)
    if bits.ue(3) != 2:
        raise ValueError("pictures that are shown in another order than they come in")
    bits.ue(17)
    bits.due(1)
    wide, high = _sides(bits, chroma)
    bits.due(1, 1)  # and more, on display and time
    aspect = _aspect(bits) if bits.u(1) else Fraction(1)
    bits.due(1)
    bits.due(1 + 3 + 1 + 1 + 24, 0b1_101_0_1 << 24 | 0x010101)  # limited range, BT.709
    bits.due(2, 0b01)
    tick, scale = bits.u(32), bits.u(32)
    bits.u(1)
    bits.due(3)
    bits.due(2, 0b11)
    for below in (1, 1, SMALL, SMALL, 1, 17):
        bits.ue(below)
    bits.end()
    return Sequence(profile, chroma, frame_bits, wide, high, tick, scale, aspect)


def _profile(bits: Bits) -> tuple[int, int]:
    """The profile, and how chroma is sampled."""
    profile, chroma = bits.u(8), 1
    if profile not in _PROFILES:
        raise ValueError("an unknown profile")
    bits.u(6)  # constraints, reserved, level
    bits.due(2)
    bits.u(8)
    bits.ue(1)
    if profile in _HIGH:
        chroma = bits.ue(4)
        if chroma == 3:
            bits.due(1)
        bits.ue(1)  # 8 bits each, lossless or not, no scaling lists
        bits.ue(1)
        bits.u(1)
        bits.due(1)
    return profile, chroma


def _sides(bits: Bits, chroma: int) -> tuple[int, int]:
    """Width and height, px: of whole macroblocks, cropped by less than one, so no picture fits beside the picture."""
    wide, high = 16 * (bits.ue(_SIDE) + 1), 16 * (bits.ue(_SIDE) + 1)
    bits.due(2, 0b11)  # no interlacing
    if bits.u(1):
        unit_size = 2 if chroma == 1 else 1
        bits.ue(1)
        wide -= bits.ue(-(-16 // unit_size)) * unit_size
        bits.ue(1)
        high -= bits.ue(-(-16 // unit_size)) * unit_size
    return wide, high


def _aspect(bits: Bits) -> Fraction:
    """A pixel that is not square, in the one way in which an encoder writes it."""
    number = bits.u(8)
    if number != _WRITTEN_OUT:
        if not 2 <= number < len(_ASPECTS):
            raise ValueError("an unknown shape of pixels")
        return _ASPECTS[number]
    width, height = bits.u(16), bits.u(16)
    if not height or Fraction(width, height).as_integer_ratio() != (width, height):
        raise ValueError("a shape of pixels that is not due")
    if not width or Fraction(width, height) in _ASPECTS:
        raise ValueError("a shape of pixels that has a number")
    return Fraction(width, height)


def check_picture(unit: bytes) -> int:
    """The first quantizer of slices. Raises ValueError unless `unit` is a PPS as our encoder writes it, and nothing
    else."""
    bits = _Fields(unit, 8)
    bits.ue(1)  # CAVLC: see h264_slices.py
    bits.ue(1)
    bits.due(2)
    bits.ue(1)
    bits.ue()
    bits.ue()
    bits.u(3)
    first, *_ = [bits.ue(2 * below) for below in (64, 64, 32)]  # quantizers, signed
    bits.due(3, 0b100)
    if bits.left():
        bits.u(1)
        bits.due(1)
        bits.ue(64)
    bits.end()
    return 26 + (first + 1) // 2 if first % 2 else 26 - first // 2


def plainly_escaped(unit: bytes) -> bool:
    """Whether a unit has emulation prevention where it is due and nowhere else; a decoder drops any."""
    return _escaped(unescaped(unit)) == unit


def unescaped(unit: bytes) -> bytes:
    """A unit without emulation prevention."""
    return re.sub(rb"\x00\x00\x03", b"\0\0", unit)


def _escaped(body: bytes) -> bytes:
    """With emulation prevention, where it is due and nowhere else."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", body)
