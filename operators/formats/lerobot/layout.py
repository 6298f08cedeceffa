"""A LeRobot dataset of version 3: what stands in meta/, which episodes it has, and where in its videos they lie.

Written after the layout as lerobot 0.4 reads it:

    meta/info.json                            features, rate, totals
    meta/episodes/chunk-000/file-000.parquet  one row per episode: its rows of data, its span of each camera's video
    meta/tasks.parquet, meta/stats.json
    data/chunk-000/file-000.parquet           one row per frame; several episodes in a file
    videos/KEY/chunk-000/file-000.mp4         several episodes behind each other in a file
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators import storage
from schemas.errors import UserError

INFO, STATS, EPISODES, DATA, VIDEOS = "meta/info.json", "meta/stats.json", "meta/episodes", "data", "videos"
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"{DATA}/{FILE}.parquet"
VIDEO_PATH = f"{VIDEOS}/{{video_key}}/{FILE}.mp4"
OWN = ("timestamp", "frame_index", "episode_index", "index", "task_index")  # features that every dataset has
LONGEST = 1024  # numbers of a vector: a picture of 32x32 levels is the least that would pass for one
_MOST = 10**7  # episodes: each that is missing is a line in the record of what became of them
_LARGEST = {"total_episodes": _MOST, "fps": 10**4}
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_REMEDY = "Mend the dataset, or plan its folder videos alone"


@dataclass(frozen=True)
class Span:
    """An episode's part of a camera's video: the file, and from when until when (seconds in it) it lasts."""

    video: str
    start: float
    stop: float


@dataclass(frozen=True)
class Episode:
    """`length` rows of data, and as many frames of every camera; `spans` by video key."""

    index: int
    length: int
    tasks: list[str]
    spans: dict[str, Span]


@dataclass(frozen=True)
class Dataset:
    """`episodes` by their index; of the `total` in info.json those that meta/episodes does not hold are missing."""

    place: str
    info: dict[str, Any]
    episodes: dict[int, Episode]
    total: int

    @property
    def fps(self) -> int:
        """Rows a second."""
        return int(self.info["fps"])

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Of each feature dtype, shape and names of its axes."""
        return dict(self.info["features"])

    @property
    def cameras(self) -> list[str]:
        """Video keys."""
        return [key for key, feature in self.features.items() if feature["dtype"] == "video"]

    def uri(self, path: str) -> str:
        """The address of a file of the dataset, as a plan has it."""
        return storage.join(storage.absolute(self.place), path)


def read(place: str) -> Dataset | None:
    """The dataset at a folder or prefix, None if there is none. Raises UserError for one that cannot be read."""
    try:
        written = storage.read_bytes(place, INFO)
    except (FileNotFoundError, NotADirectoryError):
        return None
    info = _info(place, written)
    if info is None:
        return None
    keys = [key for key, feature in info["features"].items() if feature["dtype"] == "video"]
    try:
        found = [_episode(row, keys) for row in _rows(place, keys)]
    except (TypeError, ValueError):
        raise UserError(f"{place}/{EPISODES}", "holds a row that is no episode's", _REMEDY) from None
    episodes = {one.index: one for one in found}
    if len(episodes) < len(found):
        raise UserError(f"{place}/{EPISODES}", "names an episode twice", _REMEDY)
    if max(episodes) >= _MOST:
        raise UserError(
            f"{place}/{EPISODES}", f"names an episode {max(episodes)}, of {_MOST} at most", _REMEDY
        )
    return Dataset(place, info, episodes, max(info["total_episodes"], *(n + 1 for n in episodes), 0))


def cuts(dataset: Dataset) -> dict[str, tuple[float, ...]]:
    """Of each video, by its address, the moments (seconds) at which an episode begins or ends."""
    found: dict[str, set[float]] = {}
    for episode in dataset.episodes.values():
        for span in episode.spans.values():
            found.setdefault(dataset.uri(span.video), set()).update((span.start, span.stop))
    return {video: tuple(sorted(moments)) for video, moments in found.items()}


