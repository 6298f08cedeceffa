"""Ray Data in this process, for tests that are about something else: what our jobs call of it, block by block.

On Ray each pass starts a worker for every stage, which loads its libraries and models: of a few small clips that is
nearly all that a run takes. What is here in its place is held to Ray's by tests/jobs/test_resume.py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

from cluster import session
from cluster.ledger.datasink import ShardSink
from operators import storage, weights
from operators.release import parquet_form, reader
from operators.release.layout import commit_of, shard_name


class Items:
    """Of Ray Data's Dataset what the jobs call on rows that are dicts."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items

    def map(
        self, operator: Callable[..., Any], fn_constructor_args: tuple[Any, ...] = (), **_: object
    ) -> "Items":
        stage = _stage(operator, fn_constructor_args)
        return Items([stage(item) for item in self.items])

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        return iter(self.items)

    def take_all(self) -> list[dict[str, Any]]:
        return self.items

    def materialize(self) -> "Items":
        return self


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
        """A batch is a block, or `batch_size` rows of it."""
        stage = _stage(operator, fn_constructor_args)
        made = []
        for block in self.blocks:
            size = batch_size or block.num_rows
            batches = [stage(block.slice(first, size)) for first in range(0, block.num_rows, size or 1)]
            made += [pa.concat_tables(batches)] if batches else []
        return Rows([block for block in made if block.num_rows])

    def groupby(self, key: str) -> "Groups":
        return Groups(pa.concat_tables(self.blocks), key)

    def take_all(self) -> list[dict[str, Any]]:
        return [row for block in self.blocks for row in block.to_pylist()]

    def materialize(self) -> "Rows":
        return self

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


@dataclass
class Groups:
    """Rows of one table with the same value of `key`."""

    table: pa.Table
    key: str

    def map_groups(self, stage: Callable[[pa.Table], Any], **_: object) -> Rows:
        values = sorted(pc.unique(self.table[self.key]).to_pylist())
        made = [stage(self.table.filter(pc.equal(self.table[self.key], value))) for value in values]
        return Rows([one if isinstance(one, pa.Table) else pa.table(one) for one in made])


def _stage(operator: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """A class is made once, as by the one actor of a pool; a function is called as it is."""
    return operator(*arguments) if isinstance(operator, type) else operator


def from_items(items: list[dict[str, Any]], **_: object) -> Items:
    return Items(items)


def from_arrow(table: pa.Table) -> Rows:
    return Rows([table])


def read_parquet(paths: list[str], filesystem: fs.FileSystem, **_: object) -> Rows:
    """The plan's clips that OUT/manifest does not have, as Ray's filter behind the read leaves them."""
    read = [pq.read_table(path, filesystem=filesystem) for path in paths]
    checkpoints = DataContext.get_current().checkpoint_config
    if checkpoints is None:
        return Rows(read)
    done = pa.array(reader.clip_ids(checkpoints.checkpoint_path.rpartition("/")[0]), pa.int64())
    return Rows([table.filter(pc.invert(pc.is_in(table["clip_id"], done))) for table in read])


def begin(*_: object, **__: object) -> None:
    """In place of Ray's start: what is left of a job before this one in the same process holds no more."""
    DataContext.get_current().checkpoint_config = None


@contextmanager
def here() -> Iterator[pytest.MonkeyPatch]:
    """Within it Ray Data is what stands above, and no Ray is started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray.data, "read_parquet", read_parquet)
        patch.setattr(ray.data, "from_items", from_items)
        patch.setattr(ray.data, "from_arrow", from_arrow)
        patch.setattr(session, "start", begin)
        patch.setattr(session, "require_room", lambda _: None)
        # What a run begun here expects is not expected of the tests after it.
        patch.setattr(weights, "_expected", [])
        yield patch
    begin()
