"""Ray Data in this process, for tests that are about something else: what our jobs call of it, block by block.

On Ray each pass starts a worker for every stage, which loads its libraries and models: of a few small clips that is
nearly all that a run takes. What is here in its place is held to Ray's by tests/jobs/test_resume.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import ray
from pyarrow import fs
from ray.data import DataContext
from ray.data.block import BlockAccessor

from cluster.ledger.datasink import ShardSink
from operators import storage
from operators.release import parquet_form, reader
from operators.release.layout import commit_of, shard_name


class Rows:
    """Of Ray Data's Dataset what the jobs call on tables."""

    def __init__(self, blocks: list[pa.Table]) -> None:
        self.blocks = blocks

    def repartition(self, target_num_rows_per_block: int) -> "Rows":
        whole, size = pa.concat_tables(self.blocks), target_num_rows_per_block
        return Rows([whole.slice(first, size) for first in range(0, whole.num_rows, size)])

    def map_batches(
        self,
        operator: Callable[..., Any],
        fn_constructor_args: tuple[Any, ...] = (),
        batch_size: int | None = None,
        **_: object,
    ) -> "Rows":
        """A class is made once, and called as often as there are batches: a block, or `batch_size` rows of it."""
        stage = operator(*fn_constructor_args) if isinstance(operator, type) else operator
        made = []
        for block in self.blocks:
            size = batch_size or block.num_rows
            batches = [stage(block.slice(first, size)) for first in range(0, block.num_rows, size or 1)]
            made += [pa.concat_tables(batches)] if batches else []
        return Rows([block for block in made if block.num_rows])

    def write_datasink(self, sink: ShardSink, **_: object) -> None:
        """A block a shard; then, as Ray does, the record that commits it."""
        sink.on_write_start()
        write = uuid4().hex
        for task, block in enumerate(self.blocks):
            told = SimpleNamespace(kwargs={"write_uuid": write}, task_idx=task)
            sink.write_block(BlockAccessor.for_block(block), 0, told)
            record = parquet_form.commit_record(block["clip_id"])
            storage.write_bytes(sink.output, commit_of(shard_name(write, task)), record)
        sink.on_write_complete(None)


def read_parquet(paths: list[str], filesystem: fs.FileSystem, **_: object) -> Rows:
    """The plan's clips that OUT/manifest does not have, as Ray's filter behind the read leaves them."""
    read = [pq.read_table(path, filesystem=filesystem) for path in paths]
    checkpoints = DataContext.get_current().checkpoint_config
    if checkpoints is None:
        return Rows(read)
    done = pa.array(reader.clip_ids(checkpoints.checkpoint_path.rpartition("/")[0]), pa.int64())
    return Rows([table.filter(pc.invert(pc.is_in(table["clip_id"], done))) for table in read])


@contextmanager
def here() -> Iterator[pytest.MonkeyPatch]:
    """Within it Ray Data is what stands above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray.data, "read_parquet", read_parquet)
        yield patch
