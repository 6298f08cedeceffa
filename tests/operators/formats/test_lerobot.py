"""A LeRobot dataset in and out: what was released comes back as it was, and of all else not one picture."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.plan import by_episodes
from operators.formats.ended import Ended
from operators.formats.lerobot import layout
from operators.formats.lerobot.fate import EndedClips
from operators.formats.lerobot.write import Export
from operators.planning.listing import list_sources
from operators.planning.probe import named, probe_source, source_key
from operators.video.encode import encode_video
from schemas.certificate import Timing
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.policy import Episodes
from schemas.profile import Clips as Windows
from tests import lerobot_sets
from tests.lerobot_sets import FPS, HEIGHT, WIDTH

WINDOWS = Windows(frames=5, overlap=1, max_bytes=10**7)
FRONT, TOP = "observation.images.front", "observation.images.top"
OWN = {key: {"dtype": "int64", "shape": [1]} for key in layout.OWN}  # features that every dataset has
Refuses = Callable[[ClipRef], bool]


def planned(folder: Path, cameras: Collection[str] = ()) -> list[ClipRef]:
    """As jobs.plan does it, in this process."""
    listing = by_episodes([str(folder)], list_sources([str(folder)]), list(cameras))
    return [
        named(ref, b"key")
        for video in listing.videos
        for ref in probe_source(video.uri, source_key(video.name, b"key"), WINDOWS, video.cuts)
    ]


def level(ref: ClipRef) -> int:
    """What stands for a clip's new people: one gray for all of it, another for each clip."""
    return 40 + 9 * int.from_bytes(hashlib.sha256(ref.key.encode()).digest()[:1], "big") % 160


def generated(ref: ClipRef) -> bytes:
    """A clip as it was released."""
    pictures = np.full((ref.frames, ref.height, ref.width, 3), level(ref), np.uint8)
    moments = ref.moments("source")
    return encode_video(pictures, moments, ref.time_base, ref.fps, 20, "veryfast", ref.sample_aspect)


def export(
    folder: Path,
    target: Path,
    refuses: Refuses = lambda _: False,
    rules: Mapping[str, Any] | None = None,
    timing: Timing = "source",
    video: Callable[[ClipRef], bytes] = generated,
) -> dict[str, Any]:
    """Plan, anonymize with one gray per clip, and write the dataset anew."""
    chosen = Episodes(**(rules or {}))
    refs = planned(folder, chosen.cameras)
    ended = {ref.key: Ended("quarantined" if refuses(ref) else "released", "shard", "") for ref in refs}
    dataset = layout.read(str(folder))
    assert dataset is not None
    return Export(dataset, chosen, timing, EndedClips(refs, ended), video, str(target)).write()


def rows(folder: Path) -> pa.Table:
    """data/, whole."""
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("data/*/*.parquet")))


def seen(folder: Path, camera: str = FRONT) -> list[np.ndarray]:
    """Of each episode its pictures, by the moments at which lerobot looks for them: frames nearest to from_timestamp
    and the rows' time stamps, all within its tolerance."""
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    data, found = rows(folder), []
    for number, row in enumerate(episodes):
        assert row["episode_index"] == number
        place = {name: row[f"videos/{camera}/{name}"] for name in ("chunk_index", "file_index")}
        own = data.slice(row["dataset_from_index"], row["length"])
        assert set(own["episode_index"].to_pylist()) == {number}
        with av.open(str(folder / layout.VIDEO_PATH.format(video_key=camera, **place))) as container:
            frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        times = np.array([time for time, _ in frames])
        wanted = row[f"videos/{camera}/from_timestamp"] + own["timestamp"].to_numpy().astype(float)
        nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
        assert np.abs(times[nearest] - wanted).max() < 1e-4
        found.append(np.stack([frames[at][1] for at in nearest]))
    return found


def due(refs: list[ClipRef]) -> list[int]:
    """The gray of each frame of a video."""
    return [level(ref) for ref in refs for _ in range(ref.frames)]


