"""What becomes of each episode: given back as it was released, or not, and why. By plan, verdicts and rows alone."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from operators.formats.ended import Ended, unreleased
from operators.formats.lerobot.layout import Dataset, Episode, Span
from schemas.clip import ClipRef

TOLERANCE = 1e-4  # s between a row's time stamp and its frame's, as lerobot's loader has it


@dataclass(frozen=True)
class Rows:
    """An episode's rows of data: their time stamps (seconds, float64 [N]), and what is wrong with them."""

    timestamps: np.ndarray
    problem: str = ""


@dataclass(frozen=True)
class Fate:
    """`clips` of each camera, in order, if all were released; else the `problem`. `sound`: its rows of data are, so
    that they can be given back with black pictures."""

    problem: str = ""
    sound: bool = True
    clips: dict[str, list[ClipRef]] = field(default_factory=dict)


class EndedClips:
    """The planned clips of a dataset's videos, found by when their frames are shown."""

    def __init__(self, refs: Iterable[ClipRef], ended: Mapping[str, Ended]) -> None:
        self.ended = ended
        self.by_video: dict[str, list[ClipRef]] = {}
        for ref in sorted(refs, key=lambda ref: ref.first_frame):
            self.by_video.setdefault(ref.uri, []).append(ref)
        # That a video's clock goes on: only then does a moment name a frame.
        self.steady = {uri: _steady(own) for uri, own in self.by_video.items()}
        self._shown = {uri: [ref for ref in own if ref.pts] for uri, own in self.by_video.items()}
        self._begins = {uri: [begin(ref) for ref in own] for uri, own in self._shown.items()}

    def between(self, uri: str, start: float, stop: float, half: float) -> list[ClipRef]:
        """Of a video with a steady clock, the clips of which a frame is shown then, half a frame's time earlier."""
        first = max(0, bisect_left(self._begins[uri], start - half) - 1)
        last = bisect_left(self._begins[uri], stop - half)
        return [ref for ref in self._shown[uri][first:last] if end(ref) >= start - half]


def begin(ref: ClipRef) -> float:
    """When the first frame that the clip releases is shown, in seconds."""
    return float(ref.pts[ref.overlap] * ref.time_base)


def end(ref: ClipRef) -> float:
    """And the last."""
    return float(ref.pts[-1] * ref.time_base)


def _steady(own: list[ClipRef]) -> bool:
    shown = [pts for ref in own for pts in ref.pts[ref.overlap :]]
    return all(one < other for one, other in pairwise(shown))


def fate(
    dataset: Dataset, episode: Episode, rows: Rows | None, cameras: list[str], clips: EndedClips
) -> Fate:
    """Of one episode; the first problem that is found counts."""
    if rows is None:
        return Fate("it has no rows in data", sound=False)
    if rows.problem:
        return Fate(rows.problem, sound=False)
    if len(rows.timestamps) != episode.length:
        said = f"it has {len(rows.timestamps)} rows in data, and meta/episodes says {episode.length}"
        return Fate(said, sound=False)
    held: dict[str, list[ClipRef]] = {}
    for camera in cameras:
        if camera not in episode.spans:
            return Fate(f"meta/episodes names no video of {camera}")
        own, problem = _of_camera(dataset, episode.spans[camera], rows.timestamps, clips)
        if problem:
            return Fate(f"{camera}: {problem}")
        held[camera] = own
    return Fate(clips=held)


def _of_camera(
    dataset: Dataset, span: Span, timestamps: np.ndarray, clips: EndedClips
) -> tuple[list[ClipRef], str]:
    """The clips that make up the span, or why they do not."""
    uri, half = dataset.uri(span.video), 0.5 / dataset.fps
    if uri not in clips.by_video:
        return [], "its video is not in the plan"
    if unreadable := [ref.problem for ref in clips.by_video[uri] if not ref.pts]:
        return [], f"its video cannot be read: {unreadable[0]}"
    if not clips.steady[uri]:
        return [], "the clock of its video starts again"
    own = clips.between(uri, span.start, span.stop, half)
    if bad := [ref.problem for ref in own if ref.problem]:
        return [], f"of its video {bad[0]}"
    moments = np.array([float(pts * ref.time_base) for ref in own for pts in ref.pts[ref.overlap :]])
    if own and (moments[0] < span.start - half or moments[-1] >= span.stop - half):
        return [], "a planned clip lies across its ends; plan the dataset again"
    if len(moments) != len(timestamps):
        rate = float(own[0].fps) if own else 0.0
        said = f"its video has {len(moments)} frames for {len(timestamps)} rows of data"
        return [], said + (
            f"; at {rate:g} frames/s, not {dataset.fps}" if rate and abs(rate - dataset.fps) > 0.01 else ""
        )
    off = float(np.abs(moments - span.start - timestamps).max(initial=0.0))
    if off > TOLERANCE:
        return [], f"frames of its video are up to {off:.4f} s away from the time stamps of its rows"
    for ref in own:
        if problem := unreleased(ref, clips.ended):
            return [], problem
    return own, ""
