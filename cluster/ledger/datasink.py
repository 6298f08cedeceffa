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

from cluster import metrics
from cluster.ledger import lease
from operators import storage
from operators.release.layout import FOLDERS, files_of, shard_name
from operators.release.shard_writer import EndedClip, write_shard
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
        made_by: Mapping[str, str] | None = None,
    ) -> None:
        filesystem, root = storage.arrow_filesystem(output)
        super().__init__(root, filesystem=filesystem, filename_provider=ShardNames())
        self.output, self.pools, self.signer = output, pools, signer
        self.settings, self.owner, self.made_by = settings, owner, made_by

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """Make the folders, which an object store does without."""
        storage.make_folders(self.output, list(FOLDERS))

    def write_block(self, block: BlockAccessor, block_index: int, ctx: Any) -> None:
        """Write one shard. Raises whatever is wrong with the rows; the checkpoint then stays uncommitted."""
        table = block.to_arrow()
        name = self.filename_provider.get_filename_for_task(ctx.kwargs["write_uuid"], ctx.task_idx)

        def write() -> metrics.Counts:
            # A retried task may have fewer files to write than its first attempt left behind.
            storage.delete(self.output, list(files_of(name).values()))
            counts: metrics.Counts = Counter()
            write_shard(
                metrics.tally(_rows(table), counts, self.pools),
                table["clip_id"].to_pylist(),
                name,
                partial(storage.open_output, self.output),
                self.signer,
                self.settings,
                self.made_by,
            )
            return counts

        lease.require(self.output, self.owner)
        counts = storage.again(write, self._data_context.retried_io_errors)
        lease.require(self.output, self.owner)  # Ray commits next
        metrics.publish(counts)

    def on_write_complete(self, write_result: Any) -> None:
        """Nothing: the stock sink deletes the whole dataset's folder after a run that had nothing to write."""


def _rows(table: pa.Table) -> Iterator[EndedClip]:
    """One row in memory at a time."""
    for index in range(table.num_rows):
        yield from from_table(table.slice(index, 1), ReleasedClip, QuarantinedClip, FailedClip)
