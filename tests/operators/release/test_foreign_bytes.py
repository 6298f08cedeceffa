"""No file of a shard holds more than it says: foreign bytes are found though every digest fits and all can be read.

Whoever wrote them may have had the key; so all is made to fit, and only what lies there can show it.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.release import parquet_form
from operators.release.checked import Demands
from operators.release.json_form import written
from operators.release.layout import files_of
from operators.release.shard_check import check_shard, size_and_digest
from operators.release.shard_writer import write_shard
from operators.video.encode import encode_video
from schemas.arrow import from_table, to_table
from schemas.certificate import Step
from schemas.manifest import ManifestRow, QuarantineRow
from tests.cluster import toy

NAME = "0" * 32 + "-00000000"
SECRET = "JANE ROE, 12 Elm Street"
MANY = int.from_bytes(SECRET.encode(), "big")  # a number that is none
PATHS = files_of(NAME)
Files = dict[str, bytes]


def shard(end: Callable[[Any], toy.Ended] = toy.ended) -> Files:
    """A shard of one quarantined, one failed and three released clips."""
    files: dict[str, toy._File] = {}
    refs = [toy.make_ref(number) for number in range(5)]
    write_shard(map(end, refs), [ref.clip_id for ref in refs], NAME, partial(toy._open, files))
    return {path: file.data for path, file in files.items()}


@pytest.fixture
def files() -> Files:
    return shard()


def problems(files: Files, name: str = NAME) -> list[str]:
    """What is found once the stats have been made to fit."""
    stats = json.loads(files[files_of(name)["stats"]])
    stats["files"] = {path: size_and_digest(files[path]) for path in stats["files"]}
    files[files_of(name)["stats"]] = written(stats)

    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    checked = check_shard(name, read, Demands(toy.POLICY, toy.PROFILE.digest()))
    return [f"{breach.where}: {breach.problem}" for breach in checked.breaches]


def test_as_written(files: Files) -> None:
    assert problems(files) == []


def members(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


def tarred(held: list[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for member, data in held:
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def with_field(data: bytes, name: str, value: Any) -> bytes:
    """The tar with a field of its first member's header set."""
    held = members(data)
    setattr(held[0][0], name, value)
    return tarred(held, format=tarfile.USTAR_FORMAT)


def in_padding(data: bytes) -> bytes:
    """Between a member's last byte and the next block."""
    member = members(data)[0][0]
    at = member.offset_data + member.size
    assert 512 - at % 512 > len(SECRET)
    return data[:at] + SECRET.encode() + data[at + len(SECRET) :]


@pytest.mark.parametrize(
    "change",
    [
        in_padding,
        lambda data: data + SECRET.encode(),
        lambda data: data + bytes(10240),
        lambda data: data[:-10240] + SECRET.encode().ljust(10240, b"\0"),
        lambda data: with_field(data, "uname", "JANE ROE"),
        lambda data: with_field(data, "gname", "JANE ROE"),
        lambda data: with_field(data, "mtime", 1_773_476_813),
        lambda data: with_field(data, "uid", 1205),
        lambda data: with_field(data, "gid", 1205),
        lambda data: with_field(data, "mode", 0o755),
        lambda data: tarred(members(data), format=tarfile.PAX_FORMAT, pax_headers={"comment": SECRET}),
        lambda data: tarred(members(data), format=tarfile.GNU_FORMAT),
        lambda data: tarred([*members(data), members(data)[0]], format=tarfile.USTAR_FORMAT),
        lambda data: tarred(members(data)[::-1], format=tarfile.USTAR_FORMAT),
        lambda data: tarred([*members(data), (tarfile.TarInfo(SECRET), b"")], format=tarfile.USTAR_FORMAT),
        gzip.compress,
    ],
)
def test_a_tar_holds_its_members_alone(files: Files, change: Callable[[bytes], bytes]) -> None:
    files[PATHS["shards"]] = change(files[PATHS["shards"]])
    assert any(PATHS["shards"] in problem for problem in problems(files))


