"""Sources -> clip references: list, probe, cut. Nothing is decoded that need not be, no frame is left out."""

import hashlib
import hmac
from fractions import Fraction
from typing import Any

import av
import fsspec

from operators.decode import open_source
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.profile import Clips

EXTENSIONS = (
    ".mp4",
    ".mov",
    ".m4v",
    ".mkv",
    ".webm",
    ".avi",
    ".ts",
    ".mts",
    ".m2ts",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
)
_REPLACE = "Replace the file, or leave it out of the input"


class Unreadable(Exception):
    """Why a source cannot be planned, and what to do; names no file."""

    def __init__(self, problem: str, remedy: str = _REPLACE) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def list_videos(prefix: str) -> list[tuple[str, str]]:
    """(uri, name below the prefix) of every video at or below a local path or s3:// prefix, sorted.

    Raises UserError if the prefix does not exist, cannot be read, or holds no video.
    """
    try:
        fs, path = fsspec.core.url_to_fs(prefix)
        found = [path] if fs.isfile(path) else sorted(fs.find(path))
    except Exception as error:  # every backend raises its own; whichever it is, nothing was listed
        reason = f"cannot be listed ({type(error).__name__})"
        raise UserError(prefix, reason, "Check the address, AWS_ENDPOINT_URL and the credentials") from None
    if not found:
        raise UserError(
            prefix,
            "does not exist, is empty, or may not be read",
            "Give a video file, a folder or an s3:// prefix",
        )
    single = found == [path]
    videos = [file for file in found if single or file.lower().endswith(EXTENSIONS)]
    if not videos:
        known = " ".join(EXTENSIONS)
        raise UserError(prefix, f"holds {len(found)} files but no video", f"Known endings: {known}")
    names = [file.rsplit("/", 1)[-1] if single else file[len(path.rstrip("/")) + 1 :] for file in videos]
    return [
        (fs.unstrip_protocol(file) if "://" in prefix else file, name)
        for file, name in zip(videos, names, strict=True)
    ]


def plan_source(uri: str, name: str, name_key: bytes, clips: Clips) -> list[ClipRef]:
    """Every clip of one source; one reference with `problem` and `remedy` if it cannot be planned.

    `name` is the source's name below the input prefix: keys depend on it and not on where the data lies.
    """
    key = hmac.digest(name_key, f"name:{name}".encode(), hashlib.sha256).hex()[:20]
    digest = ""
    try:
        digest = _digest(uri)
        return [_clip(uri, key, digest, facts) for facts in _cut(_probe(uri), clips)]
    except Unreadable as error:
        problem, remedy = error.problem, error.remedy
    except (av.error.FFmpegError, OSError, ValueError) as error:
        problem, remedy = f"no readable video ({type(error).__name__})", _REPLACE
    nothing: dict[str, Any] = {
        "index": 0,
        "first_frame": 0,
        "overlap": 0,
        "pts": [],
        "time_base": Fraction(1),
        "fps": Fraction(1),
    }
    nothing |= {"width": 0, "height": 0, "rotation": 0}
    return [_clip(uri, key, digest, nothing, problem, remedy)]


def windows(frames: int, length: int, overlap: int) -> list[tuple[int, int]]:
    """(first, stop) of windows of `length` frames, each sharing `overlap` with the one before; the last is shorter.

    Every frame is in a window, and every window but the first brings at least one new frame.
    """
    cuts = [(0, min(frames, length))]
    while cuts[-1][1] < frames:
        first = cuts[-1][1] - overlap
        cuts.append((first, min(frames, first + length)))
    return cuts


def _digest(uri: str) -> str:
    """blake2b-128 in hex of the file's bytes."""
    digest, size = hashlib.blake2b(digest_size=16), 0
    with open_source(uri) as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
            size += len(chunk)
    if not size:
        raise Unreadable("the file is empty")
    return digest.hexdigest()


def _probe(uri: str) -> dict[str, Any]:
    """Timestamps of every frame, size, rate and rotation, without trusting what headers say of counts and duration."""
    with open_source(uri) as file, av.open(file) as container:
        if not container.streams.video:
            raise Unreadable(
                "there is no video stream in it, only "
                + (", ".join(s.type for s in container.streams) or "nothing")
            )
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise Unreadable("its video codec is unknown", "Transcode it to H.264")
        pts = [p.pts for p in container.demux(stream) if p.size and not p.is_corrupt and not p.is_discard]
        rate, time_base = stream.average_rate or stream.guessed_rate, stream.time_base
    with open_source(uri) as file, av.open(file) as container:
        first = next(iter(container.decode(video=0)), None)  # a rotation is only known from a frame
        if first is None:
            raise Unreadable("not one frame can be decoded")
        if None in pts:  # streams without timestamps in their packets: the decoder counts
            pts = [first.pts, *(frame.pts for frame in container.decode(video=0))]
    moments = sorted(set(pts))
    if not moments or None in pts:
        raise Unreadable("its frames carry no timestamps", "Remux it, for example to mp4")
    rotation = round(first.rotation / 90) * 90 % 360
    size = (first.height, first.width) if rotation % 180 else (first.width, first.height)
    span = (moments[-1] - moments[0]) * time_base
    fps = Fraction(rate) if rate else Fraction(len(moments) - 1) / span if span else Fraction(25)
    return {
        "pts": moments,
        "time_base": time_base,
        "fps": fps.limit_denominator(1001),
        "width": size[0],
        "height": size[1],
        "rotation": rotation,
    }


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
    uri: str, key: str, digest: str, facts: dict[str, Any], problem: str = "", remedy: str = ""
) -> ClipRef:
    pts: list[int] = facts["pts"]
    # The name's HMAC is part of the id: two copies of one file are two sources.
    span = f"{digest}:{key}:{facts['first_frame']}:{facts['overlap']}:{len(pts)}"
    clip_id = int.from_bytes(hashlib.blake2b(span.encode(), digest_size=8).digest(), "big", signed=True)
    return ClipRef(
        clip_id=clip_id,
        key=f"{key}-{facts['index']:06d}",
        uri=uri,
        source_digest=digest,
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
