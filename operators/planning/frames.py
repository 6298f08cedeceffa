"""Which frames a source has: of which stream, when each is shown, and how many are promised but not there.

Headers are not believed where they speak of counts and durations: packets are counted. Only where these do not tell
when frames are shown, the whole video is decoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import av

from operators.planning.behind import bytes_behind
from operators.planning.order import between_pauses, in_order
from operators.planning.promised import promised_beyond
from operators.planning.streams import Stream, Unreadable, choose, described, streams_of
from operators.video.decode import open_video
from operators.video.decoding import Decoding
from operators.video.picture import Unshowable, orientation
from operators.video.tone import transfer

HEAD = 32  # frames decoded to see whether timestamps can be believed: longer than any codec reorders
_LEAST = Fraction(1, 30000)  # frames a second: FFmpeg rounds what Matroska says of fewer
# Formats that hold no times: after a seek without an index they are guessed.
_UNTIMED = {"avi", "mpegvideo", "m4v"}


@dataclass(frozen=True)
class Frames:
    """What a source's video stream shows.

    runs           timestamps in units of `time_base`, strictly increasing within a run; a further run begins where the
                   source's clock starts again, stands still or jumps ahead
    counted        frames are to be found by their number: by their time they are not, or not after a seek
    missing        frames that are in no run: too damaged to be decoded, or promised by the file's index and not in it
    sample_aspect  width of a pixel by its height, as displayed
    transfer       as operators/video/tone.py names it
    others         one line for each video stream that was not taken, and for what lies behind the file's end
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


def frames_of(uri: str) -> Frames:
    """Raises Unreadable if there is no video in the file, or if it does not tell in which order it is shown."""
    with open_video(uri) as container:
        unindexed = _UNTIMED & set(container.format.name.split(","))
        entries = {stream.index: len(stream.index_entries) for stream in container.streams.video}
        streams = streams_of(container)
        chosen = choose(streams, [stream.type for stream in container.streams])
        video = chosen.stream
        rate, time_base, aspect = video.average_rate or video.guessed_rate, video.time_base, _aspect(video)
        others = [described(each) for each in streams if each is not chosen]
        seconds = Fraction(container.duration or 0, av.time_base)
        promised = promised_beyond(uri, chosen, container.format.name, seconds)
        if behind := bytes_behind(uri, container.format.name):
            others.append(f"{behind} bytes behind its end, perhaps another recording")
        unsought = bool(unindexed) and entries[video.index] < len(chosen.pts)
        index = video.index  # a stream's own words are not to be asked for once its container is closed
    head, runs, damaged = _shown(uri, index, chosen, not unsought)
    first = head[0]
    try:
        rotation, mirrored = orientation(first) or (0, False)
    except Unshowable as error:
        raise Unreadable(str(error), "Turn the pictures themselves, for example with ffmpeg") from None
    turned = bool(rotation % 180)
    count = sum(map(len, runs))
    return Frames(
        stream=index,
        runs=between_pauses(runs, time_base),
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


def _shown(
    uri: str, index: int, packets: Stream, sought: bool
) -> tuple[list[av.VideoFrame], list[list[int]], int]:
    """The first frames; the timestamps of all that are shown, in order, cut where their clock starts again; and of how
    many packets nothing can be decoded.

    The packets' timestamps are believed if each has one of its own, their clock does not start again, none looks
    damaged, and the first frames that decode agree with them; packets before the first frame belong to one that was cut
    off. Otherwise the whole video is decoded. `sought`: frames can be found by their times.
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
    runs, late = in_order(seen, packets.clocks, sought)
    return head, runs, decoding.damaged + late


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
    """Frames a second, exactly as the container says it, else on average; 25 of what shows nothing move."""
    span = sum(run[-1] - run[0] for run in runs) * time_base
    if said and said > _LEAST:
        return bounded(Fraction(said))
    return bounded(Fraction(count - 1) / span if span and count > 1 else Fraction(25))


def bounded(rate: Fraction) -> Fraction:
    """The nearest rate whose numerator and denominator have 31 bits, which is what encoders and containers take."""
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