@pytest.mark.parametrize("kind", ["hard link", "link", "folder", "pipe"])
def test_a_tar_holds_nothing_but_files(files: Files, kind: str) -> None:
    kinds = {
        "hard link": tarfile.LNKTYPE,
        "link": tarfile.SYMTYPE,
        "folder": tarfile.DIRTYPE,
        "pipe": tarfile.FIFOTYPE,
    }
    held = members(files[PATHS["shards"]])
    extra = tarfile.TarInfo("x")
    extra.type, extra.linkname = kinds[kind], held[0][0].name
    files[PATHS["shards"]] = tarred([*held, (extra, b"")], format=tarfile.USTAR_FORMAT)
    assert any(PATHS["shards"] in problem for problem in problems(files))


def table_of(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))


def between_pages(data: bytes) -> bytes:
    """Between the last page and the footer, where no reader looks."""
    size = int.from_bytes(data[-8:-4], "little") + 8
    return data[:-size] + SECRET.encode() + data[-size:]


@pytest.mark.parametrize("folder", ["manifest", "quarantine"])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: parquet_form.written(table_of(data).replace_schema_metadata({"by": SECRET})),
        lambda data: parquet_form.written(
            table_of(data).append_column("x", pa.array([SECRET] * len(table_of(data))))
        ),
        lambda data: parquet_form.written(
            table_of(data).cast(
                pa.schema(
                    [field.with_metadata({"by": SECRET}) for field in table_of(data).schema],
                )
            )
        ),
        lambda data: parquet_form.written(table_of(data).select(table_of(data).column_names[::-1])),
        between_pages,
    ],
)
def test_a_table_holds_its_rows_alone(files: Files, folder: str, change: Callable[[bytes], bytes]) -> None:
    files[PATHS[folder]] = change(files[PATHS[folder]])
    assert f"{PATHS[folder]}: holds more than its rows" in problems(files)


def test_a_table_may_be_of_another_version_of_arrow_and_of_no_other_writer(files: Files) -> None:
    data = files[PATHS["manifest"]]
    ours = pq.read_metadata(io.BytesIO(data)).created_by
    for theirs, alone in (
        ("parquet-cpp-arrow version 7.0.10", True),
        (SECRET, False),
        (f"{ours} {SECRET}", False),
    ):
        size = int.from_bytes(data[-8:-4], "little") + len(theirs) - len(ours)
        body = data[:-8].replace(parquet_form._text(ours), parquet_form._text(theirs))
        forged = body + size.to_bytes(4, "little") + data[-4:]
        assert len(table_of(forged)) == 5
        assert parquet_form.same(forged, data) == alone, theirs


def record_with(files: Files, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first clip's record, and let tar and manifest fit."""
    held = members(files[PATHS["shards"]])
    number = next(n for n, (member, _) in enumerate(held) if member.name.endswith(".json"))
    record = json.loads(held[number][1])
    change(record)
    held[number][0].size = len(written(record))
    held[number] = held[number][0], written(record)
    files[PATHS["shards"]] = tarred(held, format=tarfile.USTAR_FORMAT)
    key = held[number][0].name.removesuffix(".json")
    digest = size_and_digest(held[number][1])["sha256"]
    rows = [
        replace(row, record_sha256=digest) if row.key == key else row
        for row in from_table(table_of(files[PATHS["manifest"]]), ManifestRow)
    ]
    files[PATHS["manifest"]] = parquet_form.written(to_table(rows, ManifestRow))


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(note=SECRET),
        lambda record: record.update(signature=SECRET),
        lambda record: record.update(width=64.0),
        lambda record: record.update(first_frame=20260314),
        lambda record: record.update(time_base=[1, 5120, 20260314]),
        lambda record: record.update(time_base=[True, 5120]),
        lambda record: record.update(sample_aspect=[1, 1, 20260314]),
        lambda record: record.update(sample_aspect=[1.0, 1]),
        lambda record: record.update(
            sample_aspect=[MANY, MANY]
        ),  # and all else that says the same in larger numbers
        lambda record: record.update(time_base=[MANY * each for each in record["time_base"]]),
        lambda record: record.update(
            time_base=[1, MANY * record["time_base"][1]],
            timestamps=[MANY * moment for moment in record["timestamps"]],
        ),
        lambda record: record.update(
            time_base=[1, 7 * record["time_base"][1]], timestamps=[7 * one for one in record["timestamps"]]
        ),
        lambda record: record.update(pictures={"by": SECRET}),
        lambda record: record.update(pictures={"deinterlaced": SECRET}),
        lambda record: record.update(pictures=SECRET),
        lambda record: record.update(timestamps=[SECRET, *record["timestamps"][1:]]),
        lambda record: record.update(timestamps=[-t for t in record["timestamps"]]),
        lambda record: record["certificate"].update(note=SECRET),
        lambda record: record["certificate"].update(seed_commitment=SECRET),
        lambda record: record["certificate"].update(code_version=SECRET),
        lambda record: record["certificate"].update(weights_digest=""),
        lambda record: record["certificate"]["gates"][0].update(score=0),
        lambda record: record["certificate"]["gates"][0].update(note=SECRET),
        lambda record: record["certificate"]["gates"].append(
            {"name": SECRET, **record["certificate"]["gates"][0]}
        ),
    ],
)
def test_a_record_says_what_is_due_alone(files: Files, change: Callable[[dict[str, Any]], object]) -> None:
    record_with(files, change)
    assert any(".tar: " in problem for problem in problems(files))


