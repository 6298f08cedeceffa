"""A LeRobot dataset that is not what it says: each episode is given back whole, or left out with the reason."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.formats.ended import Ended
from operators.formats.lerobot import layout
from operators.formats.lerobot.fate import EndedClips
from operators.formats.lerobot.write import Export
from operators.planning.listing import list_sources
from operators.planning.probe import named, probe_source, source_key
from operators.video.encode import encode_video
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Episodes
from tests import lerobot_sets
from tests.lerobot_sets import FPS, HEIGHT, WIDTH
from tests.operators.formats.exported import FRONT, OWN, TOP, WINDOWS, export, generated, planned, rows, seen


def changed(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def without_episode(folder: Path) -> None:
    """Episode 1 stands in data and in info.json, and not in meta/episodes."""
    changed(folder / "meta/episodes/chunk-000/file-000.parquet", lambda table: table.take([0, 2]))


def without_rows(folder: Path) -> None:
    """Episode 1 has no rows."""
    changed(
        folder / "data/chunk-000/file-000.parquet",
        lambda table: table.filter(pa.compute.not_equal(table["episode_index"], 1)),
    )


def with_a_row_less(folder: Path) -> None:
    """Episode 1 ends a row too early."""
    changed(
        folder / "data/chunk-000/file-000.parquet", lambda table: table.take([*range(16), *range(17, 23)])
    )


def with_a_hole(folder: Path) -> None:
    """Episode 1 misses a row in its middle."""
    changed(
        folder / "data/chunk-000/file-000.parquet", lambda table: table.take([*range(12), *range(13, 23)])
    )


def with_a_clock_that_goes_back(folder: Path) -> None:
    """Of episode 1, from row 3 on."""

    def change(table: pa.Table) -> pa.Table:
        stamps = table["timestamp"].to_numpy().copy()
        stamps[12:17] -= 0.5
        return table.set_column(table.column_names.index("timestamp"), "timestamp", pa.array(stamps))

    changed(folder / "data/chunk-000/file-000.parquet", change)


def with_late_frames(folder: Path) -> None:
    """Of episode 1: rows that lie 40 ms before their frames."""

    def change(table: pa.Table) -> pa.Table:
        stamps = table["timestamp"].to_numpy().copy()
        stamps[10:17] -= np.float32(0.04)
        return table.set_column(table.column_names.index("timestamp"), "timestamp", pa.array(stamps))

    changed(folder / "data/chunk-000/file-000.parquet", change)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_episode, "meta/episodes does not hold it"),
        (without_rows, "it has no rows in data"),
        (with_a_row_less, "it has 7 rows in data, and meta/episodes says 8"),
        (with_a_hole, "its rows are not numbered one after the other"),
        (with_a_clock_that_goes_back, "the time stamps of its rows go back or stand still at row 3"),
        (
            with_late_frames,
            f"{FRONT}: frames of its video are up to 0.0400 s away from the time stamps of its rows",
        ),
    ],
)
def test_what_is_wrong_with_one_episode_is_one_record(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 6))
    spoil(source)
    record = export(source, tmp_path / "out")
    assert [one["state"] for one in record["episodes"]] == ["released", "left out", "released"]
    assert record["episodes"][1]["reason"] == reason
    assert [len(pictures) for pictures in seen(tmp_path / "out")] == [9, 6]


def test_a_wrong_rate_is_said(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8), rate=2 * FPS)
    with pytest.raises(UserError, match="no episode was released") as raised:
        export(source, tmp_path / "out")
    assert "frames/s, not 10" in str(raised.value)


def test_of_a_video_that_was_cut_short_what_is_whole_is_given_back(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 6))
    (path,) = source.glob("videos/*/*/*.mp4")
    moved(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.93)])
    record = export(source, tmp_path / "out", lambda ref: bool(ref.problem))
    states = [one["state"] for one in record["episodes"]]
    assert states[0] == "released" and states[2] == "left out"
    assert (
        "frames are damaged, or promised by the file's index and not in it" in record["episodes"][2]["reason"]
    )
    record = export(source, tmp_path / "black", lambda ref: bool(ref.problem), {"unreleased": "black"})
    assert record["episodes"][2]["state"] == "black"
    assert [len(pictures) for pictures in seen(tmp_path / "black")] == [9, 8, 6]


def test_episodes_whose_video_is_missing_are_left_out(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 5, 7), (FRONT, TOP), per_file=2)
    (source / f"videos/{TOP}/chunk-000/file-001.mp4").unlink()
    record = export(source, tmp_path / "out")
    assert [one["state"] for one in record["episodes"]] == ["released"] * 2 + ["left out"] * 2
    assert {one["reason"] for one in record["episodes"][2:]} == {f"{TOP}: its video is not in the plan"}


def moved(path: Path) -> None:
    """An mp4 written again with its index first, so that what is cut off are frames."""
    again = path.with_suffix(".again.mp4")
    with av.open(str(path)) as old, av.open(str(again), "w", options={"movflags": "+faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    again.replace(path)


def test_a_clip_that_does_not_hold_its_frames_is_not_given_back(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8))

    def short(ref: ClipRef) -> bytes:
        whole = generated(ref)
        if ref.first_frame < 9:
            return whole
        return encode_video(
            np.zeros((1, HEIGHT, WIDTH, 3), np.uint8), [0], ref.time_base, ref.fps, 20, "veryfast"
        )

    record = export(source, tmp_path / "out", video=short)
    assert [one["state"] for one in record["episodes"]] == ["released", "left out"]
    assert "frames instead of" in record["episodes"][1]["reason"]


def refused(source: Path, refs: list[ClipRef], ended: list[ClipRef], target: Path) -> str:
    """Why nothing is given back of a plan, of which some clips have `ended` as released."""
    dataset = layout.read(str(source))
    assert dataset is not None
    known = EndedClips(refs, {ref.key: Ended("released", "shard", "") for ref in ended})
    with pytest.raises(UserError, match="no episode was released") as raised:
        Export(dataset, Episodes(), "source", known, generated, str(target)).write()
    return str(raised.value)


def test_nor_is_a_plan_that_knew_of_no_episodes_taken(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (8, 9))
    (video,) = list_sources([str(source)]).videos
    refs = [named(ref, b"key") for ref in probe_source(video.uri, source_key(video.name, b"key"), WINDOWS)]
    assert "a planned clip lies across its ends" in refused(source, refs, refs, tmp_path / "out")


def test_nor_a_clip_of_which_the_output_says_nothing(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9,))
    refs = planned(source)
    said = refused(source, refs, refs[1:], tmp_path / "out")
    assert f"clip {refs[0].key} is not in the anonymized dataset" in said


def test_nor_a_video_whose_clock_starts_again(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8))
    *refs, last = planned(source)
    again = replace(last, pts=[pts - last.pts[0] for pts in last.pts])
    assert "the clock of its video starts again" in refused(
        source, [*refs, again], [*refs, again], tmp_path / "out"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("codebase_version", "v2.1", "is of version v2.1"),
        ("fps", 0, "no whole numbers"),
        ("fps", 29.97, "no whole numbers"),
        ("fps", float("inf"), "no whole numbers"),
        ("features", {}, "has no feature timestamp"),
        ("features", OWN, "no feature of dtype video"),
        ("features", OWN | {"../x": {"dtype": "video", "shape": [1, 1, 3]}}, "no plain name"),
        ("features", ["timestamp"], "is no LeRobot dataset's"),
        ("video_path", "../{video_key}", "video_path is not"),
        ("total_episodes", 10**12, "total_episodes is more than"),
        ("features", OWN | {"arm": {"dtype": 5, "shape": [1]}}, "no dtype that is a word"),
    ],
)
def test_an_info_that_is_none_is_the_users_matter(
    tmp_path: Path, name: str, value: object, said: str
) -> None:
    source = lerobot_sets.write(tmp_path / "in", (4,))
    path = source / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(UserError, match=said):
        layout.read(str(source))


EPISODES, DATA = "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"


def with_column(folder: Path, path: str, name: str, values: Callable[[list[object]], list[object]]) -> None:
    def change(table: pa.Table) -> pa.Table:
        kind = None if path == EPISODES else table.schema.field(name).type
        column = pa.array(values(table[name].to_pylist()), kind)
        return table.set_column(table.column_names.index(name), name, column)

    changed(folder / path, change)


@pytest.mark.parametrize("value", [None, "x", -1, 1.5, float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("name", ["episode_index", "length", "tasks", f"videos/{FRONT}/file_index"])
def test_a_row_that_is_no_episodes_is_the_users_matter(tmp_path: Path, name: str, value: object) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8))
    with_column(source, EPISODES, name, lambda held: [value] * len(held))
    if name == "tasks" and value is None:
        assert export(source, tmp_path / "out")["episodes"][0]["state"] == "released"
        return
    with pytest.raises(UserError, match="no episode"):  # 's row, or: was released, as it names no video
        export(source, tmp_path / "out")


@pytest.mark.parametrize("name", ["chunk_index", "from_timestamp", "to_timestamp"])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")], ids=str)
def test_an_episode_without_a_place_is_one_record(tmp_path: Path, name: str, value: object) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 6))
    with_column(source, EPISODES, f"videos/{FRONT}/{name}", lambda held: [held[0], value, held[2]])
    record = export(source, tmp_path / "out")
    assert [one["state"] for one in record["episodes"]] == ["released", "left out", "released"]
    assert record["episodes"][1]["reason"] == f"meta/episodes names no video of {FRONT}"


def test_a_rate_that_is_a_whole_float_is_a_rate(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (4,))
    path = source / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fps": float(lerobot_sets.FPS)}))
    export(source, tmp_path / "out")
    fps = json.loads((tmp_path / "out/meta/info.json").read_text())["fps"]
    assert type(fps) is int and fps == lerobot_sets.FPS


def test_whole_numbers_that_are_floats_are_numbers(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8))
    for name in ("length", "episode_index", f"videos/{FRONT}/chunk_index", f"videos/{FRONT}/file_index"):
        with_column(source, EPISODES, name, lambda held: [float(str(value)) for value in held])
    assert [one["state"] for one in export(source, tmp_path / "out")["episodes"]] == ["released"] * 2


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PAR1"], ids=str)
@pytest.mark.parametrize("path", ["meta/tasks.parquet", EPISODES, DATA])
def test_a_table_that_was_not_fetched_is_one_line(tmp_path: Path, path: str, content: bytes) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8))
    (source / path).write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        export(source, tmp_path / "out")
    assert not (tmp_path / "out/meta/info.json").exists()


def test_numbers_that_one_episode_lacks_are_in_no_statistics(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8))
    with_column(source, DATA, "action", lambda held: [*held[:-1], [None, 1.0]])
    export(source, tmp_path / "out")
    assert "action" not in json.loads((tmp_path / "out/meta/stats.json").read_text())
    assert rows(tmp_path / "out")["action"].equals(rows(source)["action"]), "they are given back as they were"


@pytest.mark.parametrize("said", [None, "train", ["0:2"], {"train": 5}, {}], ids=str)
def test_splits_that_are_none_are_all_episodes(tmp_path: Path, said: object) -> None:
    source = lerobot_sets.write(tmp_path / "in", (4, 5))
    path = source / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"splits": said}))
    export(source, tmp_path / "out")
    assert json.loads((tmp_path / "out/meta/info.json").read_text())["splits"] == {"train": "0:2"}


@pytest.mark.parametrize("content", ["null", "[1]", "5", '"codebase_version"'])
def test_an_info_of_something_else_is_no_datasets(tmp_path: Path, content: str) -> None:
    source = lerobot_sets.write(tmp_path / "in", (4,))
    (source / "meta/info.json").write_text(content)
    assert layout.read(str(source)) is None
