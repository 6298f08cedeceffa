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
from operators.bags.read import is_bag
from operators.planning.bag import plan_bag
from operators.planning.cut import cut, nothing
from operators.planning.folder import plan_folder
from operators.planning.frames import Frames, frames_of
from operators.planning.people import listed_in
from operators.planning.streams import REPLACE, Unreadable
from operators.video import source
from schemas.clip import ClipRef
from schemas.listed import Listed
from schemas.profile import Clips


def plan_source(uri: str, name: str, name_key: bytes, clips: Clips) -> list[ClipRef]:
    """Every clip of one source; one reference with `problem` and `remedy` if it cannot be planned.

    `name` is the source's name below the input prefix: keys depend on it and not on where the data lies.
    """
    return [named(ref, name_key) for ref in probe_source(uri, source_key(name, name_key), clips)]


def probe_source(
    uri: str,
    key: str,
    clips: Clips,
    cuts: Sequence[float] = (),
    rate: Fraction | None = None,
    topics: Sequence[str] = (),
    people: bool = False,
) -> list[ClipRef]:
    """The same, given the source's `key`, and not `named` yet: whoever opens a source does without the release key.

    No clip lies across one of `cuts`, in seconds. With a `rate` the source is a folder of pictures. Of a bag
    only the `topics`, if any are named. `people`: a list of them lies beside it.
    """
    digest = ""
    try:
        if rate:
            digest, made = plan_folder(uri, key, clips, rate, people)
            return made
        if is_bag(uri):
            digest, made = plan_bag(uri, key, clips, topics, people)
            return made
        stamp = stamps.stamp(uri)
        if not (digest := source.digest(uri)):
            raise Unreadable("the file is empty")
        made = _clips(parted(frames_of(uri), cuts), clips, nothing(uri, key, digest, stamp), people)
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


def _clips(video: Frames, clips: Clips, empty: ClipRef, people: bool) -> list[ClipRef]:
    """Every clip of a video, with those of its window whom the list beside it names, if there is one."""
    made, frames = cut(video, clips, empty), range(sum(map(len, video.runs)))
    return listed_in(made, empty.uri, "video", {"": frames}) if people else made


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


def named(ref: ClipRef, name_key: bytes) -> ClipRef:
    """With what is an HMAC of something.

    The key, and in it the source's name, is part of the id: two copies of one file are two sources. All else in it is
    published or known to whoever has the file, so an id without a key would tell which file it was.
    """
    key = ref.key.split("-")[0]
    window = ref.first_frame, ref.overlap, len(ref.pts)
    return replace(
        ref,
        clip_id=clip_id(ref.source_digest, key, window, ref.listed, name_key),
        key=ref.key if "-" in ref.key else f"{key}-000000",
        source_hmac=source_hmac(ref.source_digest, name_key) if ref.source_digest else "",
    )


def clip_id(
    digest: str, key: str, window: tuple[int, int, int], listed: Sequence[Listed], name_key: bytes
) -> int:
    """Of a clip of the source with that digest and `key`: `window` is its first frame, its overlap and its frames."""
    span = f"{digest}:{key}:{':'.join(map(str, window))}"
    span += f":{list(listed)}" if listed else ""  # a clip with other people listed is another clip
    return int.from_bytes(_keyed(name_key, f"clip:{span}")[:8], "big", signed=True)
