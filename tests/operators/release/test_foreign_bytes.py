"""No file of a shard holds more than it says: foreign bytes are found though every digest fits and all can be read.

Whoever wrote them may have had the key; so all is made to fit, and only what lies there can show it.
"""

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.release import parquet_form
from operators.release.shard_check import size_and_digest
from schemas.arrow import from_table, to_table
from schemas.manifest import ManifestRow
from tests.operators.release.shard_bytes import (
    PATHS,
    SECRET,
    Files,
    members,
    problems,
    shard,
    table_of,
    tarred,
)


@pytest.fixture
def files() -> Files:
    return shard()


def test_as_written(files: Files) -> None:
    assert problems(files) == []


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
        ("parquet-cpp-arrow version 7.0.1", True),
        ("parquet-cpp-arrow version 30.1.0", True),
        ("parquet-cpp-arrow version 987.654.321", False),
        ("parquet-cpp-arrow version 07.0.1", False),
        ("parquet-cpp-arrow version 7.00.1", False),
        ("parquet-cpp-arrow version 7.0.20", False),
        ("parquet-cpp-arrow version 7.0", False),
        (SECRET, False),
        (f"{ours} {SECRET}", False),
    ):
        size = int.from_bytes(data[-8:-4], "little") + len(theirs) - len(ours)
        body = data[:-8].replace(parquet_form._text(ours), parquet_form._text(theirs))
        forged = body + size.to_bytes(4, "little") + data[-4:]
        assert len(table_of(forged)) == 5
        assert parquet_form.same(forged, data) == alone, theirs


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
