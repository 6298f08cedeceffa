"""A source -> clip references: probe, cut. Nothing is decoded that need not be, no frame is left out."""

import errno
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np

from operators import stamps
from operators.planning.frames import Frames, frames_of, numbered
from operators.planning.streams import REPLACE, Unreadable
from operators.video import source
from schemas.clip import ClipRef
from schemas.profile import Clips


def plan_source(uri: str, name: str, name_key: bytes, clips: Clips) -> list[ClipRef]:
    """Every clip of one source; one reference with `problem` and `remedy` if it cannot be planned.

    `name` is the source's name below the input prefix: keys depend on it and not on where the data lies.
    """
    return [named(ref, name_key) for ref in probe_source(uri, source_key(name, name_key), clips)]


def probe_source(uri: str, key: str, clips: Clips, cuts: Sequence[float] = ()) -> list[ClipRef]:
    """The same, given the source's `key`, and not `named` yet: whoever opens a source does without the release key.

    No clip lies across one of `cuts`, in seconds.
    """
    digest = ""
    try:
        stamp = stamps.stamp(uri)
        if not (digest := source.digest(uri)):
            raise Unreadable("the file is empty")
        made = _cut(parted(frames_of(uri), cuts), clips, nothing(uri, key, digest, stamp))
        if stamps.stamp(uri) != stamp:
            raise Unreadable("it was changed while it was planned", "Plan again when nobody writes into it")
        return made
    except Unreadable as error:
        problem, remedy = error.problem, error.remedy
    except av.error.FFmpegError as error:
        problem, remedy = f"no readable video ({type(error).__name__})", REPLACE
    except OSError as error:
        # The system's word for it: what a store's client says in its place may quote the address.
        number = error.errno or 0
        word = os.strerror(number) if number in errno.errorcode else type(error).__name__
        problem = f"the file cannot be read ({word})"
        remedy = "Check that it is still there and may be read, and plan again"
    except Exception as error:  # whatever a file or its store provokes, the other files are planned
        problem = f"it cannot be probed ({type(error).__name__})"
        remedy = "Plan again; if it stays so, replace the file"
    return [unplannable(uri, key, problem, remedy, digest)]


def source_key(name: str, name_key: bytes) -> str:
    """What a source is called in the output: 20 hex digits, an HMAC of its name."""
    return _keyed(name_key, f"name:{name}").hex()[:20]


def source_hmac(digest: str, name_key: bytes) -> str:
    """What is published in place of the sha256 of a source's bytes: 32 hex digits."""
    return _keyed(name_key, f"source:{digest}").hex()[:32]


def _keyed(name_key: bytes, what: str) -> bytes:
    """What nobody can make who has the file but not the key."""
    return hmac.digest(name_key, what.encode(), hashlib.sha256)


def unplannable(uri: str, key: str, problem: str, remedy: str, digest: str = "") -> ClipRef:
    """The one reference, without frames, of a source that cannot be planned."""
    return replace(nothing(uri, key, digest), problem=problem, remedy=remedy)


def nothing(uri: str, key: str, digest: str, stamp: str = "") -> ClipRef:
    """A reference to no frame of a source, without a name."""
    return ClipRef(
        clip_id=0,
        key=key,
        uri=uri,
        source_digest=digest,
        source_hmac="",
        first_frame=0,
        overlap=0,
        pts=[],
        time_base_num=1,
        time_base_den=1,
        fps_num=1,
        fps_den=1,
        width=0,
        height=0,
        rotation=0,
        stamp=stamp,
    )


def windows(frames: int, length: int, overlap: int) -> list[tuple[int, int]]:
    """(first, stop) of windows of `length` frames, each sharing `overlap` with the one before; the last is shorter.

    Every frame is in a window, and every window but the first brings at least one new frame.
    """
    cuts = [(0, min(frames, length))]
    while cuts[-1][1] < frames:
        first = cuts[-1][1] - overlap
        cuts.append((first, min(frames, first + length)))
    return cuts


def _cut(source: Frames, clips: Clips, empty: ClipRef) -> list[ClipRef]:
    """The source's windows, each still under the source's key: of 4k+1 frames, as many as fit into `max_bytes` decoded,
    at most `clips.frames`, none across a new start of the clock; and one for all frames that are missing."""
    length = min(clips.frames, (clips.max_bytes // (source.width * source.height * 3) - 1) // 4 * 4 + 1)
    if length <= clips.overlap:
        raise Unreadable(
            f"its {source.width}x{source.height} frames are too large", "Raise clip.max_bytes in the profile"
        )
    whole = _filled(empty, source)
    made = [
        replace(
            whole,
            first_frame=begin + first,
            overlap=clips.overlap if first else 0,
            pts=run[first:stop],
        )
        for begin, run in numbered(source.runs)
        for first, stop in windows(len(run), length, clips.overlap)
    ]
    if source.missing:
        made.append(_missing(whole, source))
    return [replace(ref, key=f"{ref.key}-{index:06d}") for index, ref in enumerate(made)]


def parted(source: Frames, cuts: Sequence[float]) -> Frames:
    """With runs that end at `cuts`: before the frame that is nearest to each, or the next one."""
    half = 1 / (2 * source.fps)
    moments = [float((Fraction(cut) - half) / source.time_base) for cut in sorted(cuts)]
    runs = [
        [int(pts) for pts in part]
        for run in source.runs
        for part in np.split(np.array(run, np.int64), np.searchsorted(run, moments))
        if len(part)
    ]
    return replace(source, runs=runs)


def _filled(empty: ClipRef, source: Frames) -> ClipRef:
    """What all clips of a source have in common."""
    return replace(
        empty,
        time_base_num=source.time_base.numerator,
        time_base_den=source.time_base.denominator,
        fps_num=source.fps.numerator,
        fps_den=source.fps.denominator,
        width=source.width,
        height=source.height,
        rotation=source.rotation,
        mirrored=source.mirrored,
        sample_aspect_num=source.sample_aspect.numerator,
        sample_aspect_den=source.sample_aspect.denominator,
        stream=source.stream,
        counted=source.counted,
        interlaced=source.interlaced,
        transfer=source.transfer,
        missing=source.missing,
        other_streams=source.others,
    )


def _missing(whole: ClipRef, source: Frames) -> ClipRef:
    """What stands for the frames that cannot be had, so that they are counted: behind the others, evenly spaced."""
    step = max(1, round(1 / (source.fps * source.time_base)))
    last = source.runs[-1][-1]
    return replace(
        whole,
        first_frame=sum(map(len, source.runs)),
        pts=[last + step * number for number in range(1, source.missing + 1)],
        problem=f"{source.missing} frames are damaged, or promised by the file's index and not in it",
        remedy="Fetch the file again, if it was cut short, and plan again; the other frames are planned",
    )


def named(ref: ClipRef, name_key: bytes) -> ClipRef:
    """With what is an HMAC of something.

    The key, and in it the source's name, is part of the id: two copies of one file are two sources. All else in it is
    published or known to whoever has the file, so an id without a key would tell which file it was.
    """
    digest, key = ref.source_digest, ref.key.split("-")[0]
    span = f"{digest}:{key}:{ref.first_frame}:{ref.overlap}:{len(ref.pts)}"
    return replace(
        ref,
        clip_id=int.from_bytes(_keyed(name_key, f"clip:{span}")[:8], "big", signed=True),
        key=ref.key if "-" in ref.key else f"{key}-000000",
        source_hmac=source_hmac(digest, name_key) if digest else "",
    )
