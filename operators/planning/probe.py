"""A source -> clip references: probe, cut. Nothing is decoded that need not be, no frame is left out."""

import contextlib
import hashlib
import hmac
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import Any

import av

from operators import stamps
from operators.video import source
from operators.video.decode import open_video
from schemas.clip import ClipRef
from schemas.profile import Clips

HEAD = 32  # frames decoded to see whether timestamps can be believed: longer than any codec reorders
_REPLACE = "Replace the file, or leave it out of the input"


class Unreadable(Exception):
    """Why a source cannot be planned, and what to do; names no file."""

    def __init__(self, problem: str, remedy: str = _REPLACE) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def plan_source(uri: str, name: str, name_key: bytes, clips: Clips) -> list[ClipRef]:
    """Every clip of one source; one reference with `problem` and `remedy` if it cannot be planned.

    `name` is the source's name below the input prefix: keys depend on it and not on where the data lies.
    """
    key, digest = source_key(name, name_key), ""
    try:
        stamp = stamps.stamp(uri)
        if not (digest := source.digest(uri)):
            raise Unreadable("the file is empty")
        made = [_clip(uri, key, digest, name_key, facts) for facts in _cut(_probe(uri), clips)]
        if stamps.stamp(uri) != stamp:
            raise Unreadable("it was changed while it was planned", "Plan again when nobody writes into it")
        return [replace(ref, stamp=stamp) for ref in made]
    except Unreadable as error:
        problem, remedy = error.problem, error.remedy
    except av.error.FFmpegError as error:
        problem, remedy = f"no readable video ({type(error).__name__})", _REPLACE
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or type(error).__name__})"
        remedy = "Check that it is still there and may be read, and plan again"
    except Exception as error:  # whatever a file or its store provokes, the other files are planned
        problem = f"it cannot be probed ({type(error).__name__})"
        remedy = "Plan again; if it stays so, replace the file"
    return [unplannable(uri, key, name_key, problem, remedy, digest)]


def source_key(name: str, name_key: bytes) -> str:
    """What a source is called in the output: 20 hex digits, an HMAC of its name."""
    return _keyed(name_key, f"name:{name}").hex()[:20]


def _keyed(name_key: bytes, what: str) -> bytes:
    """What nobody can make who has the file but not the key."""
    return hmac.digest(name_key, what.encode(), hashlib.sha256)


def unplannable(uri: str, key: str, name_key: bytes, problem: str, remedy: str, digest: str = "") -> ClipRef:
    """The one reference, without frames, of a source that cannot be planned."""
    nothing: dict[str, Any] = {
        "index": 0,
        "first_frame": 0,
        "overlap": 0,
        "pts": [],
        "time_base": Fraction(1),
        "fps": Fraction(1),
    }
    nothing |= {"width": 0, "height": 0, "rotation": 0}
    return _clip(uri, key, digest, name_key, nothing, problem, remedy)


def windows(frames: int, length: int, overlap: int) -> list[tuple[int, int]]:
    """(first, stop) of windows of `length` frames, each sharing `overlap` with the one before; the last is shorter.

    Every frame is in a window, and every window but the first brings at least one new frame.
    """
    cuts = [(0, min(frames, length))]
    while cuts[-1][1] < frames:
        first = cuts[-1][1] - overlap
        cuts.append((first, min(frames, first + length)))
    return cuts


