"""Which committed shards a run keeps: whole, signed when they were committed, and each clip in one of them only.

With a signer, stats are signed by whoever wrote the shard, so that a run never vouches for what somebody else put
there. Without one, digests still tell damage; whoever may write in the output could make them fit.

Signed by the same key is also what an older release of the code made, whose gates may have let pass what these do not.
Of such shards those stay that the last finished dataset lists; any other was put back, or an upgrade came in between.
So of unsigned ones, of which the plan remembers by what code and weights they are made (memory.py).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from operators import storage
from operators.release import json_form, layout
from operators.release.attestation import opened, sha256
from operators.release.layout import ATTESTATION, SHARD_LIST
from operators.release.signature import shard_holds
from operators.release.stats_form import well_formed
from schemas.arrow import schema_of
from schemas.errors import UserError
from schemas.manifest import ManifestRow

_CHUNK = 8 << 20  # bytes of a file that are hashed at once
_READ = ("clip_id", "key", "verdict", "shard", "steps")  # of manifests, by runs
_TOGETHER = 64  # shards in one task


@dataclass(frozen=True)
class Terms:
    """What is asked of a shard beside its size: a signature by `public_key` (PEM), none if empty; made with `settings`.

    With `digests` every byte of it is read. Those of `withdrawn` were taken out: whatever they hold, they stay out.
    They are `made_by` this code and these weights (digests), unsigned ones if all are (`made_alike`), or `listed`:
    names, and sha256 of their stats.
    """

    public_key: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    digests: bool = False
    withdrawn: frozenset[str] = frozenset()
    made_by: tuple[tuple[str, str], ...] = ()
    listed: Mapping[str, str] = field(default_factory=dict)
    made_alike: bool = True

    def know_maker(self, stats: dict[str, Any], digest: str) -> bool:
        """Whether these stats, of that sha256, are by who makes shards now, or of the last finished dataset."""
        now = stats.get("made_by") == dict(self.made_by) if self.public_key else self.made_alike
        return now or self.listed.get(stats["name"]) == digest


def kept(output: str, committed: Iterable[str], sizes: dict[str, int], terms: Terms) -> set[str]:
    """Committed shards that hold, and whose clips no other shard kept has.

    A worker that outlives its driver may commit a shard which the next run makes as well: what stands in the list of a
    finished dataset goes before what came later.
    """
    order = sorted(set(committed) - terms.withdrawn, key=lambda name: (name not in terms.listed, name))
    look = partial(_clips_of_all, output, sizes=sizes, terms=terms)
    found = zip(order, _everywhere(look, order, terms.digests), strict=True)
    whole = {name: clips for name, clips in found if clips is not None}
    return set(whole) - _repeating(whole)


def _repeating(whole: dict[str, np.ndarray]) -> set[str]:
    """Shards with a clip that one which comes before them, and stays, has. No clip becomes an object of Python's."""
    ids = np.sort(np.concatenate([np.empty(0, np.int64), *whole.values()]))
    taken, twice, repeating = np.empty(0, np.int64), np.unique(ids[1:][ids[1:] == ids[:-1]]), set[str]()
    for name, clips in whole.items() if twice.size else ():
        contested = np.intersect1d(clips, twice)
        if np.isin(contested, taken).any():
            repeating.add(name)
        else:
            taken = np.union1d(taken, contested)
    return repeating


def _everywhere(look: Callable[[Sequence[str]], list[Any]], names: Sequence[str], far: bool) -> list[Any]:
    """What `look` says of each name; `far`, by tasks wherever Ray has room, as reading a dataset is no work for one."""
    pieces = [names[first : first + _TOGETHER] for first in range(0, len(names), _TOGETHER)]
    if far and ray.is_initialized() and len(pieces) > 1:
        remote = ray.remote(look)
        found = ray.get([remote.remote(piece) for piece in pieces])
    else:
        found = [look(piece) for piece in pieces]
    return [one for piece in found for one in piece]


def _clips_of_all(output: str, names: Sequence[str], sizes: dict[str, int], terms: Terms) -> list[Any]:
    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(lambda name: _clips_of(output, name, sizes, terms), names))


def _clips_of(output: str, name: str, sizes: dict[str, int], terms: Terms) -> np.ndarray | None:
    """int64 ids of a committed shard's clips; None unless it is what its stats state, and they hold."""
    paths = layout.files_of(name)
    try:
        data = storage.read_bytes(output, paths["stats"])
        stats = json_form.parsed(data)
        if (
            not well_formed(stats)
            or stats["name"] != name
            or not shard_holds(stats, terms.public_key, dict(terms.settings))
        ):
            return None
        if not terms.know_maker(stats, sha256(data)):
            return None
        if any(sizes.get(path) != stated["bytes"] for path, stated in stats["files"].items()):
            return None
        if terms.digests and not all(
            _sha256(output, path) == stated["sha256"] for path, stated in stats["files"].items()
        ):
            return None
        return _ids(storage.read_bytes(output, paths["manifest"]))
    except (FileNotFoundError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _ids(manifest: bytes) -> np.ndarray | None:
    """int64 ids in a shard's manifest; None if it is none: what is read of it later must be there, of its type."""
    try:
        file = pq.ParquetFile(pa.BufferReader(manifest))
        held, due = file.schema_arrow, schema_of(ManifestRow)
        if any(len(held.get_all_field_indices(name)) != 1 for name in held.names):
            return None
        if any(held.field(name).type != due.field(name).type for name in _READ):
            return None
        column = file.read(["clip_id"])["clip_id"]
        ids: np.ndarray = column.to_numpy()
    except (OSError, pa.ArrowException):  # Arrow's; the bytes are here
        return None
    return None if column.null_count else ids


def _sha256(output: str, path: str) -> str:
    total = hashlib.sha256()
    with storage.open_file(storage.join(output, path)) as file:
        while piece := file.read(_CHUNK):
            total.update(piece)
    return total.hexdigest()


def listed(output: str, public_key: str, least: int) -> dict[str, str]:
    """Shards that the last finished dataset lists, with the sha256 of their stats: if `public_key` (PEM) signed it, or
    nobody where that is empty, and its revision is not below `least`. None if it cannot be read."""
    try:
        digests, revision, vouched = opened(storage.read_bytes(output, ATTESTATION), public_key)
        data = storage.read_bytes(output, SHARD_LIST)
        if not vouched or revision < least or digests.get(SHARD_LIST) != sha256(data):
            return {}
        links = map(json_form.parsed, data.splitlines())
        return {str(link["shard"]): str(link["stats_sha256"]) for link in links}
    except (FileNotFoundError, UserError, KeyError, TypeError, ValueError):
        return {}
