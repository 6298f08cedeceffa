"""A run of jobs.anonymize whose stages work in this process: what Ray brings to it is what other tests are about.

On Ray each pass starts a worker for every stage, which loads its libraries and models: of a few small clips that is
nearly all that a run takes. Here models are loaded once for runs with the same settings. Clips go through the very
stages into the very sink, block by block, and so do the job's passes, its ladder and its ledger. What is here in place
of Ray Data is held to Ray's by test_resume.py.
"""

from dataclasses import replace
from functools import lru_cache
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
from operators import storage, weights
from operators.audit import GateModels
from operators.conditioning.cue_models import CueModels
from operators.models.known_answer import Sight
from operators.release import parquet_form, reader
from operators.release.layout import commit_of, shard_name
from schemas.policy import Policy
from schemas.profile import Profile
from tests.jobs.small import Done, job


class Rows:
    """Of Ray Data's Dataset what jobs.anonymize calls."""

    def __init__(self, blocks: list[pa.Table]) -> None:
        self.blocks = blocks

    def repartition(self, target_num_rows_per_block: int) -> "Rows":
        whole, size = pa.concat_tables(self.blocks), target_num_rows_per_block
        return Rows([whole.slice(first, size) for first in range(0, whole.num_rows, size)])

    def map_batches(
        self, operator: type, fn_constructor_args: tuple[Any, ...], batch_size: int, **_: object
    ) -> "Rows":
        stage = operator(*fn_constructor_args)
        made = [
            pa.concat_tables(
                stage(block.slice(first, batch_size)) for first in range(0, block.num_rows, batch_size)
            )
            for block in self.blocks
        ]
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
    output = DataContext.get_current().checkpoint_config.checkpoint_path.rpartition("/")[0]
    done = pa.array(reader.clip_ids(output))
    read = (pq.read_table(path, filesystem=filesystem) for path in paths)
    return Rows([table.filter(pc.invert(pc.is_in(table["clip_id"], done))) for table in read])


def once(models: Any) -> Any:
    """Its `load`, which loads nothing anew for the settings that came last, and asks only then whether they see.

    To ask again after each clip would take as long as those few frames do; test_known_answer.py is about that.
    """
    load = models.load

    @lru_cache(maxsize=1)  # a set of models is a gigabyte
    def loaded(profile: str, policy: str) -> Any:
        made = load(Profile.model_validate_json(profile), Policy.model_validate_json(policy))
        return replace(made, sight=Sight({}))

    return lambda profile, policy: loaded(profile.model_dump_json(), policy.model_dump_json())


CUES, GATES = once(CueModels), once(GateModels)


def anonymize(*arguments: str) -> Done:
    """Run `jobs.anonymize` with these arguments to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray.data, "read_parquet", read_parquet)
        patch.setattr(CueModels, "load", CUES)
        patch.setattr(GateModels, "load", GATES)
        patch.setattr(
            weights, "_expected", []
        )  # of the run that is begun here, and not of the tests after it
        return job("anonymize", *arguments)
