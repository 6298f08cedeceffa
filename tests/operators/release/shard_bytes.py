"""A shard in memory, for tests that alter its bytes, and what is found in it then."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.release import parquet_form
from operators.release.checked import Demands
from operators.release.json_form import written
from operators.release.layout import files_of
from operators.release.shard_check import check_shard, size_and_digest
from operators.release.shard_writer import write_shard
from schemas.arrow import from_table, to_table
from schemas.manifest import ManifestRow
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


def members(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


def tarred(held: list[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for member, data in held:
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def table_of(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))


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
