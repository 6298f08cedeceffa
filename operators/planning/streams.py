"""The video streams of a source, packet by packet: which one is the video, and what the file promises beyond them."""

import re
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Disposition

from operators import storage

_COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
REPLACE = "Replace the file, or leave it out of the input"


class Unreadable(Exception):
    """Why a source cannot be planned, and what to do; names no file."""

    def __init__(self, problem: str, remedy: str = REPLACE) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


@dataclass
class Stream:
    """A stream's packets as they lie in the file: their times, how many look damaged, how often their clock starts."""

    stream: av.VideoStream
    cover: bool
    pts: list[int | None] = field(default_factory=list)
    damaged: int = 0
    clocks: int = 1
    end: int = 0

    @property
    def span(self) -> Fraction:
        """Seconds from its first to its last frame."""
        pts = [each for each in self.pts if each is not None]
        return (max(pts) - min(pts)) * Fraction(self.stream.time_base or 0) if pts else Fraction(0)


def streams_of(container: InputContainer) -> list[Stream]:
    """Every video stream with its packets, in one pass over the file."""
    held = {
        stream.index: Stream(stream, bool(stream.disposition & _COVERS)) for stream in container.streams.video
    }
    latest: dict[int, tuple[int | None, int | None]] = {}
    for packet in container.demux(*[one.stream for one in held.values()]) if held else ():
        one = held[packet.stream_index]
        if not packet.size or packet.is_discard:  # dropped by the recorder, or outside of the edit
            continue
        one.damaged += packet.is_corrupt
        dts, top = latest.get(packet.stream_index, (None, None))
        back = dts is not None and packet.dts is not None and packet.dts <= dts
        under = packet.is_keyframe and top is not None and packet.pts is not None and packet.pts <= top
        if back or under:
            one.clocks, top = one.clocks + 1, None
        if packet.pts is not None:
            top = packet.pts if top is None else max(top, packet.pts)
            one.end = packet.pts + (packet.duration or 0)
        latest[packet.stream_index] = (packet.dts if packet.dts is not None else dts, top)
        one.pts.append(packet.pts)
    return list(held.values())


def promised_beyond(uri: str, one: Stream, format_name: str) -> int:
    """Frames that the file's own index says it has beyond those that are in it.

    Mp4 and its kin list each frame and where it lies. AVI and Matroska say how long the file is, and if it is shorter,
    AVI how many frames there were, Matroska (as most muxers write it) how long the stream was.
    """
    with storage.open_file(uri) as file:
        size, head = file.seek(0, 2), b""
        file.seek(0)
        head = file.read(64)
    if "mp4" in format_name.split(","):
        return sum(entry.pos + entry.size > size for entry in one.stream.index_entries)
    if container_size(head) <= size:
        return 0
    if head[:4] == b"RIFF":
        return max(0, one.stream.frames - len(one.pts))
    said = {name.upper().split("-")[0]: value for name, value in one.stream.metadata.items()}
    length = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", said.get("DURATION", ""))
    if not length or not one.stream.average_rate:
        return 0
    seconds = int(length[1]) * 3600 + int(length[2]) * 60 + Fraction(length[3])
    return max(0, round((seconds - one.end * one.stream.time_base) * one.stream.average_rate))


def container_size(head: bytes) -> int:
    """Bytes that a RIFF or Matroska file says it has, from its first 64; 0 if it does not say."""
    if head[:4] == b"RIFF":
        return int.from_bytes(head[4:8], "little") + 8
    if head[:4] != b"\x1aE\xdf\xa3":
        return 0
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


def choose(streams: list[Stream], types: list[str]) -> Stream:
    """The video: no cover, more than one frame before a still, the default one, the longest, the first."""
    videos = [one for one in streams if not one.cover]
    if not videos:
        held = ", ".join(types) or "nothing"
        raise Unreadable(f"there is no video stream in it, only {held}{' (a cover)' if streams else ''}")

    def rank(one: Stream) -> tuple[bool, bool, Fraction, int]:
        default = bool(one.stream.disposition & Disposition.default)
        return len(one.pts) > 1, default, one.span, -one.stream.index

    chosen = max(videos, key=rank)
    if chosen.stream.codec_context is None or chosen.stream.time_base is None:
        raise Unreadable("its video codec is unknown", "Transcode it to H.264")
    return chosen


def described(one: Stream) -> str:
    context, stream = one.stream.codec_context, one.stream
    codec = f"{context.name} {stream.width}x{stream.height}" if context else "of an unknown codec"
    return f"stream {stream.index}: {codec}, {len(one.pts)} frames{', a cover' if one.cover else ''}"
