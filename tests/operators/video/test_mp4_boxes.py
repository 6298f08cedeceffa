"""Nothing hides in an mp4: not in boxes that players skip, behind the fields of others, nor between the samples."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.video import mp4_layout
from operators.video.encode import decode_bytes, encode_video, inspect_video
from operators.video.h264_sets import plainly_escaped, read_sequence, unescaped
from operators.video.mp4_boxes import _parameter_sets, _read, _walk, foreign_boxes

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
    assert foreign_boxes(b"") == ["rest"]


PARENTS = ("moov", "trak", "edts", "mdia", "minf", "dinf", "stbl")
ODD = encode_video(FRAMES[:3, :47, :63], [0, 33, 70], Fraction(1, 90000), Fraction(30), 20, "veryfast")


def places(
    video: bytes, start: int = 0, end: int | None = None, above: tuple[int, ...] = ()
) -> Iterator[tuple[str, int, int, tuple[int, ...]]]:
    """Name, first byte and end of every box, and where those begin that it lies in, itself included."""
    while start < (end or len(video)):
        size, name = int.from_bytes(video[start : start + 4], "big"), video[start + 4 : start + 8].decode()
        yield name, start, start + size, (*above, start)
        if name in PARENTS:
            yield from places(video, start + 8, start + size, (*above, start))
        start += size


def grown(video: bytes, boxes: tuple[int, ...], at: int, added: bytes) -> bytes:
    """`video` with `added` at the byte `at`, after which all sizes and the frames' places fit again."""
    made = bytearray(video)
    for box in boxes:
        made[box : box + 4] = (int.from_bytes(made[box : box + 4], "big") + len(added)).to_bytes(4, "big")
    where = made.index(b"stco") + 12
    if at < int.from_bytes(made[where : where + 4], "big"):
        made[where : where + 4] = (int.from_bytes(made[where : where + 4], "big") + len(added)).to_bytes(
            4, "big"
        )
    return bytes(made[:at] + added + made[at:])


@pytest.mark.parametrize("video", [VIDEO, ODD])
@given(st.data())
@settings(max_examples=300)
def test_bytes_hide_at_no_place(video: bytes, data: st.DataObject) -> None:
    """Anywhere in any box, behind its fields or between them: to the end of the index, and then in the frames."""
    name, start, end, within = data.draw(st.sampled_from(list(places(video))))
    at = data.draw(st.sampled_from([start + 8, end]) | st.integers(start + 8, end))
    added = data.draw(st.binary(min_size=1, max_size=40) | st.just(SECRET) | st.just(box(b"free", SECRET)))
    forged = grown(video, within, at, added)
    assert foreign_boxes(forged), (name, at - start)


@pytest.mark.parametrize("name", sorted({name for name, *_ in places(VIDEO)} - {"mdat"}))
def test_a_second_box_of_a_name_hides_nothing(name: str) -> None:
    for found, start, end, within in places(VIDEO):
        if found == name:
            for place in (start, end):
                assert foreign_boxes(grown(VIDEO, within[:-1], place, box(name.encode(), SECRET)))
                assert foreign_boxes(grown(VIDEO, within[:-1], place, VIDEO[start:end]))
    assert foreign_boxes(VIDEO + box(name.encode(), SECRET))


