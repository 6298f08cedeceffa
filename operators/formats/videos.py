"""Whole videos from released clips: one mp4 per source, its frames at the source's times, and a record of its spans.

Nothing of the source is read here. Released clips lie behind each other as Audit has read them back; what was not
released is gray, left out, or ends the video. NAME.mp4 has NAME.json beside it: which frames are what, and why.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import IO, Any

from av.error import FFmpegError

from operators import storage
from operators.formats.ended import Ended, unreleased
from operators.formats.images import RECORD
from operators.formats.names import Names
from operators.release.layout import source_of
from operators.video.encode import decode_bytes, encode_video
from operators.video.joined import Joined, Unlike, gray, settings_of
from schemas.certificate import Timing
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Videos

STATES = ("released", "gray", "left out")
_AGAIN = 16, "medium"  # crf and preset of a video whose clips cannot lie behind each other as they are
_BEHIND = "the video stops before it"


@dataclass(frozen=True)
class Stretch:
    """The frames that a clip releases: how they ended, why they were not released, when they are shown."""

    ref: ClipRef
    state: str
    reason: str
    moments: Sequence[int] = ()


class _Unsaid(ValueError):
    """Why released clips make no mp4; names no file."""


@dataclass(frozen=True)
class VideoExport:
    """Videos whose clips ended as `ended` says. `name` gives what the video of a clip is called, without its ending;
    `read` the bytes of a released clip."""

    rules: Videos
    timing: Timing
    ended: Mapping[str, Ended]
    name: Callable[[ClipRef], str]
    read: Callable[[ClipRef], bytes]
    target: str
    names: Names = field(default_factory=lambda: Names(RECORD))  # of all that is given back there

    def write(self, sources: Iterable[Sequence[ClipRef]]) -> dict[str, dict[str, Any]]:
        """Write the videos of all `sources`, each its clips; of each, by name, how many frames ended how, and why.

        Raises UserError if a clip's video is not what was released, or two videos would be called the same, or one like
        the record of all or like the folder of another.
        """
        videos: dict[str, dict[str, Any]] = {}
        for refs in sources:
            name = self.name(refs[0])
            if name in videos:
                remedy = "Rename one of them and plan again, or set videos.names to key"
                raise UserError(name, "is what two videos would be called", remedy)
            remedy = "Rename it and plan again, or set videos.names to key"
            self.names.take(name, [f"{name}.mp4", f"{name}.json"], remedy)
            videos[name] = self._video(name, sorted(refs, key=lambda ref: ref.first_frame))
        return videos

    def _video(self, name: str, refs: Sequence[ClipRef]) -> dict[str, Any]:
        spans, facts = self._spans(refs), dict[str, Any]()
        try:
            if any(span.state == "released" for span in spans):
                facts = self._made(name, spans)
        except _Unsaid as error:
            spans = [replace(span, reason=span.reason or str(error)) for span in spans]
        if not facts:
            spans = [replace(span, state="left out") for span in spans]
        restarts = {"clock_starts_again": found} if facts and (found := _restarts(refs)) else {}
        record = {"source": source_of(refs[0].key), **facts, **restarts, "spans": _said(spans)}
        storage.write_bytes(self.target, f"{name}.json", json.dumps(record, indent=2).encode())
        counts = {state: sum(span.ref.frames for span in spans if span.state == state) for state in STATES}
        held = [span for span in spans if span.reason]
        reasons = [{"state": span.state, "frames": span.ref.frames, "reason": span.reason} for span in held]
        return {"sha256": facts.get("sha256", ""), **counts, "unreleased": reasons}

    def _spans(self, refs: Sequence[ClipRef]) -> list[Stretch]:
        """Of each clip. Frames that are not in the source are in no video: nobody knows when they would be shown."""
        made, stopped = list[Stretch](), False
        moments = self._moments([ref for ref in refs if not ref.problem])
        for ref in refs:
            reason = unreleased(ref, self.ended)
            stopped |= bool(reason) and self.rules.unreleased == "stop"
            as_gray = self.rules.unreleased == "gray" and not ref.problem
            state = ("gray" if as_gray else "left out") if reason else "left out" if stopped else "released"
            made.append(Stretch(ref, state, reason or (_BEHIND if stopped else ""), moments.get(ref.key, ())))
        return made

    def _moments(self, refs: Sequence[ClipRef]) -> dict[str, list[int]]:
        """When the frames of each clip are shown, in units of its time base from the source's first. A frame before
        which the clock starts again comes a frame's distance behind the one before it."""
        shown = [pts for ref in refs for pts in ref.pts[ref.overlap :]]
        if not shown:
            return {}
        if self.timing == "nominal":
            every = replace(refs[0], pts=shown, overlap=0).moments("nominal")
        else:
            steps = (next - pts if next > pts else _step(refs[0]) for pts, next in pairwise(shown))
            every = list(accumulate(steps, initial=0))
        ends = accumulate(ref.frames for ref in refs)
        return {ref.key: every[end - ref.frames : end] for ref, end in zip(refs, ends, strict=True)}

    def _made(self, name: str, spans: Sequence[Stretch]) -> dict[str, Any]:
        """Write the video, of clips as they were released if these can lie behind each other, else encoded again."""
        kept = [span for span in spans if span.state != "left out"]
        settings = self._settings(kept)
        try:
            return self._joined(name, kept, *(settings or _AGAIN), again=not settings)
        except Unlike:
            try:
                return self._joined(name, kept, *_AGAIN, again=True)
            except Unlike as error:
                raise _Unsaid(f"its clips cannot lie behind each other: {error}") from None

    def _settings(self, kept: Sequence[Stretch]) -> tuple[int, str] | None:
        """Of the encoder, so that what is gray goes with what was released. None if that is not to be had."""
        if all(span.state == "released" for span in kept):
            return _AGAIN  # not used
        ref = next(span.ref for span in kept if span.state == "released")
        return settings_of(ref, self.read(ref))

    def _joined(
        self, name: str, kept: Sequence[Stretch], crf: int, preset: str, again: bool
    ) -> dict[str, Any]:
        first, start = kept[0].ref, kept[0].moments[0]
        with Joined() as joined:
            for span in kept:
                video = gray(span.ref, crf, preset) if span.state == "gray" else self.read(span.ref)
                try:
                    video = _encoded(span.ref, video, crf, preset) if again else video
                    sound = joined.add(video) == span.ref.frames
                except Unlike:
                    raise
                except (ValueError, FFmpegError):
                    sound = False
                if not sound:
                    remedy = "Run jobs.verify"
                    raise UserError(f"clip {span.ref.key}", "does not hold the planned pictures", remedy)
            moments = [moment - start for span in kept for moment in span.moments]
            try:
                file = joined.file(moments, _step(first), first.time_base)
            except Unlike:
                raise
            except ValueError as error:
                raise _Unsaid(str(error)) from None
            digest = _kept(self.target, f"{name}.mp4", file)
        return {
            "video": f"{name.rpartition('/')[2]}.mp4",
            **digest,
            "encoded_again": again,
            "frames": len(moments),
            "time_base": [first.time_base_num, first.time_base_den],
            "begins": start,
        }