def columns_of(folder: str, name: str, columns: Sequence[str]) -> pa.Table:
    """Columns of a parquet file. Raises UserError if it cannot be read, or has one of them not."""
    where, written = f"{folder}/{name}", storage.read_bytes(folder, name)
    try:
        held = pq.read_schema(pa.BufferReader(written)).names
        if missing := [column for column in columns if column not in held]:
            raise UserError(where, f"has no column {missing[0]}", _REMEDY)
        return pq.read_table(pa.BufferReader(written), columns=list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(
            where, f"cannot be read ({type(error).__name__})", "Fetch it again, or mend it"
        ) from None


def chosen(dataset: Dataset, cameras: Sequence[str]) -> list[str]:
    """The video keys that a policy's `cameras` name, all if none. Raises UserError if one is none."""
    if unknown := sorted(set(cameras) - set(dataset.cameras)):
        remedy = f"There are {', '.join(dataset.cameras)}"
        raise UserError("policy.episodes.cameras", f"{unknown[0]!r} is no video of {dataset.place}", remedy)
    return [key for key in dataset.cameras if not cameras or key in cameras]


def size(feature: dict[str, Any]) -> tuple[int, int]:
    """Height and width of a video feature's pictures; in the order of a picture's axes where they have no names."""
    high, wide = _axes(feature) or (0, 1)
    return int(feature["shape"][high]), int(feature["shape"][wide])


def sized(feature: dict[str, Any], height: int, width: int) -> list[int]:
    """The shape of a video feature of this size; as it is said where its axes have no names."""
    shape = list(feature["shape"])
    if axes := _axes(feature):
        shape[axes[0]], shape[axes[1]] = height, width
    return shape


def _axes(feature: dict[str, Any]) -> tuple[int, int] | None:
    names = feature.get("names")
    named = isinstance(names, list) and names.count("height") == names.count("width") == 1 and len(names) == 3
    return (names.index("height"), names.index("width")) if isinstance(names, list) and named else None


def is_plain(feature: dict[str, Any]) -> bool:
    """Whether it is of numbers, truth values, or vectors of up to LONGEST of them."""
    kinds = ("float", "int", "uint", "bool")
    short = len(feature["shape"]) <= 1 and math.prod(feature["shape"]) <= LONGEST
    return short and feature["dtype"].rstrip("0123456789") in kinds


def _info(place: str, written: bytes) -> dict[str, Any] | None:
    """meta/info.json, of which everything that is used here is as it must be; None if it is of something else."""
    where = f"{place}/{INFO}"
    try:
        info = json.loads(written)
        if not isinstance(info, dict) or "codebase_version" not in info:
            return None
        version, features = info["codebase_version"], info["features"]
        for feature in features.values():
            feature["shape"] = [int(size) for size in feature["shape"]]
        kinds = [(key, feature["dtype"], feature["shape"]) for key, feature in features.items()]
        if isinstance(info["fps"], float) and info["fps"].is_integer():
            info["fps"] = int(info["fps"])  # as writers in other languages put it
        counts = [info["total_episodes"], info["fps"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(
            where, f"is no LeRobot dataset's ({type(error).__name__}: {error})", _REMEDY
        ) from None
    if not re.fullmatch(r"v3\.\d+", str(version)):
        remedy = "Convert it to v3.0 with lerobot's own script, or plan its folder videos alone"
        raise UserError(where, f"is of version {version}", remedy)
    if any(type(count) is not int or count < 0 for count in counts) or not info["fps"]:
        raise UserError(where, "total_episodes and fps are no whole numbers", _REMEDY)
    if large := [name for name, most in _LARGEST.items() if info[name] > most]:
        raise UserError(where, f"{large[0]} is more than {_LARGEST[large[0]]}", _REMEDY)
    if wrong := [key for key, kind, _ in kinds if not isinstance(kind, str)]:
        raise UserError(where, f"the feature {wrong[0]!r} has no dtype that is a word", _REMEDY)
    if missing := [key for key in OWN if key not in features]:
        raise UserError(where, f"has no feature {missing[0]}", _REMEDY)
    if wrong := [key for key in OWN if not is_plain(features[key]) or math.prod(features[key]["shape"]) != 1]:
        raise UserError(where, f"the feature {wrong[0]!r} is no number", _REMEDY)
    videos = [(key, shape) for key, kind, shape in kinds if kind == "video"]
    if not videos:
        raise UserError(where, "has no feature of dtype video", "Datasets of single images are not read yet")
    if bad := [key for key, shape in videos if not _KEY.fullmatch(key) or len(shape) != 3]:
        raise UserError(where, f"the video feature {bad[0]!r} has no plain name, or no shape", _REMEDY)
    if info.get("video_path") != VIDEO_PATH:
        raise UserError(where, f"video_path is not {VIDEO_PATH}", _REMEDY)
    return dict(info)


def _rows(place: str, keys: list[str]) -> list[dict[str, Any]]:
    """Rows of meta/episodes without their statistics."""
    columns = ["episode_index", "length", "tasks"]
    columns += [f"videos/{key}/{name}" for key in keys for name in _SPAN]
    names = sorted(name for name in storage.list_files(f"{place}/{EPISODES}") if name.endswith(".parquet"))
    rows: list[dict[str, Any]] = []
    for name in names:
        rows += columns_of(storage.join(place, EPISODES), name, columns).to_pylist()
    if not rows:
        raise UserError(f"{place}/{EPISODES}", "holds no episode", _REMEDY)
    return rows


_SPAN = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")


def _episode(row: dict[str, Any], keys: list[str]) -> Episode:
    """A row of meta/episodes; a camera without a place in it, or with a time that is none, has no span.

    Raises TypeError or ValueError for what is no episode.
    """
    spans = {}
    for key in keys:
        place = [row[f"videos/{key}/{name}"] for name in _SPAN]
        if None not in place and all(math.isfinite(value) for value in place):
            chunk, file, start, stop = place
            path = VIDEO_PATH.format(video_key=key, chunk_index=_whole(chunk), file_index=_whole(file))
            spans[key] = Span(path, float(start), float(stop))
    tasks = row["tasks"] or []
    if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
        raise TypeError("tasks")
    return Episode(_whole(row["episode_index"]), _whole(row["length"]), tasks, spans)


def _whole(number: Any) -> int:
    """A number of episodes, files or rows; pandas makes floats of a column in which one is missing."""
    if not math.isfinite(number) or number != int(number) or not 0 <= number <= 2**53:
        raise ValueError(number)
    return int(number)
