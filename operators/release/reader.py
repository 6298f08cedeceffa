"""The reader of a dataset: its facts, its columns, the stats of its shards, the rows and members of a few clips.

Nothing here holds a dataset as objects: of millions of clips columns pass by, some at a time, and who shows a few of
them reads those few.
"""

import contextlib
import hashlib
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
from pyarrow import fs

from operators import storage
from operators.release import json_form, parquet_form
from operators.release.checked import AGAIN
from operators.release.head_form import malformed
from operators.release.layout import DATASET, FOLDERS, SCHEMA_VERSION, files_of, shard_of
from operators.release.stats_form import well_formed
from schemas.arrow import from_table, schema_of
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.manifest import ManifestRow, QuarantineRow

ROWS = 1 << 16  # that pass by together
_FILES = 64  # that are open together: Arrow keeps what it learns of each file of a dataset
_REQUESTS = 16  # at the same time

Files = tuple[fs.FileSystem, list[str]]  # parquet files, in order
T = TypeVar("T")


def read_dataset(output: str) -> dict[str, Any] | None:
    """OUT/dataset.json, None if there is none. Raises UserError if it is not readable as such."""
    try:
        made = json_form.parsed(storage.read_bytes(output, DATASET))
    except FileNotFoundError:
        return None
    except ValueError:
        made = None
    if not isinstance(made, dict) or made.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{output}/{DATASET}",
            f"is not of schema version {SCHEMA_VERSION}",
            "Choose another output, or the release that wrote it",
        )
    return made


def require_dataset(output: str, consequence: str) -> dict[str, Any]:
    """The same; raises UserError if there is none, so that there is `consequence`."""
    made = read_dataset(output)
    if made is None:
        problem = f"holds no {DATASET}, so {consequence}"
        raise UserError(output, problem, "Give the output of jobs.anonymize")
    return made


def require_sayable(output: str, made: dict[str, Any], names: Sequence[str] = ()) -> None:
    """Raises UserError if what dataset.json says under these names, or all, is not what every dataset says there."""
    if wrong := [one for one in malformed(made) if not names or one.partition(".")[0] in names]:
        problem = f"does not say what every dataset says: {', '.join(wrong)}"
        raise UserError(f"{output}/{DATASET}", problem, AGAIN)


def require_complete(output: str, consequence: str) -> dict[str, Any]:
    """The same of a dataset that is complete; raises UserError if it is not."""
    made = require_dataset(output, consequence)
    if made["state"] != "complete":
        raise UserError(output, "is not complete", AGAIN)
    require_sayable(output, made)
    return made


def parquet_files(place: str, folder: str) -> Files:
    """The parquet files below a folder of a dataset or a plan; none if there is no such folder.

    Of a dataset's only those that shards have: what else lies there is for repair and verify, not for a reader.
    """
    filesystem, root = storage.arrow_filesystem(storage.join(place, folder))
    names = storage.list_files(storage.join(place, folder))
    shards = (name for name in names if folder not in FOLDERS or shard_of(f"{folder}/{name}"))
    return filesystem, [f"{root}/{name}" for name in sorted(shards) if name.endswith(".parquet")]


def stats_files(output: str) -> list[str]:
    """Names of all files of shards in OUT/stats, sorted."""
    names = storage.list_files(storage.join(output, "stats"))
    return sorted(name for name in names if name.endswith(".json") and shard_of(f"stats/{name}"))


def batches(
    files: Files, columns: Sequence[str], which: pc.Expression | None = None, together: int = ROWS
) -> Iterator[pa.Table]:
    """Columns of all rows, or of `which`, about so many `together`; no more is in memory, however many there are.

    Raises UserError for what is no such table, or cannot be read."""
    held: list[pa.RecordBatch] = []
    for batch in _pieces(files, columns, which):
        held += [batch] if len(batch) else []
        if sum(map(len, held)) >= together:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _pieces(files: Files, columns: Sequence[str], which: pc.Expression | None) -> Iterator[pa.RecordBatch]:
    filesystem, paths = files
    for first in range(0, len(paths), _FILES):
        some = paths[first : first + _FILES]
        try:
            yield from arrow_dataset.dataset(some, filesystem=filesystem, format="parquet").to_batches(
                columns=list(columns), filter=which, batch_size=ROWS, cache_metadata=False
            )
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            where = some[0] if len(some) == 1 else f"{some[0].rpartition('/')[0]}, one of {len(some)} files"
            problem = f"cannot be read as a table ({type(error).__name__})"
            remedy = (
                "Run jobs.anonymize again: it makes damaged shards anew. A plan is made anew by jobs.plan"
            )
            raise UserError(where, problem, remedy) from None


def read_columns(files: Files, columns: Sequence[str], which: pc.Expression | None = None) -> pa.Table:
    """Columns of all rows, or of `which`, at once; empty ones of strings if there is no row."""
    tables = list(batches(files, columns, which))
    return (
        pa.concat_tables(tables)
        if tables
        else pa.table({name: pa.array([], pa.string()) for name in columns})
    )