def _step(ref: ClipRef) -> int:
    """A frame's distance, in units of the time base."""
    return max(1, round(1 / (ref.fps * ref.time_base)))


def _restarts(refs: Sequence[ClipRef]) -> list[int]:
    """Numbers of the source's frames that are not shown later than the one before; their distance to it is made up."""
    frames = [
        (ref.first_frame + number, ref.pts[number])
        for ref in refs
        if not ref.problem
        for number in range(ref.overlap, len(ref.pts))
    ]
    return [number for (_, before), (number, pts) in pairwise(frames) if pts <= before]


def _encoded(ref: ClipRef, video: bytes, crf: int, preset: str) -> bytes:
    frames = decode_bytes(video)
    count = list(range(len(frames)))
    return encode_video(frames, count, ref.time_base, ref.fps, crf, preset, ref.sample_aspect)


def _kept(target: str, path: str, file: IO[bytes]) -> dict[str, Any]:
    """Write a file; its size and sha256."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    size = file.tell()
    file.seek(0)
    storage.write_stream(target, path, file)
    return {"bytes": size, "sha256": digest}


def _said(spans: Sequence[Stretch]) -> list[dict[str, Any]]:
    """What the record says of each span: `source_frame` is the number of its first frame in the source, `first` in
    the video."""
    said, first = list[dict[str, Any]](), 0
    for span in spans:
        place = {"first": first} if span.state != "left out" else {}
        said.append(
            {
                "clip": span.ref.key,
                "source_frame": span.ref.first_frame + span.ref.overlap,
                "frames": span.ref.frames,
                "state": span.state,
                **place,
                **({"reason": span.reason} if span.reason else {}),
            }
        )
        first += span.ref.frames if place else 0
    return said