def grays(pictures: np.ndarray) -> list[int]:
    """Of each frame; it has only one."""
    assert int(np.ptp(pictures.astype(int), axis=(1, 2)).max()) <= 2
    return [round(float(picture.mean())) for picture in pictures]


def is_near(one: list[int], other: list[int]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))


def test_two_episodes_in_one_video_come_back_as_they_were(tmp_path: Path) -> None:
    source, target = lerobot_sets.write(tmp_path / "in"), tmp_path / "out"
    record = export(source, target)
    assert [one["state"] for one in record["episodes"]] == ["released", "released"]
    assert rows(target).equals(rows(source).replace_schema_metadata(None))
    first, second = seen(target)
    refs = planned(source)
    assert [ref.first_frame for ref in refs if ref.overlap == 0] == [0, 9], "no clip lies across episodes"
    assert is_near(grays(first) + grays(second), due(refs))
    assert len(list(target.glob("videos/**/*.mp4"))) == 1
    info = json.loads((target / "meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"], info["splits"]) == (2, 17, {"train": "0:2"})
    assert "J. Doe" not in "".join(path.read_text("latin-1") for path in target.rglob("*") if path.is_file())


def test_statistics_of_pictures_are_those_of_the_new_ones(tmp_path: Path) -> None:
    source, target = lerobot_sets.write(tmp_path / "in"), tmp_path / "out"
    export(source, target)
    pictures = np.concatenate(seen(target)) / 255
    found = json.loads((target / "meta/stats.json").read_text())[FRONT]
    for name, value in {"mean": pictures.mean((0, 1, 2)), "std": pictures.std((0, 1, 2))}.items():
        np.testing.assert_allclose(np.array(found[name]).ravel(), value, atol=1e-6)
    assert np.array(found["mean"]).shape == (3, 1, 1)
    assert found["count"] == [17]
    assert np.array(found["min"]).ravel().tolist() == pictures.min((0, 1, 2)).tolist()
    state = np.array(rows(source)["observation.state"].to_pylist())
    told = json.loads((target / "meta/stats.json").read_text())["observation.state"]
    np.testing.assert_allclose(told["mean"], state.mean(0), rtol=1e-6)
    np.testing.assert_allclose(told["std"], state.std(0), rtol=1e-6)


@pytest.mark.parametrize("timing", ["source", "nominal"])
def test_lerobot_reads_it(tmp_path: Path, timing: Timing) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 5), (FRONT, TOP), per_file=2)
    export(source, tmp_path / "out", lambda ref: TOP in ref.uri and ref.first_frame == 9, timing=timing)
    found = lerobot_sets.loaded(tmp_path / "out", tmp_path / "found.npz")
    if found is None:
        pytest.skip("there is no lerobot here: make lerobot")
    assert found["episodes"] == 2
    assert found["episode_index"].tolist() == [0] * 9 + [1] * 5
    before = lerobot_sets.loaded(source, tmp_path / "before.npz")
    assert before is not None
    kept = before["episode_index"] != 1
    for key in ("action", "observation.state", "timestamp", "frame_index", "next.done", "task"):
        np.testing.assert_array_equal(found[key], before[key][kept])
    for camera in (FRONT, TOP):
        assert found[camera].shape == (14, 3, HEIGHT, WIDTH)
        np.testing.assert_allclose(
            found[f"stats/{camera}/mean"].ravel(), found[camera].mean((0, 2, 3)), atol=5e-3
        )
        for pictures in found[camera]:
            assert np.ptp(pictures, axis=(1, 2)).max() < 0.01, "nothing of the source's"