def references(plan: str, keys: Collection[str]) -> dict[str, ClipRef]:
    """By key, what the plan says of these clips; only the files of their sources' buckets are read."""
    filesystem, paths = parquet_files(plan, "clips")
    own = [path for path in paths if PurePosixPath(path).name[:2] in {key[:2] for key in keys}]
    names, wanted = list(schema_of(ClipRef).names), pc.field("key").isin(list(keys))
    rows = read_columns((filesystem, own), names, wanted)
    return {ref.key: ref for ref in from_table(rows, ClipRef)} if rows.num_rows else {}


def manifest(output: str, columns: Sequence[str], which: pc.Expression | None = None) -> pa.Table:
    """Columns of OUT/manifest."""
    return read_columns(parquet_files(output, "manifest"), columns, which)


def manifest_of(
    output: str,
    path: str,
    digest: str,
    was: Literal["written", "verified"],
    remedy: str,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """One shard's manifest, which was known by its sha256 when it was `written` or `verified`. Raises UserError if it
    is another one since: others may write there, and by it clips are known."""
    data = storage.read_bytes(output, path)
    if hashlib.sha256(data).hexdigest() != digest:
        raise UserError(storage.join(output, path), f"is not what was {was}", remedy)
    return pq.read_table(pa.BufferReader(data), columns=columns)


def clip_ids(output: str) -> np.ndarray:
    """int64 ids in OUT/manifest, sorted, repeated if a clip is there repeatedly."""
    tables = batches(parquet_files(output, "manifest"), ["clip_id"])
    found = [table["clip_id"].drop_null().to_numpy() for table in tables]
    return np.sort(np.concatenate([np.empty(0, np.int64), *found]))


def first_of(
    tables: Iterable[pa.Table], in_order: Callable[[pa.Table], pa.Table], count: int
) -> list[dict[str, Any]]:
    """The first `count` of all rows, where `in_order` sorts a table; only so many are kept as tables pass by.

    It has to hold that what `in_order` puts behind `count` rows stays behind as many, whatever rows come later.
    """
    kept: pa.Table | None = None
    for table in tables:
        kept = in_order(table if kept is None else pa.concat_tables([kept, table])).slice(0, count)
    return [] if kept is None else kept.to_pylist()


def manifest_row(output: str, shard: str, key: str) -> ManifestRow:
    """What OUT/manifest says of one clip. Raises ValueError if it is not in that shard."""
    return _row(output, files_of(shard)["manifest"], key, ManifestRow)


def quarantine_row(output: str, shard: str, key: str) -> QuarantineRow:
    """What OUT/quarantine says of one clip. Raises ValueError if it is not in that shard."""
    return _row(output, files_of(shard)["quarantine"], key, QuarantineRow)


def _row(output: str, path: str, key: str, case: type[T]) -> T:
    table = pq.read_table(pa.BufferReader(storage.read_bytes(output, path)))
    (row,) = from_table(table.filter(pc.field("key") == key), case)
    return row


def members(output: str, shard: str, key: str) -> dict[str, bytes]:
    """Extension -> bytes of one released clip. Only the headers and this clip are read."""
    found: dict[str, bytes] = {}
    path = files_of(shard)["shards"]
    with storage.open_file(storage.join(output, path)) as file, tarfile.open(fileobj=file) as tar:
        for member in tar:
            name, _, extension = member.name.partition(".")
            data = tar.extractfile(member) if name == key else None
            if data:
                found[extension] = data.read()
            elif found:
                break
    return found


def stats(output: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Stats of every shard, in order of name, with the sha256 of their file; a few in memory. Raises UserError if one
    has none that can be read."""
    names = stats_files(output)
    with ThreadPoolExecutor(_REQUESTS) as threads:
        for first in range(0, len(names), _FILES):
            some = names[first : first + _FILES]
            yield from threads.map(lambda name: _stats(output, name.removesuffix(".json")), some)


def _stats(output: str, name: str) -> tuple[dict[str, Any], str]:
    path = files_of(name)["stats"]
    written = storage.read_bytes(output, path)
    with contextlib.suppress(ValueError):
        if well_formed(read := json_form.parsed(written)):
            return read, hashlib.sha256(written).hexdigest()
    remedy = "Run the same command again: it makes such shards anew"
    raise UserError(f"{output}/{path}", "holds no accounts of a shard", remedy)


def commit_record(output: str, stats: dict[str, Any]) -> bytes:
    """The commit record that is due for a shard with these stats. Raises ValueError if its manifest is another."""
    path = files_of(stats["name"])["manifest"]
    written = storage.read_bytes(output, path)
    if hashlib.sha256(written).hexdigest() != stats["files"][path]["sha256"]:
        raise ValueError(f"{path} is not what was written")
    return parquet_form.commit_record(pq.read_table(pa.BufferReader(written), columns=["clip_id"])["clip_id"])
