"""Who is in a source, as its owner says: SOURCE.people.parquet beside it, a row per person and frame.

Which frame a row is of: `frame` counts a video's from 0, as they are shown; `name` is a picture's in a folder; `topic`
and `log_time` (ns) are a message's in a recording. There are so many `frames`. `x0 y0 x1 y1` is the person's box in
pixels of the picture as displayed. Who has a `consent`, a reference that names nobody, for which `by` vouches, stays as
they are where a policy accepts it. Everybody else in the list is masked, whether a detector finds them or not.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from operators import stamps, storage
from operators.bags.read import ROSBAG2
from operators.planning.spelling import composed
from operators.planning.streams import Unreadable
from schemas import words
from schemas.clip import ClipRef
from schemas.listed import Listed

PEOPLE = ".people.parquet"
Kind = Literal["video", "folder", "recording"]  # of a source
Key = tuple[
    str, int | str
]  # topic, or nothing, and the frame's number, the picture's name or the message's log time
_KEYS: dict[Kind, tuple[str, ...]] = {
    "video": ("frame",),
    "folder": ("name",),
    "recording": ("topic", "log_time"),
}
_NUMBERS, _WORDS = ("frames", "x0", "y0", "x1", "y1"), ("consent", "by")
_TEXTS = (*_WORDS, "name", "topic")
_MOST = 10**6  # rows
_REMEDY = "Mend the list of people beside it, or take it away, and plan again"


@dataclass(frozen=True)
class Row:
    """One row of a list, the `number`-th: somebody in a frame, of which there are so many `frames`."""

    number: int
    key: Key
    frames: float
    one: Listed  # frame 0


def list_of(uri: str) -> str:
    """Where the list of a source lies: beside the file, or beside the folder. A rosbag2 in SQLite is its folder."""
    folder, _, name = uri.rpartition("/")
    return (folder if name == ROSBAG2 else uri) + PEOPLE


def is_listed_as_planned(ref: ClipRef) -> bool:
    """Whether the list beside a clip's source, if there is one, still says of its window what it said to the plan.

    Who takes back a consent, or adds somebody to be masked, must not have to know what was planned before.
    """
    beside = stamps.stamp(list_of(ref.uri))
    kind: Kind = "recording" if ref.topic else "folder" if ref.images else "video"
    try:
        (now,) = with_people([ref], _now(ref.uri, beside, kind) if beside else {})
    except (Unreadable, OSError):
        return False
    return now.listed == ref.listed


@lru_cache(8)
def _now(uri: str, stamp: str, kind: Kind) -> dict[Key, list[Row]]:
    """Once for all clips of a source."""
    rows = read_people(uri, kind)
    if kind == "video":  # which tells of itself whether it is in order
        require_fit(rows, {"": range(int(max((row.frames for row in rows), default=0)))})
    return _by_key(rows)


def listed_in(
    refs: list[ClipRef],
    uri: str,
    kind: Kind,
    frames: Mapping[str, Sequence[int | str]],
    others: Collection[str] = (),
) -> list[ClipRef]:
    """The clips of a source with those of its list: `frames` are all there are, by topic; `others` topics that are not
    planned. Raises Unreadable unless every row says what it must: of a row that was passed over somebody would stay
    visible."""
    rows = read_people(uri, kind)
    require_fit([row for row in rows if row.key[0] not in others], frames)
    return with_people(refs, _by_key(rows))


def read_people(uri: str, kind: Kind) -> list[Row]:
    """All rows of the list beside a source. Raises Unreadable for one that says less than it must."""
    place, _, name = list_of(uri).rpartition("/")
    data = storage.read_bytes(place, name)
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError):  # the latter of pages that are spoilt
        raise Unreadable("its list of people is no Parquet file", _REMEDY) from None
    if table.num_rows > _MOST:
        raise Unreadable(f"its list of people has more than {_MOST} rows", _REMEDY)
    keys = [_column(table, name) for name in _KEYS[kind]]
    rest = [_column(table, name) for name in (*_NUMBERS, *_WORDS)]
    topics = keys[0] if len(keys) > 1 else [""] * table.num_rows
    found = []
    for number, (topic, key, frames, *said) in enumerate(zip(topics, keys[-1], *rest, strict=True), start=1):
        one = Listed(0, *said)
        if bool(one.consent) != bool(one.by) or not words.written(one.consent) or not words.written(one.by):
            raise Unreadable(_of_row(number, "has no consent that may be published"), _REMEDY)
        found.append(Row(number, (topic, _spelled(key)), frames, one))
    return found


def require_fit(rows: Sequence[Row], frames: Mapping[str, Sequence[int | str]]) -> None:
    """Raises Unreadable for a row that is of no frame, or of more than one, and for a list of another source."""
    counts = {topic: Counter(map(_spelled, own)) for topic, own in frames.items()}
    for row in rows:
        topic, key = row.key
        if topic not in frames:
            raise Unreadable(_of_row(row.number, "is of no topic of pictures that it has"), _REMEDY)
        what = "frame" if isinstance(frames[topic], range) else "picture"
        if row.frames != len(frames[topic]):
            said = f"its list of people is not of {len(frames[topic])} {what}s, as many as it has"
            raise Unreadable(said, _REMEDY)
        if not counts[topic][key]:
            raise Unreadable(_of_row(row.number, f"is of no {what} that it has"), _REMEDY)
        if counts[topic][key] > 1:
            raise Unreadable(_of_row(row.number, "is of several pictures of one time"), _REMEDY)


def with_people(refs: list[ClipRef], rows: Mapping[Key, list[Row]]) -> list[ClipRef]:
    """Each clip with those who are listed in its window, frames counted from the window's first; what is said twice is
    said once. Raises Unreadable for a box that is none in the clip's pictures."""
    made = []
    for ref in refs:
        own = [(at, row) for at, key in enumerate(_keys(ref)) for row in rows.get(key, ())]
        for _, row in own:
            if not row.one.is_in((ref.height, ref.width)):
                raise Unreadable(_of_row(row.number, "is no box in its pictures"), _REMEDY)
        made.append(replace(ref, listed=list(dict.fromkeys(replace(row.one, frame=at) for at, row in own))))
    return made


