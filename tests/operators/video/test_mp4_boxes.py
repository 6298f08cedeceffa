"""Nothing hides in an mp4: not in boxes that players skip, nor between the samples."""

from fractions import Fraction

import numpy as np
import pytest

from operators.video.encode import encode_video, inspect_video
from operators.video.mp4_boxes import foreign_boxes

FRAMES = np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8)
VIDEO = encode_video(FRAMES, list(range(9)), Fraction(1, 10), Fraction(10), 30, "ultrafast")
SECRET = b"Anna, 12 Elm Street"


def box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def within(name: bytes, added: bytes) -> bytes:
    """VIDEO with `added` at the end of the first box `name`, after which sizes fit again."""
    at = VIDEO.index(name) - 4
    size = int.from_bytes(VIDEO[at : at + 4], "big")
    grown = (size + len(added)).to_bytes(4, "big") + VIDEO[at + 4 : at + size] + added
    return VIDEO[:at] + grown + VIDEO[at + size :]


def test_what_is_encoded_here_holds_nothing_else() -> None:
    assert foreign_boxes(VIDEO) == []
    for count, height, width in ((1, 47, 63), (2, 2, 2), (5, 97, 31)):
        frames, pts = FRAMES[:count, :1, :1].repeat(height, 1).repeat(width, 2), [3 * t for t in range(count)]
        made = encode_video(frames, pts, Fraction(1, 90000), Fraction(10), 20, "veryfast")
        assert inspect_video(made).boxes == []


@pytest.mark.parametrize(
    ("forged", "found"),
    [
        (VIDEO + box(b"free", SECRET), "free"),
        (VIDEO + box(b"skip", b""), "skip"),
        (VIDEO + box(b"uuid", bytes(16) + SECRET), "uuid"),
        (VIDEO + box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + SECRET), "c2pa"),
        (VIDEO + box(b"mdat", SECRET), "mdat"),
        (VIDEO + box(b"moov", box(b"udta", SECRET)), "moov/udta"),
        (VIDEO + SECRET, "rest"),
        (VIDEO + b"\0", "rest"),
        (within(b"mdat", SECRET), "mdat"),
        (within(b"moov", box(b"meta", SECRET)), "moov/meta"),
        (within(b"moov", b"\0\0\0\1free"), "moov/rest"),
    ],
)
def test_what_players_skip_is_found(forged: bytes, found: str) -> None:
    assert found in foreign_boxes(forged)


def test_what_is_no_mp4_at_all() -> None:
    assert foreign_boxes(SECRET) == ["rest"]
    assert foreign_boxes(b"") == []
