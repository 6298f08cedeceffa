"""Repair: what an interrupted run left is removed before the next.

A shard counts once its record stands in OUT/checkpoint, and only while every file that its stats name has the size
stated there; all else that a run wrote is left over from an interruption.
"""

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from operators import storage
from operators.release import layout
from schemas.errors import UserError


def repair(output: str) -> None:
    """Remove whatever an interrupted run left; finished shards stay as they are, byte for byte.

    Can itself be interrupted anywhere: a shard's record goes after its files.
    """
    sizes = storage.list_files(output)
    written: dict[str, list[str]] = defaultdict(list)
    for path in sizes:
        if name := layout.shard_of(path):
            written[name].append(path)
    committed = {path: name for path in sizes if (name := layout.committed(path))}
    pending = [path for path in sizes if layout.committed(path, pending=True)]
    if written and not committed and not pending:
        remedy = "Restore OUT/checkpoint, or choose another output"
        raise UserError(output, "holds shards but no commit records", remedy)
    kept = _kept(output, sorted(committed.values()), sizes)
    storage.delete(output, [path for name, paths in written.items() if name not in kept for path in paths])
    storage.delete(output, pending + [path for path, name in committed.items() if name not in kept])


def _kept(output: str, committed: list[str], sizes: dict[str, int]) -> set[str]:
    """Committed shards that are whole, and whose clips no other shard kept has.

    A worker that outlives its driver may commit a shard which the next run makes as well.
    """
    with ThreadPoolExecutor(16) as threads:
        shards = threads.map(lambda name: _clips_of(output, name, sizes), committed)
        whole = {name: clips for name, clips in zip(committed, shards, strict=True) if clips is not None}
    ids = np.sort(np.concatenate([np.empty(0, np.int64), *whole.values()]))
    taken, twice = np.empty(0, np.int64), np.unique(ids[1:][ids[1:] == ids[:-1]])
    kept = set(whole)
    for name, clips in whole.items() if twice.size else ():
        contested = np.intersect1d(clips, twice)
        if np.isin(contested, taken).any():
            kept.discard(name)
        else:
            taken = np.union1d(taken, contested)
    return kept


def _clips_of(output: str, name: str, sizes: dict[str, int]) -> np.ndarray | None:
    """int64 ids of a committed shard's clips; None unless all its files have the sizes that its stats state."""
    paths = layout.files_of(name)
    try:
        files = json.loads(storage.read_bytes(output, paths["stats"]))["files"]
        if any(sizes.get(path) != stated["bytes"] for path, stated in files.items()):
            return None
        manifest = pa.BufferReader(storage.read_bytes(output, paths["manifest"]))
        ids: np.ndarray = pq.read_table(manifest, columns=["clip_id"])["clip_id"].cast(pa.int64()).to_numpy()
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return ids
