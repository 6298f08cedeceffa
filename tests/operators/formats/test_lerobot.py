"""A LeRobot dataset in and out: what was released comes back as it was, and of all else not one picture."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.certificate import Timing
from schemas.errors import UserError
from tests import lerobot_sets
from tests.lerobot_sets import HEIGHT, WIDTH
from tests.operators.formats.exported import (
    FRONT,
    TOP,
    Refuses,
    due,
    export,
    grays,
    is_near,
    planned,
    rows,
    seen,
)


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


def labelled(table: pa.Table, words: str) -> pa.Table:
    """The same rows, with words beside each field, in and around every list."""
    fields, columns = [], []
    for field in table.schema:
        kind, column = field.type, table[field.name].combine_chunks()
        if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            item = pa.field(words, kind.value_type, metadata={"said": words})
            size = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
            kind = pa.list_(item, size)
            column = column.cast(kind)
        fields.append(pa.field(field.name, kind, metadata={"said": words}))
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata={"said": words}))


def test_of_a_sources_tables_nothing_comes_along_but_rows(tmp_path: Path) -> None:
    """Neither what is said of a table or a field of it, nor what the items of its lists are called."""
    source, target, words = lerobot_sets.write(tmp_path / "in"), tmp_path / "out", "J. Doe"
    before = rows(source)
    for path in source.rglob("*.parquet"):
        pq.write_table(labelled(pq.read_table(path), words), path)
        assert pq.read_schema(path).field(0).metadata[b"said"] == words.encode()
    export(source, target)
    assert rows(target).equals(before.replace_schema_metadata(None))
    written = list(target.rglob("*.parquet"))
    assert {path.parts[len(target.parts)] for path in written} == {"data", "meta"} and len(written) == 3
    for path in written:
        schema = pq.read_schema(path)
        assert words not in schema.to_string(show_field_metadata=True, show_schema_metadata=True)
        assert words.encode() not in path.read_bytes()


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


def test_cameras_that_show_the_same_are_two_where_the_hub_links_them_to_one_file(tmp_path: Path) -> None:
    source = lerobot_sets.write(tmp_path / "in", (9, 8), (FRONT, TOP))
    blobs: dict[bytes, Path] = {}
    for path in [path for path in source.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        blob = blobs.setdefault(content, tmp_path / f"blob-{len(blobs)}")
        blob.write_bytes(content)
        path.unlink()
        path.symlink_to(blob)
    record = export(source, tmp_path / "out")
    assert [one["state"] for one in record["episodes"]] == ["released", "released"]
    assert len(seen(tmp_path / "out", FRONT)) == len(seen(tmp_path / "out", TOP)) == 2


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
