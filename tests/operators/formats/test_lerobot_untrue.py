"""A LeRobot dataset whose tables, numbers and meta do not agree: what is wrong is said of an episode or of the dataset,
in words and never by another error, and whatever is given back is what lerobot's loader can read."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.formats.lerobot import layout
from schemas.errors import UserError
from tests import lerobot_sets
from tests.operators.formats.exported import FRONT, export, rows, seen

EPISODES, DATA = "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"
TASKS = "meta/tasks.parquet"
Spoil = Callable[[Path], None]
NAN, INF = float("nan"), float("inf")


def table(path: str, change: Callable[[pa.Table], pa.Table]) -> Spoil:
    return lambda folder: pq.write_table(change(pq.read_table(folder / path)), folder / path)


def cell(path: str, name: str, row: int, value: object, kind: pa.DataType | None = None) -> Spoil:
    """One value of a column, whose type may be another one then."""

    def change(held: pa.Table) -> pa.Table:
        values = held[name].to_pylist()
        values[row] = value
        return held.set_column(held.column_names.index(name), name, pa.array(values, kind))

    return table(path, change)


def info(name: str, value: object, feature: str = "") -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / layout.INFO
        held = json.loads(path.read_text())
        (held["features"][feature] if feature else held)[name] = value
        path.write_text(json.dumps(held))

    return spoil


def content(path: str, data: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / path).write_bytes(data)

    return spoil


# Of three episodes, of 9, 8 and 6 rows; the second is spoilt.
ONE: dict[str, tuple[Spoil, str]] = {
    "a task that there is not": (
        cell(DATA, "task_index", 12, 7),
        "its rows name a task_index that its table in meta does not hold: 7",
    ),
    "a task by a number below 0": (
        cell(DATA, "task_index", 12, -1),
        "its rows name a task_index that its table in meta does not hold: -1",
    ),
    "a row number twice": (cell(DATA, "frame_index", 12, 2), "its rows are not numbered one after the other"),
    "a row number that is none": (
        cell(DATA, "frame_index", 12, -1),
        "its rows are not numbered one after the other",
    ),
    "no time in its middle": (
        cell(DATA, "timestamp", 12, NAN, pa.float32()),
        "the time stamps of its rows go back or stand still at row 3",
    ),
    "a last time that never comes": (
        cell(DATA, "timestamp", 16, INF, pa.float32()),
        "its rows are not numbered one after the other",
    ),
    "no rows by its own word": (cell(EPISODES, "length", 1, 0), "it has 8 rows in data, and meta/episodes says 0"),
    "more rows than any": (
        cell(EPISODES, "length", 1, 10**15),
        f"it has 8 rows in data, and meta/episodes says {10**15}",
    ),
    "the video of another episode": (
        cell(EPISODES, f"videos/{FRONT}/from_timestamp", 1, 0.0),
        f"{FRONT}: its video has 17 frames for 8 rows of data",
    ),
    "a place behind all places": (
        cell(EPISODES, f"videos/{FRONT}/chunk_index", 1, 10**15),
        f"{FRONT}: its video is not in the plan",
    ),
    "a beginning behind its end": (
        cell(EPISODES, f"videos/{FRONT}/from_timestamp", 1, 5.0),
        f"{FRONT}: its video has 0 frames for 8 rows of data",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_of_one_episode_it_is_its_record(tmp_path: Path, name: str) -> None:
    spoil, reason = ONE[name]
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 6))
    spoil(source)
    record = export(source, tmp_path / "out")["episodes"]
    assert [one["state"] for one in record] == ["released", "left out", "released"]
    assert record[1]["reason"] == reason
    require_loadable(tmp_path / "out")


ALL: dict[str, tuple[Spoil, str]] = {
    "a rate that is not the rows'": (info("fps", 20), "up to 0.4000 s away from those of 20 rows a second"),
    "a rate that nothing has": (info("fps", 10**400), "fps is more than"),
    "an episode by a number beyond all": (cell(EPISODES, "episode_index", 1, 10**12), "names an episode 1000000000000"),
    "rows of no episode": (cell(DATA, "episode_index", 3, NAN), "column episode_index is not what"),
    "no number of a task": (cell(DATA, "task_index", 3, None), "column task_index is not what"),
    "a row number in parts": (cell(DATA, "frame_index", 3, 3.5), "column frame_index is not what"),
    "times that are cut where they are read": (info("dtype", "int64", "timestamp"), "column timestamp is not what"),
    "actions that are cut": (info("dtype", "int32", "action"), "column action is not what"),
    "actions of another width": (info("shape", [3], "action"), "column action is not what"),
    "actions of a type that there is not": (info("dtype", "float20", "action"), "column action is not what"),
    "a width without end": (info("shape", [INF], "action"), "is no LeRobot dataset's"),
    "a width in words": (info("shape", "wide", "action"), "is no LeRobot dataset's"),
    "no width": (info("shape", None, "action"), "is no LeRobot dataset's"),
    "an index in words": (info("dtype", "string", "episode_index"), "the feature 'episode_index' is no number"),
    "an index of two numbers": (info("shape", [2], "index"), "the feature 'index' is no number"),
    "a meta that goes too deep": (content(layout.INFO, b"[" * 10**5), "is no LeRobot dataset's"),
    "no task": (table(TASKS, lambda held: held.slice(0, 0)), "its table in meta does not hold: 0"),
    "rows behind those of a later episode": (
        table(DATA, lambda held: held.take([*range(9, 17), *range(9), *range(17, 23)])),
        "its episodes are not in order",
    ),
    "a column twice": (table(DATA, lambda held: held.append_column("action", held["action"])), "cannot be read"),
    "all rows twice": (table(DATA, lambda held: pa.concat_tables([held, held])), "its rows lie in several places"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_of_all_it_is_one_line_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    spoil, said = ALL[name]
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 6))
    spoil(source)
    with pytest.raises(UserError) as raised:
        export(source, tmp_path / "out", rules={"unreleased": "black"})
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert not list(tmp_path.glob("out/**/*.*")), "neither a video nor a table"


NONE: dict[str, Spoil] = {
    "nothing": lambda folder: None,
    "an index twice": cell(DATA, "index", 3, 2),
    "numbers that are whole floats": cell(DATA, "frame_index", 3, 3.0),
    "actions that are no numbers": cell(DATA, "action", 3, [NAN, INF]),
    "a size that is not the video's": info("shape", [480, 640, 3], FRONT),
    "a finer type than is said": info("dtype", "float64", "action"),
    "rows of an episode of which meta says nothing": table(
        DATA,
        lambda held: pa.concat_tables(
            [held, held.slice(0, 2).set_column(5, "episode_index", pa.array([5, 5]))]
        ),
    ),
    "an empty table beside": lambda folder: pq.write_table(
        pq.read_table(folder / DATA).slice(0, 0), folder / "data/chunk-000/file-001.parquet"
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NONE)
def test_what_can_be_read_all_the_same_is_given_back(tmp_path: Path, name: str) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 6))
    NONE[name](source)
    record = export(source, tmp_path / "out")["episodes"]
    assert [one["state"] for one in record[:3]] == ["released"] * 3
    require_loadable(tmp_path / "out")


def require_loadable(folder: Path) -> None:
    """What lerobot's loader asks for, and the loader itself where there is one."""
    held, told = rows(folder), json.loads((folder / layout.INFO).read_text())
    for key in set(held.column_names):
        kind: Any = held[key].type
        values = held[key].combine_chunks()
        values = values.flatten() if pa.types.is_nested(kind) else values
        values.cast(pa.type_for_alias(told["features"][key]["dtype"]))
    numbers = held["task_index"].to_pylist()
    assert {*numbers} <= {*range(len(pq.read_table(folder / TASKS)))}
    assert held["index"].to_pylist() == list(range(told["total_frames"]))
    steps = [at / told["fps"] for at in held["frame_index"].to_pylist()]
    assert all(
        math.isclose(a, b, abs_tol=1e-4) for a, b in zip(steps, held["timestamp"].to_pylist(), strict=True)
    )
    pictures = seen(folder)
    assert len(pictures) == told["total_episodes"]
    assert {episode.shape[1:] for episode in pictures} == {tuple(told["features"][FRONT]["shape"])}
    found = lerobot_sets.loaded(folder, folder.parent / "found.npz")
    assert found is None or found["index"].tolist() == held["index"].to_pylist()