def test_the_record_tool_changes_nothing_itself(files: Files) -> None:
    before = dict(files)
    record_with(files, lambda record: None)
    assert files == before and problems(files) == []


def stats_with(files: Files, **more: Any) -> None:
    files[PATHS["stats"]] = written(json.loads(files[PATHS["stats"]]) | more)


@pytest.mark.parametrize(
    "more", [{"note": SECRET}, {"settings": {"by": SECRET}}, {"signature": SECRET}, {"people": 3.0}]
)
def test_stats_say_what_is_due_alone(files: Files, more: dict[str, Any]) -> None:
    stats_with(files, **more)
    assert any(PATHS["stats"] in problem for problem in problems(files))


@pytest.mark.parametrize("name", ["JANE ROE", "A" * 32 + "-00000000", "0" * 32 + "-٠٠٠٠٠٠٠٠", NAME + "0"])
def test_no_shard_is_called_otherwise(files: Files, name: str) -> None:
    renamed = {path.replace(NAME, name): data for path, data in files.items()}
    rows = [replace(row, shard=name) for row in from_table(table_of(files[PATHS["manifest"]]), ManifestRow)]
    renamed[files_of(name)["manifest"]] = parquet_form.written(to_table(rows, ManifestRow))
    stats = json.loads(files[PATHS["stats"]])
    stats |= {"name": name, "files": {path.replace(NAME, name): {} for path in stats["files"]}}
    renamed[files_of(name)["stats"]] = written(stats)
    assert problems(renamed, name) == [f"{files_of(name)['stats']}: has the name of no shard"]


@pytest.mark.parametrize(
    "key",
    [
        SECRET,
        "0" * 20,
        "0" * 20 + "-٠٠٠٠٠٠",
        "A" * 20 + "-000000",
        f"{'0' * 20}-{MANY}",
        "0" * 20 + "-0000007",
    ],
)
def test_no_clip_is_called_otherwise(key: str) -> None:
    files = shard(lambda ref: toy.ended(replace(ref, key=key) if ref.clip_id == 2 else ref))
    assert f"{PATHS['manifest']}: has keys that no clip has" in problems(files)


def test_the_conditioning_has_the_clips_moments() -> None:
    """A recorder's clock, or a name as distances, would fit there as well as into the clip."""

    def late(ref: Any) -> toy.Ended:
        frames = np.random.default_rng(0).integers(0, 255, (ref.frames, ref.height, ref.width, 3), np.uint8)
        moments = [0, 512, 1024, 1537, 2048]
        shown = encode_video(frames, moments, Fraction(1, 5120), Fraction(10), 40, "ultrafast")
        return toy.released(ref, toy.noise(ref), shown) if ref.clip_id > 1 else toy.ended(ref)

    found = problems(shard(late))
    assert len(found) == 3 and all("condition.mp4: has other timestamps" in problem for problem in found)


