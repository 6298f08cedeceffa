"""The sink on Ray Data: each write task writes one shard, under the two-phase commit of Ray's checkpoints.

A shard's name holds the write's id, so that no run ever writes over another's files. Retries of one task reuse
its name; they start from nothing.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import fs
from ray._common.retry import call_with_retry
from ray.data.block import BlockAccessor
from ray.data.datasource import BlockBasedFileDatasink, FilenameProvider

from cluster.store import arrow_filesystem, delete
from operators.sink import FOLDERS, Outcome, files_of, write_shard
from schemas.arrow import from_table
from schemas.clip import FailedClip, QuarantinedClip, ReleasedClip


class ShardNames(FilenameProvider):
    """Names of a fixed length: recovery goes by prefixes, and Ray's own `{task:06}` is one of `{task:07}`."""

    def get_filename_for_task(self, write_uuid: str, task_index: int) -> str:
        """`<32 hex digits of the write>-<task>`, without an extension."""
        return f"{write_uuid}-{task_index:08d}"


class ShardSink(BlockBasedFileDatasink):
    """Writes blocks of `schema_of(ReleasedClip, QuarantinedClip, FailedClip)` as shards below `output`."""

    def __init__(self, output: str, publish_conditioning: bool = True) -> None:
        filesystem, root = arrow_filesystem(output)
        super().__init__(root, filesystem=filesystem, filename_provider=ShardNames())
        self.output, self.publish_conditioning = output, publish_conditioning

    def on_write_start(self, schema: pa.Schema | None = None) -> None:
        """Make the folders, which an object store does without."""
        filesystem, root = arrow_filesystem(self.output)
        if isinstance(filesystem, fs.LocalFileSystem):
            for folder in FOLDERS:
                filesystem.create_dir(f"{root}/{folder}")

    def write_block(self, block: BlockAccessor, block_index: int, ctx: Any) -> None:
        """Write one shard. Raises whatever is wrong with the rows; the checkpoint then stays uncommitted."""
        table = block.to_arrow()
        name = self.filename_provider.get_filename_for_task(ctx.kwargs["write_uuid"], ctx.task_idx)

        def write() -> None:
            # A retried task may have fewer files to write than its first attempt left behind.
            delete(self.output, list(files_of(name).values()))
            filesystem, root = arrow_filesystem(self.output)
            write_shard(
                _rows(table),
                table["clip_id"].to_pylist(),
                name,
                lambda path: filesystem.open_output_stream(f"{root}/{path}"),
                self.publish_conditioning,
            )

        call_with_retry(write, description=f"write shard {name}", match=self._data_context.retried_io_errors)

    def on_write_complete(self, write_result: Any) -> None:
        """Nothing: the stock sink deletes the whole dataset's folder after a run that had nothing to write."""


def _rows(table: pa.Table) -> Iterator[Outcome]:
    """One row in memory at a time."""
    for index in range(table.num_rows):
        yield from from_table(table.slice(index, 1), ReleasedClip, QuarantinedClip, FailedClip)