def test_no_bit_of_the_index_is_free() -> None:
    """Each is due, or seen in what is read of the video; but for what the decoder needs in its parameter sets."""
    first, free = VIDEO.index(b"mdat") - 4, set[int]()
    whole, config = inspect_video(VIDEO), VIDEO.index(b"avcC") + 4
    for at in range(first):
        for bit in range(8):
            forged = VIDEO[:at] + bytes([VIDEO[at] ^ 1 << bit]) + VIDEO[at + 1 :]
            try:
                if not foreign_boxes(forged) and inspect_video(forged) == whole:
                    free.add(8 * at + bit)
            except (av.error.FFmpegError, ValueError):
                continue
    assert len(free) < 60
    assert all(config < bit // 8 < VIDEO.index(b"colr") for bit in free)


def test_no_picture_fits_beside_the_picture() -> None:
    """A frame is cropped to its size by less than a macroblock, or rows and columns that nobody sees would be free."""
    frames = FRAMES[:1, :34, :34]
    video = encode_video(frames, [0], Fraction(1, 10), Fraction(10), 30, "ultrafast")
    (sps, _) = _parameter_sets(dict(_walk(video, ""))["moov/trak/mdia/minf/stbl/stsd"])
    assert (read_sequence(sps).width, read_sequence(sps).height) == (34, 34)
    bits = "".join(f"{byte:08b}" for byte in sps)
    due = "1" + 2 * "10001000"  # by 7 units of 2 px, each way
    assert bits.count(due) == 1
    forged = bits.replace(due, "1" + "10001001" + "10001000")
    with pytest.raises(ValueError, match="out of its range"):
        read_sequence(int(forged, 2).to_bytes(len(sps), "big"))


def unit(kind: int, content: bytes) -> bytes:
    """A NAL unit with its length before it."""
    return (1 + len(content)).to_bytes(4, "big") + bytes([kind]) + content


@pytest.mark.parametrize("kind", [0, *range(2, 5), *range(6, 32)])
@pytest.mark.parametrize("before", [True, False])
def test_no_unit_but_slices_is_let_in(kind: int, before: bool) -> None:
    """Neither as a part of a frame, with its size adapted, nor between two."""
    added = unit(kind, SECRET + b"\x80")
    (start, end, within) = next((*place[1:3], place[3]) for place in places(VIDEO) if place[0] == "mdat")
    size = int.from_bytes(VIDEO[start + 8 : start + 12], "big") + 4
    between = grown(VIDEO, within, start + 8 + (0 if before else size), added)
    assert "mdat" in foreign_boxes(between)
    listed = between.index(b"stsz") + 16
    part = between[:listed] + (size + len(added)).to_bytes(4, "big") + between[listed + 4 :]
    assert "mdat" in foreign_boxes(part)
    assert "mdat" in foreign_boxes(grown(VIDEO, within, end, added))


def test_the_encoder_leaves_no_comment_of_its_own() -> None:
    assert not re.search(rb"x264|Lavc|Lavf|options:", VIDEO + ODD)


@given(
    st.sampled_from([(1, 1), (2, 2), (16, 16), (31, 97)]),
    st.lists(st.integers(1, 40), min_size=1, max_size=9),
    st.sampled_from([Fraction(1, 12800), Fraction(1001, 30000), Fraction(1, 12), Fraction(1, 10**9)]),
    st.sampled_from([Fraction(12), Fraction(30000, 1001)]),
    st.sampled_from([(0, "ultrafast"), (20, "veryfast"), (51, "medium")]),
)
@settings(max_examples=60)
def test_whatever_is_encoded_here_is_let_in(
    size: tuple[int, int], steps: list[int], unit: Fraction, fps: Fraction, how: tuple[int, str]
) -> None:
    pts = [sum(steps[:index]) * (10**8 if unit.denominator == 10**9 else 1) for index in range(len(steps))]
    frames = np.random.default_rng(len(steps)).integers(0, 255, (len(pts), *size, 3), np.uint8)
    assert inspect_video(encode_video(frames, pts, unit, fps, *how)).boxes == []


def test_a_video_of_several_chunks_is_let_in() -> None:
    """From 1 MiB of frames on, the index lists more than one run of them."""
    frames = np.random.default_rng(0).integers(0, 255, (7, 480, 640, 3), np.uint8)
    made = encode_video(frames, list(range(7)), Fraction(1, 10), Fraction(10), 2, "ultrafast")
    assert len(made) > 2 << 20
    assert foreign_boxes(made) == []


def kinds() -> list[tuple[str, np.ndarray]]:
    """Noise, a picture that moves, and one that stands still."""
    moving = np.stack([np.roll(FRAMES[0], shift, 1) // 2 for shift in range(6)])
    return [("noise", FRAMES[:6]), ("moving", moving), ("still", FRAMES[:1].repeat(6, 0))]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "slow"])
@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind[0])
def test_nothing_hides_behind_the_end_of_a_slice(kind: tuple[str, np.ndarray], preset: str) -> None:
    for crf in (4, 23, 40):
        video = encode_video(kind[1], list(range(6)), Fraction(1, 10), Fraction(10), crf, preset)
        assert foreign_boxes(video) == []
        layout = _read(list(_walk(video, "")))
        for number, one in enumerate(layout.slices):
            for added in (SECRET + b"\x80", b"\x80", b"\0"):
                slices = [*layout.slices]
                slices[number] = one + added
                forged = mp4_layout.write(replace(layout, slices=slices))
                assert foreign_boxes(forged) == ["mdat"], (number, added)


