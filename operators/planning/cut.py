"""Frames -> references to clips: windows that part them, none across a new start of the clock."""

from dataclasses import replace

from operators.planning.frames import Frames, numbered
from operators.planning.streams import Unreadable
from schemas.clip import ClipRef
from schemas.profile import Clips

TOO_LARGE = "Raise clip.max_bytes in the profile"


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


def longest(width: int, height: int, clips: Clips) -> int:
    """Frames of a clip: 4k+1, as many as fit into `max_bytes` decoded. Raises Unreadable if these are too few."""
    length = min(clips.frames, (clips.max_bytes // (width * height * 3) - 1) // 4 * 4 + 1)
    if length <= clips.overlap:
        raise Unreadable(f"its {width}x{height} frames are too large", TOO_LARGE)
    return length


def cut(source: Frames, clips: Clips, empty: ClipRef) -> list[ClipRef]:
    """The source's windows, each still under the source's key, and one reference for all frames that are missing."""
    length = longest(source.width, source.height, clips)
    whole = filled(empty, source)
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
    return keyed(made)


def keyed(refs: list[ClipRef]) -> list[ClipRef]:
    """Each with its number behind the source's key."""
    return [replace(ref, key=f"{ref.key}-{index:06d}") for index, ref in enumerate(refs)]


def filled(empty: ClipRef, source: Frames) -> ClipRef:
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
