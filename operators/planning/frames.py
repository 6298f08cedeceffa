"""Which frames a source has: of which stream, when each is shown, and how many are promised but not there.

Headers are not believed where they speak of counts and durations: packets are counted. Only where these do not tell
when frames are shown, the whole video is decoded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise

import av
from av.container import InputContainer
from av.stream import Disposition

from operators import storage
from operators.video.decode import Decoding, open_video
from operators.video.picture import Unshowable, orientation
from operators.video.tone import transfer

HEAD = 32  # frames decoded to see whether timestamps can be believed: longer than any codec reorders
# Formats that hold no times: after a seek without an index they are guessed.
_UNTIMED = {"avi", "mpegvideo", "m4v"}
_COVERS = Disposition.attached_pic | Disposition.timed_thumbnails


REPLACE = "Replace the file, or leave it out of the input"


class Unreadable(Exception):
    """Why a source cannot be planned, and what to do; names no file."""

    def __init__(self, problem: str, remedy: str = REPLACE) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


@dataclass(frozen=True)
class Frames:
    """What a source's video stream shows.

    runs           timestamps in units of `time_base`, strictly increasing within a run; a further run begins where the
                   source's clock starts again or stands still
    counted        frames are to be found by their number: by their time they are not, or not after a seek
    missing        frames that are in no run: too damaged to be decoded, or promised by the file's index and not in it
    sample_aspect  width of a pixel by its height, as displayed
    transfer       as operators/video/tone.py names it
    others         one line for each video stream that was not taken
    """

    stream: int
    runs: list[list[int]]
    counted: bool
    missing: int
    time_base: Fraction
    fps: Fraction
    width: int
    height: int
    rotation: int
    mirrored: bool
    sample_aspect: Fraction
    interlaced: bool
    transfer: str
    others: list[str]


@dataclass
class _Stream:
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


def frames_of(uri: str) -> Frames:
    """Raises Unreadable if there is no video in the file, or if it does not tell in which order it is shown."""
    with open_video(uri) as container:
        unindexed = _UNTIMED & set(container.format.name.split(","))
        entries = {stream.index: len(stream.index_entries) for stream in container.streams.video}
        streams = _packets(container)
        chosen = _choose(streams, [stream.type for stream in container.streams])
        video = chosen.stream
        rate, time_base, aspect = video.average_rate or video.guessed_rate, video.time_base, _aspect(video)
        others = [_described(each) for each in streams if each is not chosen]
        promised = _promised(uri, chosen, container.format.name)
        unsought = bool(unindexed) and entries[video.index] < len(chosen.pts)
        index = video.index  # a stream's own words are not to be asked for once its container is closed
    head, runs, damaged = _shown(uri, index, chosen)
    first = head[0]
    try:
        rotation, mirrored = orientation(first) or (0, False)
    except Unshowable as error:
        raise Unreadable(str(error), "Turn the pictures themselves, for example with ffmpeg") from None
    turned = bool(rotation % 180)
    count = sum(map(len, runs))
    return Frames(
        stream=index,
        runs=runs,
        counted=len(runs) > 1 or unsought,
        missing=promised + damaged,
        time_base=time_base,
        fps=_rate(rate, count, runs, time_base),
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        rotation=rotation,
        mirrored=mirrored,
        sample_aspect=1 / aspect if turned else aspect,
        interlaced=any(frame.interlaced_frame for frame in head),
        transfer=next(filter(None, map(transfer, head)), ""),
        others=others,
    )


def _packets(container: InputContainer) -> list[_Stream]:
    """Every video stream with its packets, in one pass over the file."""
    held = {
        stream.index: _Stream(stream, bool(stream.disposition & _COVERS))
        for stream in container.streams.video
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


def _promised(uri: str, one: _Stream, format_name: str) -> int:
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


def _choose(streams: list[_Stream], types: list[str]) -> _Stream:
    """The video: no cover, more than one frame before a still, the default one, the longest, the first."""
    videos = [one for one in streams if not one.cover]
    if not videos:
        held = ", ".join(types) or "nothing"
        raise Unreadable(f"there is no video stream in it, only {held}{' (a cover)' if streams else ''}")

    def rank(one: _Stream) -> tuple[bool, bool, Fraction, int]:
        default = bool(one.stream.disposition & Disposition.default)
        return len(one.pts) > 1, default, one.span, -one.stream.index

    chosen = max(videos, key=rank)
    if chosen.stream.codec_context is None or chosen.stream.time_base is None:
        raise Unreadable("its video codec is unknown", "Transcode it to H.264")
    return chosen


def _described(one: _Stream) -> str:
    context, stream = one.stream.codec_context, one.stream
    codec = f"{context.name} {stream.width}x{stream.height}" if context else "of an unknown codec"
    return f"stream {stream.index}: {codec}, {len(one.pts)} frames{', a cover' if one.cover else ''}"


def _shown(uri: str, index: int, packets: _Stream) -> tuple[list[av.VideoFrame], list[list[int]], int]:
    """The first frames; the timestamps of all that are shown, in order, cut where their clock starts again; and of how
    many packets nothing can be decoded.

    The packets' timestamps are believed if each has one of its own, their clock does not start again, none looks
    damaged, and the first frames that decode agree with them; packets before the first frame belong to one that was cut
    off. Otherwise the whole video is decoded.
    """
    with open_video(uri) as container:
        decoding = Decoding(container, index)
        head = list(islice(decoding, HEAD))
        if not head:
            raise Unreadable("not one frame can be decoded")
        seen = [frame.pts for frame in head]
        whole = None not in packets.pts and len(set(packets.pts)) == len(packets.pts)
        if whole and None not in seen and packets.clocks == 1 and not packets.damaged:
            believed = sorted(pts for pts in packets.pts if pts is not None and pts >= seen[0])
            hurt = decoding.damaged and set(seen) <= set(
                believed
            )  # which is a matter of the clip that has it
            if hurt or seen == believed[: len(seen)]:
                return head, [believed], 0
        seen += [frame.pts for frame in decoding]
    return head, _runs(seen, packets.clocks), decoding.damaged


def _runs(seen: list[int | None], clocks: int) -> list[list[int]]:
    """Frames' times in order of display, cut where they go back or stand still.

    Raises Unreadable if they do so elsewhere than the packets' clock does: then they are no times of display.
    """
    order = [pts for pts in seen if pts is not None]
    cuts = [0, *(n for n, (one, other) in enumerate(pairwise(order), 1) if other <= one), len(order)]
    runs = [order[first:stop] for first, stop in pairwise(cuts)]
    if len(order) < len(seen) or len(runs) > clocks:
        problem = "its timestamps do not tell the order in which its frames are shown"
        where = f" (first at frame {len(runs[0])})" if len(runs) > 1 else ""
        raise Unreadable(problem + where, "Transcode it, for example to H.264 in mp4")
    return runs


def _aspect(stream: av.VideoStream) -> Fraction:
    """Width of a pixel by its height; 1 where nothing is said."""
    said = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not said or not Fraction(1, 100) < said < 100:
        return Fraction(1)
    return (
        Fraction(said)
        if max(Fraction(said).as_integer_ratio()) < 1 << 12
        else Fraction(said).limit_denominator(1000)
    )


def _rate(said: Fraction | None, count: int, runs: list[list[int]], time_base: Fraction) -> Fraction:
    """Frames a second, exactly as the container says it, else on average; 25 of what shows nothing move.

    Numerator and denominator have 31 bits, which is what encoders and containers take.
    """
    span = sum(run[-1] - run[0] for run in runs) * time_base
    rate = (
        Fraction(said)
        if said and said > 0
        else Fraction(count - 1) / span
        if span and count > 1
        else Fraction(25)
    )
    most = (1 << 31) - 1
    if max(rate.numerator, rate.denominator) <= most:
        return rate
    return 1 / (1 / rate).limit_denominator(most) if rate < 1 else rate.limit_denominator(most // 1000)


def numbered(runs: list[list[int]]) -> Iterator[tuple[int, list[int]]]:
    """Each run after the number of its first frame."""
    first = 0
    for run in runs:
        yield first, run
        first += len(run)