def rows_with(files: Files, folder: str, case: type, verdict: str, **more: Any) -> None:
    """Set fields of the first row with that verdict, and let the table be as written."""
    rows = from_table(table_of(files[PATHS[folder]]), case)
    number = next(n for n, row in enumerate(rows) if row.verdict == verdict)
    rows[number] = replace(rows[number], **more)
    files[PATHS[folder]] = parquet_form.written(to_table(rows, case))


@pytest.mark.parametrize("verdict", ["quarantined", "failed"])
@pytest.mark.parametrize(
    "more",
    [
        {"reason": SECRET},
        {"reason": "the source cannot be decoded (JANE ROE)"},
        {"reason": "gate failed: JANE ROE"},
        {"stage": SECRET},
        {"sha256": SECRET},
        {"sha256": SECRET.encode().hex().ljust(64, "0")},
        {"record_sha256": SECRET},
        {"condition_sha256": SECRET},
        {"source_hmac": SECRET},
        {"video_bytes": 20260314082653},
        {"people": 1205},
        {"tracks": 1205},
        {"width": 1 << 40},
        {"height": -1205},
        {"fps_num": 1 << 40},
        {"fps_den": 0},
        {"fps_num": 30 * 1205, "fps_den": 1205},
        {"first_frame": -1205},
        {"first_frame": 20260314082653},
        {"frames": -1205},
        {"window": 1 << 40},
        {"frames": 6, "window": 5},
        {"seconds": {"audit": -20260314.0}},
        {"bypassed": True},
        {"seconds": {SECRET: 1.0}},
        {"steps": [Step("other seed", SECRET)]},
        {"steps": [Step("other seed", "audit: gate failed: copy", "", SECRET)]},
        {"steps": [Step("accept", "see /videos/Monday.mp4", "R. Viewer", "0" * 64)]},
        {"steps": [Step("accept", "fine", "jane@example.org", "0" * 64)]},
    ],
)
def test_of_what_was_not_released_the_manifest_says_what_is_due_alone(
    files: Files, verdict: str, more: dict[str, Any]
) -> None:
    rows_with(files, "manifest", ManifestRow, verdict, **more)
    if more.keys() & {"reason", "stage"}:
        rows_with(files, "quarantine", QuarantineRow, verdict, **more)
    found = problems(files)
    assert any(
        "says what is not to be said" in problem or "states other counts" in problem for problem in found
    )
    if not more.keys() & {
        "people",
        "tracks",
        "bypassed",
        "seconds",
        "frames",
    }:  # which have to add up as well
        assert any("says what is not to be said" in problem for problem in found)


@pytest.mark.parametrize(
    "more",
    [
        {"remedy": SECRET},
        {"gates": SECRET},
        {"gates": json.dumps([{"name": SECRET}])},
        {"gates": "[ ]"},
        {
            "gates": json.dumps(
                [
                    {
                        "name": "copy",
                        "measure": SECRET,
                        "score": "0.0",
                        "threshold": 1.0,
                        "direction": "at most",
                    }
                ]
            )
        },
        {"output_sha256": SECRET},
    ],
)
def test_nor_does_the_quarantine(files: Files, more: dict[str, Any]) -> None:
    rows_with(files, "quarantine", QuarantineRow, "quarantined", **more)
    assert any("says what is not to be said" in problem for problem in problems(files))


@pytest.mark.parametrize(
    "more",
    [
        {"video_bytes": 20260314082653},
        {"margin": 0.20260314},
        {"reason": "not one frame can be decoded"},
        {"seconds": {"audit": 1.0, SECRET: 0.0}},
    ],
)
def test_nor_the_manifest_of_what_was_released(files: Files, more: dict[str, Any]) -> None:
    rows_with(files, "manifest", ManifestRow, "released", **more)
    assert problems(files)


def test_how_close_a_gate_was_is_what_the_gates_say(files: Files) -> None:
    rows_with(files, "manifest", ManifestRow, "quarantined", margin=0.20260314)
    assert any("in margin" in problem for problem in problems(files))


def with_measure(record: dict[str, Any]) -> None:
    record["certificate"]["gates"][0]["measure"] = SECRET


