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
from tests.operators.formats.exported import FRONT, OWN, TOP, WINDOWS, export, generated, planned, seen


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
        ("features", {}, "has no feature timestamp"),
        ("features", OWN, "no feature of dtype video"),
        ("features", OWN | {"../x": {"dtype": "video", "shape": [1, 1, 3]}}, "no plain name"),
        ("features", ["timestamp"], "is no LeRobot dataset's"),
        ("video_path", "../{video_key}", "video_path is not"),
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
