"""How many frames a file's own index, or its header, says it has beyond those that are in it."""

import re
import struct
from fractions import Fraction
from typing import IO

from operators import storage
from operators.planning.fragments import lasts_in_fragments
from operators.planning.streams import Stream

_HEAD = 4096  # bytes in which headers say how long the file is
_MOST = 5_000_000  # frames: two days of 30 a second. Who says that more are missing is not believed
_ASF = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # before the properties of such a file


def promised_beyond(uri: str, one: Stream, format_name: str, seconds: Fraction) -> int:
    """Frames that are promised and not there; one that is there in part is not among them, and if more are said to be
    missing than can be, it is one at least.

    Mp4 and its kin list each frame and where it lies, those in fragments only fragment by fragment: of further ones an
    index (sidx) or the duration of all (mehd) may tell. Others say how long the file is, and if it is shorter, AVI how
    many frames there were, Matroska, FLV and ASF how long they lasted: `seconds` is what FFmpeg has read of that.
    """
    with storage.open_file(uri) as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(_HEAD)
        if "mp4" in format_name.split(","):
            listed = sum(entry.pos >= size for entry in one.stream.index_entries)
            gone = max(listed, _in_fragments(file, size, one))
        else:
            gone = _beyond(head, size, one, seconds)
    return gone if gone <= _MOST else 1


def _beyond(head: bytes, size: int, one: Stream, seconds: Fraction) -> int:
    """The same of formats that list no frames, of which this is the head."""
    if container_size(head) <= size:
        return 0
    if head[:4] == b"RIFF":
        return max(0, one.stream.frames - len(one.pts))
    said = {name.upper().split("-")[0]: value for name, value in one.stream.metadata.items()}
    if length := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", said.get("DURATION", "")):
        seconds = int(length[1]) * 3600 + int(length[2]) * 60 + Fraction(length[3])
    return _until(seconds or _asf(head)[1], one)


def _in_fragments(file: IO[bytes], size: int, one: Stream) -> int:
    """Frames of fragments that an MP4 is too short for; 0 if there are none, or nothing tells of them."""
    lasted, at_least = lasts_in_fragments(file, size, one.stream.id)
    shown = [pts for pts in one.pts if pts is not None]
    if not lasted or not shown or not one.stream.time_base:
        return at_least
    return max(at_least, _until(min(shown) * one.stream.time_base + lasted, one))


def _until(seconds: Fraction, one: Stream) -> int:
    """Frames that a stream would have until then: behind its last one, and before it those that come later in the file
    as they lean on it."""
    top: int | None = None
    before, reordered = top, False
    for pts in one.pts:
        if pts is not None and (top is None or pts > top):
            before, top = top, pts
        else:
            reordered = True
    unit = one.stream.time_base
    if top is None or not unit:
        return 0
    rate = one.stream.average_rate or (len(one.pts) - 1) / one.span if one.span else None
    if not rate:
        return 1  # at least
    behind = max(0, round((seconds - top * unit) * rate) - 1)
    if before is None or not reordered:
        return behind
    between = sum(pts is not None and before < pts <= top for pts in one.pts)
    return behind + max(0, round((top - before) * unit * rate) - between)


def container_size(head: bytes) -> int:
    """Bytes that an AVI, Matroska, FLV or ASF file says it has, from its beginning; 0 if it does not say."""
    if head[:4] == b"RIFF":
        return int.from_bytes(head[4:8], "little") + 8
    if head[:3] == b"FLV":
        at = head.find(b"\0\x08filesize\0")
        return int(struct.unpack_from(">d", head, at + 11)[0]) if 0 <= at <= len(head) - 19 else 0
    return _matroska(head) if head[:4] == b"\x1aE\xdf\xa3" else _asf(head)[0]


def _matroska(head: bytes) -> int:
    at = 4
    for begins in (b"", b"\x18S\x80g"):  # the header, and the segment behind it
        if head[at : at + len(begins)] != begins or at + len(begins) >= len(head):
            return 0
        at += len(begins)
        width = 9 - head[at].bit_length()
        value = int.from_bytes(head[at : at + width], "big") & (1 << 7 * width) - 1
        if begins and value == (1 << 7 * width) - 1:  # of unknown size: it was streamed
            return 0
        at += width + value
    return at


def _asf(head: bytes) -> tuple[int, Fraction]:
    """Bytes and seconds that an ASF file says it has; 0 if it is none, or was streamed."""
    at = head.find(_ASF)
    if not 0 <= at <= len(head) - 92:
        return 0, Fraction(0)
    size, _, _, played, _, before, flags = struct.unpack_from("<6QI", head, at + 40)
    return (0, Fraction(0)) if flags & 1 else (size, Fraction(played, 10**7) - Fraction(before, 1000))