def test_a_gate_measures_what_it_measures(files: Files) -> None:
    record_with(files, with_measure)
    assert any("measures something else" in problem for problem in problems(files))


def raw_header(data: bytes, at: int, value: bytes) -> bytes:
    """Bytes of the first member's header, with a checksum that fits."""
    head = bytearray(data[:512])
    head[at : at + len(value)] = value
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data[512:]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (157, b"JANE ROE"),  # where a link leads
        (329, b"0000017"),  # numbers of a device
        (337, b"0000017"),
        (345, b"JANE"),  # before the name
        (500, b"JANE ROE"),  # behind the last field
        (99, b"R"),  # in the name, behind its end
        (257, b"ustar  \0"),
        (136, b"14567012345"),
    ],
)
def test_no_byte_of_a_tars_header_is_free(files: Files, at: int, value: bytes) -> None:
    changed = raw_header(files[PATHS["shards"]], at, value)
    assert changed != files[PATHS["shards"]]
    files[PATHS["shards"]] = changed
    assert any(PATHS["shards"] in problem for problem in problems(files))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b" ",
        lambda data: b"\n" + data,
        lambda data: data.replace(b": ", b":  ", 1),
        lambda data: data.replace(b'"frames"', b'"\\u0066rames"', 1),
        lambda data: data.replace(b"{", b'{"frames": "JANE ROE", ', 1),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"0.0", b"0e0", 1),
        lambda data: data.replace(b"0.0", b"-0.0", 1),
    ],
)
def test_a_record_is_written_in_one_way(files: Files, change: Callable[[bytes], bytes]) -> None:
    held = members(files[PATHS["shards"]])
    number = next(n for n, (member, _) in enumerate(held) if member.name.endswith(".json"))
    data = change(held[number][1])
    assert data != held[number][1]
    held[number][0].size = len(data)
    key, held[number] = held[number][0].name.removesuffix(".json"), (held[number][0], data)
    files[PATHS["shards"]] = tarred(held, format=tarfile.USTAR_FORMAT)
    digest = size_and_digest(data)["sha256"]
    rows = from_table(table_of(files[PATHS["manifest"]]), ManifestRow)
    rows = [replace(row, record_sha256=digest) if row.key == key else row for row in rows]
    files[PATHS["manifest"]] = parquet_form.written(to_table(rows, ManifestRow))
    assert any(".tar: " in problem for problem in problems(files))


@pytest.mark.parametrize("folder", ["manifest", "quarantine"])
@pytest.mark.parametrize(
    "options",
    [
        {"compression": "snappy"},
        {"compression": "zstd", "compression_level": 19},
        {"compression": "zstd", "row_group_size": 1},
        {"compression": "zstd", "write_statistics": False},
        {"compression": "zstd", "use_dictionary": False},
        {"compression": "zstd", "write_page_index": True},
        {"compression": "zstd", "version": "1.0"},
        {"compression": "zstd", "data_page_size": 1},
        {"compression": "zstd", "store_schema": False},
        {"compression": "zstd", "sorting_columns": [pq.SortingColumn(0)]},
    ],
    ids=str,
)
def test_a_table_is_written_in_one_way(files: Files, folder: str, options: dict[str, Any]) -> None:
    """How it could be otherwise tells what somebody wants told, a bit at a time."""
    buffer = io.BytesIO()
    pq.write_table(table_of(files[PATHS[folder]]), buffer, **options)
    if buffer.getvalue() == files[PATHS[folder]]:
        pytest.skip("which changes nothing of so small a table")
    files[PATHS[folder]] = buffer.getvalue()
    assert f"{PATHS[folder]}: holds more than its rows" in problems(files)


def test_a_file_with_a_key_of_its_own_in_the_footer_is_found(files: Files) -> None:
    """Metadata of the file, which Arrow hands on as the schema's, and which `replace_schema_metadata` would miss."""
    for folder in ("manifest", "quarantine"):
        table, buffer = table_of(files[PATHS[folder]]), io.BytesIO()
        with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({"by": SECRET})
        files[PATHS[folder]] = buffer.getvalue()
        assert f"{PATHS[folder]}: holds more than its rows" in problems(files)