def test_no_byte_that_a_decoder_drops_is_let_into_a_slice() -> None:
    """Emulation prevention where none is due: a decoder takes it out, wherever it stands, and shows the same."""
    rng = np.random.default_rng(1)
    for crf in range(1, 40, 3):
        frames = rng.integers(0, 255, (3, 96, 128, 3), np.uint8)
        video = encode_video(frames, [0, 1, 2], Fraction(1, 10), Fraction(10), crf, "ultrafast")
        layout = _read(list(_walk(video, "")))
        for number, unit in enumerate(layout.slices):
            if not (place := re.search(rb"\x00\x00(?=[\x04-\xff])", unit)):
                continue
            slices = list(layout.slices)
            slices[number] = unit[: place.end()] + b"\3" + unit[place.end() :]
            forged = mp4_layout.write(replace(layout, slices=slices))
            assert inspect_video(forged).streams == ["video"]
            assert foreign_boxes(video) == [] and "mdat" in foreign_boxes(forged)
            return
    raise AssertionError("no place to try it at")


def seen(video: bytes) -> list[bytes]:
    """What a player shows."""
    return [frame.tobytes() for frame in decode_bytes(video)]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "slow"])
def test_no_bit_at_the_head_of_a_slice_is_free(preset: str) -> None:
    """A decoder shows the same by whatever number a frame calls itself: in 16 bits of each frame a name has room."""
    frames = np.stack([np.roll(FRAMES[0] // 2, shift, 1) for shift in range(6)])
    video = encode_video(frames, list(range(6)), Fraction(1, 10), Fraction(10), 23, preset)
    layout, shown, tried = _read(list(_walk(video, ""))), seen(video), 0
    for number, one in enumerate(layout.slices):
        for bit in range(14):  # kind, parameters, number, and what is to be kept of the frames before
            head = bytearray(one)
            head[1 + bit // 8] ^= 128 >> bit % 8
            forged = mp4_layout.write(
                replace(layout, slices=[*layout.slices[:number], bytes(head), *layout.slices[number + 1 :]])
            )
            if plainly_escaped(bytes(head)) and not foreign_boxes(forged):
                assert seen(forged) != shown, (number, bit)
            tried += 1
    assert tried == 6 * 14


@pytest.mark.parametrize("called", [2, 77, 65535])
def test_a_key_frame_is_called_by_nothing_but_its_turn(called: int) -> None:
    layout = _read(list(_walk(VIDEO, "")))
    first = layout.slices[0]
    bits = "".join(f"{byte:08b}" for byte in unescaped(first)[1:])
    start = (
        len("1" + "0001000" + "1") + layout.sequence.frame_bits
    )  # behind place, kind, parameters and number
    number = f"{called + 1:b}"
    assert bits[start] == "1", "it is called 0"
    made = bits[:start] + "0" * (len(number) - 1) + number + bits[start + 1 : bits.rindex("1")] + "1"
    made += "0" * (-len(made) % 8)
    body = re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", int(made, 2).to_bytes(len(made) // 8, "big"))
    forged = mp4_layout.write(replace(layout, slices=[first[:1] + body, *layout.slices[1:]]))
    assert seen(forged) == seen(VIDEO), "so nothing else would show it"
    assert foreign_boxes(forged) == ["mdat"]