def _keys(ref: ClipRef) -> list[Key]:
    """Of each frame of a clip's window; of what cannot be shown there is none."""
    if ref.problem:
        return []
    if not ref.images:
        return [("", ref.first_frame + number) for number in range(len(ref.pts))]
    shown = ref.images[len(ref.images) - len(ref.pts) :]
    return [(ref.topic, int(image.name) if ref.topic else _spelled(image.name)) for image in shown]


def _by_key(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    found = defaultdict[Key, list[Row]](list)
    for row in rows:
        found[row.key].append(row)
    return dict(found)


def _spelled(key: int | str) -> int | str:
    """A picture's name in one spelling: whoever lists it may type what a file system keeps in other signs."""
    return composed(key) if isinstance(key, str) else key


def _of_row(number: int, what: str) -> str:
    return f"row {number} of its list of people {what}"


def _column(table: pa.Table, name: str) -> list[Any]:
    """Numbers as float, NaN where there is none; times as int; words as str, empty where there is none."""
    if table.column_names.count(name) != 1:
        raise Unreadable("its list of people lacks a column, or has one twice", _REMEDY)
    column, kind = table[name], table.schema.field(name).type
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
    whole = pa.types.is_integer(kind)
    if not (texts if name in _TEXTS else whole or (pa.types.is_floating(kind) and name != "log_time")):
        raise Unreadable("its list of people has a column of another type", _REMEDY)
    if name in _TEXTS:
        return [word or "" for word in column.to_pylist()]
    if name == "log_time":  # in a float they would not be whole
        return [-1 if moment is None else int(moment) for moment in column.to_pylist()]
    return [math.nan if value is None else float(value) for value in column.to_pylist()]