def _probe(uri: str) -> dict[str, Any]:
    """Timestamps of every frame, size, rate and rotation, without trusting what headers say of counts and duration."""
    with open_video(uri) as container:
        if not container.streams.video:
            held = ", ".join(stream.type for stream in container.streams) or "nothing"
            raise Unreadable(f"there is no video stream in it, only {held}")
        stream = container.streams.video[0]
        if stream.codec_context is None or stream.time_base is None:
            raise Unreadable("its video codec is unknown", "Transcode it to H.264")
        packets = [p.pts for p in container.demux(stream) if p.size and not p.is_corrupt and not p.is_discard]
        rate, time_base = stream.average_rate or stream.guessed_rate, stream.time_base
    first, moments = _shown(uri, packets)
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
    span = (moments[-1] - moments[0]) * time_base
    fps = Fraction(rate) if rate else Fraction(len(moments) - 1) / span if span else Fraction(25)
    return {
        "pts": moments,
        "time_base": time_base,
        "fps": fps.limit_denominator(1001),
        "width": width,
        "height": height,
        "rotation": rotation,
    }


def _shown(uri: str, packets: list[int | None]) -> tuple[av.VideoFrame, list[int]]:
    """The first frame, and the timestamps of all that are shown, in order.

    The packets' timestamps are believed if the first frames that decode agree with them; packets before the first
    frame belong to one that was cut off. Otherwise the whole video is decoded.
    """
    with open_video(uri) as container:
        decoded = container.decode(video=0)
        first = next(decoded, None)
        if first is None:
            raise Unreadable("not one frame can be decoded")
        seen = [first.pts]
        with contextlib.suppress(
            av.error.FFmpegError
        ):  # damage further on is a matter of the clip that has it
            seen += [frame.pts for frame in islice(decoded, HEAD - 1)]
        if None in packets or not set(seen) <= set(packets):
            seen += [frame.pts for frame in decoded]
            packets = seen
    order = [pts for pts in seen if pts is not None]
    if len(order) < len(seen) or order != sorted(set(order)):
        problem = "its timestamps do not tell the order in which its frames are shown"
        raise Unreadable(problem, "Transcode it, for example to H.264 in mp4")
    return first, sorted({pts for pts in packets if pts is not None and pts >= order[0]})


def _cut(source: dict[str, Any], clips: Clips) -> list[dict[str, Any]]:
    """The source's windows: of 4k+1 frames, as many as fit into `max_bytes` decoded, at most `clips.frames`."""
    most = clips.max_bytes // (source["width"] * source["height"] * 3)
    length = min(clips.frames, (most - 1) // 4 * 4 + 1)
    if length <= clips.overlap:
        raise Unreadable(
            f"its {source['width']}x{source['height']} frames are too large",
            "Raise clip.max_bytes in the profile",
        )
    facts = []
    for index, (first, stop) in enumerate(windows(len(source["pts"]), length, clips.overlap)):
        overlap = clips.overlap if index else 0
        facts.append(
            source
            | {"index": index, "first_frame": first, "overlap": overlap, "pts": source["pts"][first:stop]}
        )
    return facts


def _clip(
    uri: str,
    key: str,
    digest: str,
    name_key: bytes,
    facts: dict[str, Any],
    problem: str = "",
    remedy: str = "",
) -> ClipRef:
    pts: list[int] = facts["pts"]
    # The name's HMAC is part of the id: two copies of one file are two sources. All else in it is published or known
    # to whoever has the file, so an id without a key would tell which file it was.
    span = f"{digest}:{key}:{facts['first_frame']}:{facts['overlap']}:{len(pts)}"
    clip_id = int.from_bytes(_keyed(name_key, f"clip:{span}")[:8], "big", signed=True)
    return ClipRef(
        clip_id=clip_id,
        key=f"{key}-{facts['index']:06d}",
        uri=uri,
        source_digest=digest,
        source_hmac=_keyed(name_key, f"source:{digest}").hex()[:32] if digest else "",
        first_frame=facts["first_frame"],
        overlap=facts["overlap"],
        pts=pts,
        time_base_num=facts["time_base"].numerator,
        time_base_den=facts["time_base"].denominator,
        fps_num=facts["fps"].numerator,
        fps_den=facts["fps"].denominator,
        width=facts["width"],
        height=facts["height"],
        rotation=facts["rotation"],
        problem=problem,
        remedy=remedy,
    )