def test_an_episode_with_a_quarantined_clip_in_its_middle_is_left_out(tmp_path: Path) -> None:
    source, target = lerobot_sets.write(tmp_path / "in", (9, 13, 6)), tmp_path / "out"
    refs = planned(source)
    record = export(source, target, lambda ref: ref.first_frame == 13)
    (bad,) = [ref for ref in refs if ref.first_frame == 13]
    assert [one["state"] for one in record["episodes"]] == ["released", "left out", "released"]
    assert record["episodes"][1]["reason"] == f"{FRONT}: clip {bad.key} was quarantined"
    assert [one["episode"] for one in record["episodes"]] == [0, None, 1]
    before, after = rows(source), rows(target)
    assert after["index"].to_pylist() == list(range(15))
    assert after["episode_index"].to_pylist() == [0] * 9 + [1] * 6
    kept = before.filter(pa.compute.not_equal(before["episode_index"], 1))
    for key in ("observation.state", "action", "timestamp", "frame_index", "task_index", "next.done"):
        assert after[key].equals(kept[key]), key
    first, second = seen(target)
    gone = [ref for ref in refs if not 9 <= ref.first_frame < 22]
    assert is_near(grays(first) + grays(second), due(gone))


def test_or_all_its_pictures_are_black(tmp_path: Path) -> None:
    source, target = lerobot_sets.write(tmp_path / "in", (9, 13, 6), (FRONT, TOP)), tmp_path / "out"
    refuses: Refuses = lambda ref: FRONT in ref.uri and ref.first_frame == 13  # noqa: E731
    record = export(source, target, refuses, {"unreleased": "black"})
    assert [one["state"] for one in record["episodes"]] == ["released", "black", "released"]
    assert rows(target).equals(rows(source).replace_schema_metadata(None))
    for camera in (FRONT, TOP):
        first, second, third = seen(target, camera)
        assert second.max() <= 2
        assert min(grays(first) + grays(third)) > 30


def test_several_cameras_in_several_files_and_one_by_policy(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8, 5, 7), (FRONT, TOP), per_file=2)
    export(source, tmp_path / "both")
    for camera in (FRONT, TOP):
        refs = [ref for ref in planned(source) if camera in ref.uri]
        assert is_near([gray for one in seen(tmp_path / "both", camera) for gray in grays(one)], due(refs))
    record = export(source, tmp_path / "one", rules={"cameras": [TOP]})
    assert record["left_out"] == [FRONT]
    assert [path.parts[-3] for path in (tmp_path / "one").glob("videos/*/*/*.mp4")] == [TOP]
    assert not [ref for ref in planned(source, [TOP]) if FRONT in ref.uri]
    with pytest.raises(UserError, match="is no video of"):
        export(source, tmp_path / "none", rules={"cameras": ["observation.images.back"]})


def test_no_picture_gets_out_with_the_rows(tmp_path: Path) -> None:
    picture = pa.array([{"bytes": b"a source's picture", "path": "x.png"}] * 17)
    levels = pa.array([[level % 256 for level in range(2000)]] * 17, pa.list_(pa.uint8()))
    text = pa.array(["a word"] * 17)
    more = {
        "observation.image": ({"dtype": "image", "shape": [48, 64, 3], "names": None}, picture),
        "thumbnail": ({"dtype": "uint8", "shape": [2000], "names": None}, levels),
        "note": ({"dtype": "string", "shape": [1], "names": None}, text),
    }
    source = lerobot_sets.write(tmp_path / "in", more=more)
    record = export(source, tmp_path / "out")
    assert record["left_out"] == ["note", "observation.image", "thumbnail"]
    assert {*more} & {*rows(tmp_path / "out").column_names} == set()
    export(source, tmp_path / "kept", rules={"keep": ["note", "thumbnail"]})
    assert rows(tmp_path / "kept")["thumbnail"].equals(rows(source)["thumbnail"])
    with pytest.raises(UserError, match="never given back"):
        export(source, tmp_path / "never", rules={"keep": ["observation.image"]})


@pytest.mark.parametrize(
    "column", [pa.array([b"bytes"] * 17), pa.array([[1.0] * 3] * 17), pa.array(["text"] * 17)]
)
def test_a_column_that_is_not_what_it_is_said_to_be_is_refused(tmp_path: Path, column: pa.Array) -> None:
    more = {"reward": ({"dtype": "float32", "shape": [1], "names": None}, column)}
    source = lerobot_sets.write(tmp_path / "in", more=more)
    with pytest.raises(UserError, match="column reward is not what"):
        export(source, tmp_path / "out")
    assert not (tmp_path / "out/meta/info.json").exists()


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
