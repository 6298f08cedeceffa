"""Clips' videos behind each other in one mp4 of any length: frames are on disk, not in memory, and not encoded again.

The slices are those that were read back and audited, all around them is laid out anew (mp4_layout.py), and what was
written is decoded once more: picture by picture it must be what the clips are.
"""

import hashlib
import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from itertools import zip_longest
from tempfile import TemporaryFile
from typing import IO

import av
import numpy as np

from operators.video import mp4_layout
from operators.video.encode import encode_video
from operators.video.h264_sets import check_picture
from operators.video.mp4_boxes import layout_of
from operators.video.mp4_layout import Index, Layout
from schemas.clip import GRAY, ClipRef

_PRESETS = ("veryfast", "medium", "ultrafast", "superfast", "faster", "fast", "slow", "slower", "veryslow")
_LONGEST = (1 << 32) - 1  # units of time that a frame of an mp4 may last


class Unlike(ValueError):
    """Videos that cannot lie behind each other as they are."""


class Joined:
    """One mp4 in the making. Close it, or use it with `with`."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._slices: IO[bytes] = self._held.enter_context(TemporaryFile())  # noqa: SIM115
        self._first: Layout | None = None
        self._sizes, self._keys, self._seen = list[int](), list[bool](), list[bytes]()

    def __enter__(self) -> "Joined":
        return self

    def __exit__(self, *raised: object) -> None:
        self._held.close()

    def add(self, video: bytes) -> int:
        """Put a clip's video (mp4, as it was written here) behind the others; how many frames it has.

        Raises ValueError if not each of its frames can be decoded, Unlike if it is coded otherwise than the first.
        """
        layout = layout_of(video)
        first = self._first = self._first or layout
        if (first.sps, first.pps) != (layout.sps, layout.pps):
            raise Unlike("its clips are coded differently")
        seen = [digest for _, digest in _pictures(io.BytesIO(video))]
        if len(seen) != len(layout.slices):
            raise ValueError(f"{len(seen)} of {len(layout.slices)} frames can be decoded")
        self._seen += seen
        self._sizes += layout.sizes
        self._keys += layout.keys
        for sample in mp4_layout.samples(layout.slices):
            self._slices.write(sample)
        return len(seen)

    def file(self, moments: list[int], last: int, unit: Fraction) -> IO[bytes]:
        """The whole, its frames shown at `moments` in units of `unit` seconds, the first at 0, the last for `last`.

        Raises ValueError for moments that an mp4 of these clips cannot hold, Unlike if it does not decode to the very
        pictures of the clips at these.
        """
        if self._first is None or len(moments) != len(self._sizes):
            raise ValueError(f"{len(self._sizes)} frames for {len(moments)} moments")
        sequence = self._first.sequence
        ticks = unit * (sequence.scale // 2)
        durations = [Fraction(int(step)) * ticks for step in [*np.diff(moments), last]]
        if any(each.denominator != 1 or not 0 < each <= _LONGEST for each in durations):
            raise ValueError("its frames lie further apart, or closer, than an mp4 of its clips can say")
        whole = [int(each) for each in durations]
        index = Index(sequence, self._first.sps, self._first.pps, whole, self._sizes, self._keys)
        file: IO[bytes] = self._held.enter_context(TemporaryFile())  # noqa: SIM115
        file.write(mp4_layout.head(index))
        self._slices.seek(0)
        shutil.copyfileobj(self._slices, file)
        self._check(file, moments, unit)
        file.seek(0)
        return file

    def _check(self, file: IO[bytes], moments: list[int], unit: Fraction) -> None:
        file.seek(0)
        due = ((moment * unit, digest) for moment, digest in zip(moments, self._seen, strict=True))
        for number, (found, wanted) in enumerate(zip_longest(_pictures(file), due)):
            if found != wanted:
                raise Unlike(f"frame {number} is another, or shown at another time, than in its clip")


def gray(ref: ClipRef, crf: int, preset: str) -> bytes:
    """A clip's video with a gray picture in place of each frame that it releases."""
    picture = np.full((ref.height, ref.width, 3), GRAY, np.uint8)
    frames = np.broadcast_to(picture, (ref.frames, *picture.shape))
    return encode_video(
        frames, list(range(ref.frames)), ref.time_base, ref.fps, crf, preset, ref.sample_aspect
    )


def settings_of(ref: ClipRef, video: bytes) -> tuple[int, str] | None:
    """The crf and preset by which a released clip was encoded, as far as its parameter sets tell; None if by none."""
    layout = layout_of(video)
    crf, one = check_picture(layout.pps), replace(ref, pts=ref.pts[-1:], overlap=0)
    for preset in _PRESETS:
        made = layout_of(gray(one, crf, preset))
        if (made.sps, made.pps) == (layout.sps, layout.pps):
            return crf, preset
    return None


def _pictures(file: IO[bytes]) -> Iterator[tuple[Fraction, bytes]]:
    """When each frame is shown, in seconds, and a digest of what is shown."""
    with av.open(file) as container:
        for frame in container.decode(video=0):
            if frame.pts is None or frame.time_base is None:
                raise ValueError("frames without timestamps")
            picture = np.ascontiguousarray(frame.to_ndarray())
            yield frame.pts * frame.time_base, hashlib.blake2b(picture.data, digest_size=8).digest()
