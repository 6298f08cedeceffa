"""The video streams of a source, packet by packet, and which one is the video."""

from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Disposition

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
        # Empty is what ends a stream, and says the wrong one; else it is what the recorder dropped.
        if not packet.size or packet.is_discard:  # outside of the edit
            continue
        one = held[packet.stream_index]
        one.damaged += packet.is_corrupt
        dts, top = latest.get(packet.stream_index, (None, None))
        back = dts is not None and packet.dts is not None and packet.dts <= dts
        under = packet.is_keyframe and top is not None and packet.pts is not None and packet.pts <= top
        if back or under:
            one.clocks, top = one.clocks + 1, None
        if packet.pts is not None:
            top = packet.pts if top is None else max(top, packet.pts)
        latest[packet.stream_index] = (packet.dts if packet.dts is not None else dts, top)
        one.pts.append(packet.pts)
    return list(held.values())


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
