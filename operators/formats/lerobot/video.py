"""Released clips -> an episode's video, and episodes -> a file. Frames are not encoded again: the slices that Audit has
read back are put behind each other, and all around them is laid out anew."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from operators.formats.lerobot.meta import MOST_BYTES
from operators.formats.lerobot.stats import levels_of
from operators.video import mp4_layout
from operators.video.encode import decode_bytes, encode_video
from operators.video.mp4_boxes import foreign_boxes, layout_of
from operators.video.mp4_layout import MOST_FRAMES, Layout
from schemas.certificate import Timing
from schemas.clip import ClipRef

_BLACK = 64  # frames that are encoded together


class Unfit(ValueError):
    """Why clips do not make an episode's video; names no file."""


@dataclass(frozen=True)
class Piece:
    """A part of a video: its layout, and how often each channel has each level (int64 [3,256]) in its pictures."""

    layout: Layout
    levels: np.ndarray

    @property
    def size(self) -> int:
        """Bytes of its frames."""
        return sum(self.layout.sizes)

    @property
    def moments(self) -> np.ndarray:
        """float64 [N]: when each frame is shown, in seconds from the first."""
        before = np.cumsum([0, *self.layout.durations[:-1]], dtype=np.int64)
        return np.asarray(before / (self.layout.sequence.scale // 2))

    @property
    def seconds(self) -> Fraction:
        """From the first frame to the end of the last."""
        return Fraction(sum(self.layout.durations), self.layout.sequence.scale // 2)


def released(clips: Iterable[tuple[ClipRef, bytes]], timing: Timing) -> Piece:
    """An episode from its clips' videos, in order: with the source's distances between frames, or nominal ones.

    Raises Unfit if a video does not hold the frames that its clip releases, or is coded otherwise than the first.
    """
    refs, pieces = [], []
    for ref, video in clips:
        pieces.append(_piece(video))
        refs.append(ref)
        if len(pieces[-1].layout.slices) != ref.frames:
            raise Unfit(f"clip {ref.key} has {len(pieces[-1].layout.slices)} frames instead of {ref.frames}")
    whole, first = _joined(pieces), refs[0]
    shown = [pts for ref in refs for pts in ref.pts[ref.overlap :]]
    if timing == "nominal":
        shown = replace(first, pts=shown, overlap=0).moments(timing)
    last = max(1, round(1 / (first.fps * first.time_base)))
    unit = first.time_base * (whole.layout.sequence.scale // 2)
    durations = [Fraction(int(step)) * unit for step in [*np.diff(shown), last]]
    if any(each.denominator != 1 for each in durations):
        raise Unfit(f"clip {first.key} has another unit of time than its source")
    return replace(whole, layout=replace(whole.layout, durations=[int(each) for each in durations]))


def black(timestamps: np.ndarray, fps: int, height: int, width: int) -> Piece:
    """An episode of as many black pictures as it has `timestamps` (seconds), shown at these."""
    unit = Fraction(1, 1000 * fps)
    shown = [round(float(moment) / float(unit)) for moment in timestamps - timestamps[0]]
    pieces = []
    for first in range(0, len(shown), _BLACK):
        pts = shown[first : first + _BLACK]
        dark = np.zeros((len(pts), height, width, 3), np.uint8)
        pieces.append(_piece(encode_video(dark, pts, unit, Fraction(fps), 30, "veryfast")))
    whole = _joined(pieces)
    durations = [*(int(step) for step in np.diff(shown)), 1000]
    return replace(whole, layout=replace(whole.layout, durations=durations))


class Files:
    """The files of one camera. Neighbouring episodes share one as long as they are coded alike and fit into it."""

    def __init__(self, write: Callable[[int, bytes], None]) -> None:
        """`write` is given the number of a file and its bytes."""
        self._write, self._held, self._number = write, list[Piece](), 0

    def add(self, piece: Piece) -> tuple[int, float, float]:
        """The number of the file that the episode is in, and from when until when (seconds in it)."""
        frames = sum(len(held.layout.slices) for held in self._held) + len(piece.layout.slices)
        size = sum(held.size for held in self._held) + piece.size
        if self._held:
            alike = _alike(self._held[0].layout, piece.layout)
            if not alike or frames > MOST_FRAMES or size > MOST_BYTES:
                self.end()
        start = sum((held.seconds for held in self._held), Fraction(0))
        self._held.append(piece)
        return self._number, float(start), float(start + piece.seconds)

    def end(self) -> None:
        """Write what is held. Raises ValueError if anything but its frames and their moments would be in it."""
        if not self._held:
            return
        whole = _joined(self._held)
        video = mp4_layout.write(whole.layout)
        if foreign := foreign_boxes(video):
            raise ValueError(f"a video with {', '.join(foreign)} in it")
        self._write(self._number, video)
        self._held, self._number = [], self._number + 1


def _alike(one: Layout, other: Layout) -> bool:
    return (one.sps, one.pps) == (other.sps, other.pps)


def _piece(video: bytes) -> Piece:
    """A clip's video, every frame of which can be decoded."""
    layout, pictures = layout_of(video), decode_bytes(video)
    if len(pictures) != len(layout.slices):
        raise Unfit(f"{len(pictures)} of {len(layout.slices)} frames can be decoded")
    return Piece(layout, levels_of(pictures))


def _joined(pieces: list[Piece]) -> Piece:
    """One behind the other."""
    first = pieces[0].layout
    if not all(_alike(first, piece.layout) for piece in pieces):
        raise Unfit("its clips are coded differently")
    layout = replace(
        first,
        durations=[each for piece in pieces for each in piece.layout.durations],
        slices=[unit for piece in pieces for unit in piece.layout.slices],
    )
    return Piece(layout, np.sum([piece.levels for piece in pieces], axis=0))
