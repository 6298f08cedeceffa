"""Who is in a video, as its owner says: VIDEO.mp4.people.parquet beside VIDEO.mp4, a row per person and frame.

`frame` counts the video's frames from 0, as they are shown, of which there are `frames`; `x0 y0 x1 y1` is the person's
box in pixels of the picture as displayed. Who has a `consent`, a reference that names nobody, for which `by` vouches,
stays as they are where a policy accepts it. Everybody else in the list is masked, whether a detector finds them or not.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators import stamps, storage
from operators.planning.streams import Unreadable
from schemas import words
from schemas.clip import ClipRef
from schemas.listed import Listed

PEOPLE = ".people.parquet"
_NUMBERS, _WORDS = ("frame", "frames", "x0", "y0", "x1", "y1"), ("consent", "by")
_MOST = 10**6  # rows
_REMEDY = "Mend the list of people beside the video, or take it away, and plan again"


def is_listed_as_planned(ref: ClipRef) -> bool:
    """Whether the list beside a clip's video, if there is one, still says of its window what it said to the plan.

    Who takes back a consent, or adds somebody to be masked, must not have to know what was planned before.
    """
    beside = "" if ref.images or ref.topic else stamps.stamp(ref.uri + PEOPLE)
    try:
        now = _now(ref.uri, beside, (ref.height, ref.width)) if beside else []
    except (Unreadable, OSError):
        return False
    (planned,) = with_people([ref], now)
    return planned.listed == ref.listed


@lru_cache(8)
def _now(uri: str, stamp: str, size: tuple[int, int]) -> list[Listed]:
    """Once for all clips of a source."""
    return read_people(uri, None, size)


def read_people(uri: str, frames: int | None, size: tuple[int, int]) -> list[Listed]:
    """The list of the video `uri`, which has so many `frames` of `size` (height, width), in order of its frames.

    Without `frames` it has as many as the list itself says.

    Raises Unreadable unless every row says what it must: of a row that was passed over somebody would stay visible.
    """
    place, _, name = uri.rpartition("/")
    try:
        table = pq.read_table(pa.BufferReader(storage.read_bytes(place, name + PEOPLE)))
    except pa.ArrowException:
        raise Unreadable("its list of people is no Parquet file", _REMEDY) from None
    if table.num_rows > _MOST:
        raise Unreadable(f"its list of people has more than {_MOST} rows", _REMEDY)
    columns = [_column(table, name) for name in (*_NUMBERS, *_WORDS)]
    frames = frames if frames is not None else int(max(columns[1], default=0))
    found = []
    for number, row in enumerate(zip(*columns, strict=True), start=1):
        frame, count, x0, y0, x1, y1, consent, by = row
        if count != frames:
            raise Unreadable(f"its list of people is not of {frames} frames, as many as it has", _REMEDY)
        if not 0 <= frame < frames or frame != int(frame):
            raise Unreadable(f"row {number} of its list of people is of no frame that it has", _REMEDY)
        one = Listed(int(frame), x0, y0, x1, y1, consent, by)
        if not one.is_in(size):
            raise Unreadable(f"row {number} of its list of people is no box in its pictures", _REMEDY)
        if bool(consent) != bool(by) or not words.written(consent) or not words.written(by):
            raise Unreadable(
                f"row {number} of its list of people has no consent that may be published", _REMEDY
            )
        found.append(one)
    return sorted(dict.fromkeys(found), key=lambda one: one.frame)  # what is said twice is said


def with_people(refs: list[ClipRef], people: list[Listed]) -> list[ClipRef]:
    """Each clip with those who are listed in its window, frames counted from the window's first."""
    return [
        replace(
            ref,
            listed=[
                replace(one, frame=one.frame - ref.first_frame)
                for one in people
                if 0 <= one.frame - ref.first_frame < len(ref.pts)
            ],
        )
        for ref in refs
    ]


def _column(table: pa.Table, name: str) -> list[Any]:
    """Numbers as float, NaN where there is none; words as str, empty where there is none."""
    if table.column_names.count(name) != 1:
        raise Unreadable("its list of people lacks a column, or has one twice", _REMEDY)
    column, kind = table[name], table.schema.field(name).type
    if name in _WORDS:
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise Unreadable("its list of people has a column of another type", _REMEDY)
        return [word or "" for word in column.to_pylist()]
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise Unreadable("its list of people has a column of another type", _REMEDY)
    return [math.nan if value is None else float(value) for value in column.to_pylist()]
