"""The sink on Ray Data: each write task writes one shard, under the two-phase commit of Ray's checkpoints.

A shard's name holds the write's id, so that no run ever writes over another's files. Retries of one task reuse
its name; they start from nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa
from ray.data.block import BlockAccessor
from ray.data.datasource import BlockBasedFileDatasink, FilenameProvider

from cluster import logs, metrics
from cluster.ledger import lease
from operators import storage
from operators.release.accounts import COUNTED
from operators.release.layout import FOLDERS, files_of, shard_name
from operators.release.shard_writer import VERDICT_OF, EndedClip, write_shard
from operators.release.signature import Signer
from schemas.arrow import from_table
from schemas.clip import FailedClip, QuarantinedClip, ReleasedClip
from schemas.profile import Pools


class ShardNames(FilenameProvider):
    """Names of a fixed length: recovery goes by prefixes, and Ray's own `{task:06}` is one of `{task:07}`."""

    def get_filename_for_task(self, write_uuid: str, task_index: int) -> str:
        """`<32 hex digits of the write>-<task>`, without an extension."""
        return shard_name(write_uuid, task_index)


class ShardSink(BlockBasedFileDatasink):
    """Writes blocks of `schema_of(ReleasedClip, QuarantinedClip, FailedClip)` as shards below `output`."""

    def __init__(
        self,
        output: str,
        pools: Pools | None = None,
        signer: Signer | None = None,
        settings: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        filesystem, root = storage.arrow_filesystem(output)
        super().__init__(root, filesystem=filesystem, filename_provider=ShardNames())
        self.output, self.pools, self.signer = output, pools, signer
        self.settings, self.owner = settings, owner

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """Make the folders, which an object store does without."""
        storage.make_folders(self.output, list(FOLDERS))

    def write_block(self, block: BlockAccessor, block_index: int, ctx: Any) -> None:
        """Write one shard. Raises whatever is wrong with the rows; the checkpoint then stays uncommitted."""
        table = block.to_arrow()
        name = self.filename_provider.get_filename_for_task(ctx.kwargs["write_uuid"], ctx.task_idx)

        def write() -> tuple[dict[str, Any], metrics.Counts]:
            # A retried task may have fewer files to write than its first attempt left behind.
            storage.delete(self.output, list(files_of(name).values()))
            counts: metrics.Counts = Counter()
            stats = write_shard(
                metrics.tally(_rows(table), counts, self.pools),
                table["clip_id"].to_pylist(),
                name,
                partial(storage.open_output, self.output),
                self.signer,
                self.settings,
            )
            return stats, counts

        lease.require(self.output, self.owner)
        stats, counts = storage.again(write, self._data_context.retried_io_errors)
        lease.require(self.output, self.owner)  # Ray commits next
        metrics.publish(counts)
        _log(table, stats)

    def on_write_complete(self, write_result: Any) -> None:
        """Nothing: the stock sink deletes the whole dataset's folder after a run that had nothing to write."""


def _log(table: pa.Table, stats: dict[str, Any]) -> None:
    """The shard, and each clip of it that was not released."""
    for row in _rows(table):
        if isinstance(row, QuarantinedClip | FailedClip):
            gates = row.gates if isinstance(row, QuarantinedClip) else []
            logs.emit(
                "clip",
                clip_id=row.ref.clip_id,
                verdict=VERDICT_OF[type(row)],
                stage=row.stage,
                gates=",".join(gate.name for gate in gates if not gate.passed),
                frames=row.ref.frames,
            )
    counts = {name: stats[name]["clips"] for name in COUNTED}
    seconds = round(sum(stats["seconds"].values()), 3)
    logs.emit("shard", shard=stats["name"], **counts, people=stats["people"], seconds=seconds)


def _rows(table: pa.Table) -> Iterator[EndedClip]:
    """One row in memory at a time."""
    for index in range(table.num_rows):
        yield from from_table(table.slice(index, 1), ReleasedClip, QuarantinedClip, FailedClip)
