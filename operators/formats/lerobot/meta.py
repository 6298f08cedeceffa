"""meta/ of a dataset that is given back: what stands in it is made from what was written, not copied."""

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators import storage
from operators.formats.lerobot import stats
from operators.formats.lerobot.bare import bare
from operators.formats.lerobot.layout import DATA_PATH, EPISODES, FILE, VIDEO_PATH, Dataset, Episode, sized
from schemas.errors import UserError

CHUNK = 1000  # files in a folder, and episodes in a file of meta/episodes
MOST_BYTES = 200 << 20  # of a video, as lerobot writes it
TASKS = {"meta/tasks.parquet": "task_index", "meta/subtasks.parquet": "subtask_index"}
_KEPT_INFO = ("codebase_version", "robot_type", "fps")


@dataclass
class Written:
    """An episode as it was given back, released or black: where it lies, and its statistics by feature."""

    source: Episode
    state: str
    place: dict[str, Any]
    stats: dict[str, stats.Stats]


def numbers(number: int) -> dict[str, int]:
    """Of the file of that number, where it lies."""
    return {"chunk_index": number // CHUNK, "file_index": number % CHUNK}


def episodes(written: list[Written]) -> dict[str, pa.Table]:
    """Path -> rows of meta/episodes: where each episode lies, and its statistics."""
    made = {}
    for begin in range(0, len(written), CHUNK):
        here, rows = numbers(begin // CHUNK), []
        for number, one in enumerate(written[begin : begin + CHUNK], begin):
            row = {
                "episode_index": number,
                "tasks": one.source.tasks,
                "length": one.source.length,
                **one.place,
            }
            for key, own in one.stats.items():
                row |= {f"stats/{key}/{name}": value for name, value in stats.plain(own).items()}
            rows.append(row | {f"meta/episodes/{name}": value for name, value in here.items()})
        made[f"{EPISODES}/{FILE.format(**here)}.parquet"] = pa.Table.from_pylist(rows)
    return made


def whole(written: list[Written]) -> dict[str, Any]:
    """meta/stats.json: of what every episode has numbers of."""
    keys = [key for key in written[0].stats if all(key in one.stats for one in written)]
    return {key: stats.plain(stats.together([one.stats[key] for one in written])) for key in keys}


def tasks(dataset: Dataset) -> dict[str, pa.Table]:
    """Path -> names of tasks and their numbers, in their order, with the index that pandas reads; subtasks likewise.

    Raises UserError if there are no tasks, or a table holds anything but one name and number a row.
    """
    made = {}
    for path, number in TASKS.items():
        where = f"{dataset.place}/{path}"
        try:
            table = pq.read_table(pa.BufferReader(storage.read_bytes(dataset.place, path)))
        except FileNotFoundError:
            continue
        except (pa.ArrowException, ValueError) as error:
            problem = f"cannot be read ({type(error).__name__})"
            raise UserError(where, problem, "Fetch it again, or mend it") from None
        text = (pa.types.is_string, pa.types.is_large_string)
        names = [field.name for field in table.schema if any(is_one(field.type) for is_one in text)]
        if len(names) != 1 or number not in table.column_names or not pa.types.is_integer(table[number].type):
            raise UserError(where, f"does not hold names and a {number}", "Mend the dataset")
        columns = [_described(number), _described(names[0])]
        said = {"index_columns": names, "column_indexes": [], "columns": columns}
        made[path] = bare(table.select([number, names[0]])).replace_schema_metadata(
            {"pandas": json.dumps(said)}
        )
    if not made:
        raise UserError(f"{dataset.place}/{next(iter(TASKS))}", "is missing", "Mend the dataset")
    return made


def numbered(tables: dict[str, pa.Table], columns: Sequence[str]) -> dict[str, list[int]]:
    """The numbers of the tasks, and of the subtasks if data/ has such a column that is given back."""
    found = {number: tables[path][number].to_pylist() for path, number in TASKS.items() if path in tables}
    return {number: own for number, own in found.items() if number in columns}


def _described(name: str) -> dict[str, Any]:
    """A column, as pandas describes it."""
    return {"name": name, "field_name": name, "pandas_type": "", "numpy_type": "object", "metadata": None}


def info(
    dataset: Dataset,
    written: list[Written],
    columns: list[str],
    sizes: dict[str, tuple[int, int]],
    total_tasks: int,
) -> dict[str, Any]:
    """meta/info.json. `columns` of data/ are given back, and cameras with `sizes` (height, width)."""
    features = {}
    for key, feature in dataset.features.items():
        said = {name: feature.get(name) for name in ("dtype", "shape", "names")}
        if key in sizes:
            shape = sized(feature, *sizes[key])
            features[key] = said | {"shape": shape, "info": _video(dataset, *sizes[key])}
        elif key in columns:
            features[key] = said
    return {
        **{name: dataset.info.get(name) for name in _KEPT_INFO},
        "total_episodes": len(written),
        "total_frames": sum(one.source.length for one in written),
        "total_tasks": total_tasks,
        "chunks_size": CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": MOST_BYTES >> 20,
        "splits": splits(dataset.info.get("splits"), [one.source.index for one in written]),
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": features,
    }


def _video(dataset: Dataset, height: int, width: int) -> dict[str, Any]:
    """What info.json says of a video."""
    return {
        "video.height": height,
        "video.width": width,
        "video.codec": "h264",
        "video.pix_fmt": "yuv444p" if height % 2 or width % 2 else "yuv420p",
        "video.is_depth_map": False,
        "video.fps": dataset.fps,
        "video.channels": 3,
        "has_audio": False,
    }


def splits(said: object, sources: list[int]) -> dict[str, str]:
    """Ranges of episodes `first:stop` by name, among the `sources` that are left; all of these if none is said."""
    made = {}
    for name, span in said.items() if isinstance(said, dict) else ():
        if not (ends := re.fullmatch(r"(\d+):(\d+)", str(span))):
            continue
        first, stop = int(ends[1]), int(ends[2])
        made[name] = f"{sum(index < first for index in sources)}:{sum(index < stop for index in sources)}"
    return made or {"train": f"0:{len(sources)}"}


def as_json(value: dict[str, Any]) -> bytes:
    """Indented, as lerobot writes it."""
    return json.dumps(value, indent=4, ensure_ascii=False).encode()


def as_parquet(table: pa.Table) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()
