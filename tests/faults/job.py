"""A job on two nodes, for faults to happen to: `python -m tests.faults.job PLAN OUT SECONDS PIDS [EATER PAYLOAD]`.

The three stages of jobs/anonymize.py with their types, without models; each takes SECONDS a clip. Into the file PIDS
goes the process id of the node beside the head; without a name for it there is one node, as of jobs on one machine.
The clip EATER takes memory until somebody stops it; each carries PAYLOAD MiB between stages.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from ray._common.utils import reset_ray_address
from ray.cluster_utils import Cluster

from cluster import ray_internals, session
from cluster.ledger import checkpoint
from cluster.ledger.datasink import ShardSink
from cluster.ledger.plans import Plan
from cluster.ledger.repair import repair
from cluster.ledger.run import Run
from operators import storage
from operators.recovery.attempts import LIMIT, Attempts
from operators.recovery.fail_closed import each
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from tests.cluster import toy
from tests.operators.clips import evidence

ENDED = (QuarantinedClip, FailedClip)
NOTHING = np.zeros((1, 1, 1), bool)
UNPAINTED = np.zeros((0, 6), np.int32)


class Stage:
    """What the three have in common."""

    name: str

    def __init__(self, output: str, seconds: float, eater: int, payload: int) -> None:
        self.eater, self.payload, self.seconds = eater, payload, seconds
        self.attempts = Attempts(60, storage.absolute(output))

    def work(self, table: pa.Table, taken: type, made: type) -> pa.Table:
        rows = from_table(table, taken) if taken is ClipRef else from_table(table, taken, *ENDED)
        done = each(self.name, self.slowly, rows, self.attempts)
        return to_table(done, made, *ENDED)

    def slowly(self, row: Any) -> Any:
        time.sleep(self.seconds)
        return self.one(row)

    def one(self, row: Any) -> Any:
        raise NotImplementedError


class Condition(Stage):
    name = "condition"

    def __call__(self, table: pa.Table) -> pa.Table:
        return self.work(table, ClipRef, Conditioning)

    def one(self, row: ClipRef) -> Conditioning:
        ballast = os.urandom(self.payload << 20)
        return Conditioning(row, evidence(conditioning_video=ballast), b"", [], [], [])


class Regenerate(Stage):
    name = "regenerate"

    def __call__(self, table: pa.Table) -> pa.Table:
        return self.work(table, Conditioning, CandidateClip)

    def one(self, row: Conditioning) -> CandidateClip:
        if row.ref.clip_id == self.eater:
            eaten = [np.ones(100 << 17) for _ in range(60)]  # 100 MiB each
            raise MemoryError(f"not stopped at {len(eaten) * 100} MiB")
        seen = evidence()
        return CandidateClip(
            row.ref, seen, b"", regenerated=0, tracks=0, diffusion_calls=0, seed_commitment="s"
        )


class Audit(Stage):
    name = "audit"

    def __call__(self, table: pa.Table) -> pa.Table:
        return self.work(table, CandidateClip, ReleasedClip)

    def one(self, row: CandidateClip) -> ReleasedClip | QuarantinedClip | FailedClip:
        return toy.ended(row.ref)


def main(plan_uri: str, output: str, seconds: float, eater: int = -1, payload: int = 0) -> None:
    """As `anonymize` and `finish`."""
    plan = Plan(plan_uri)
    run = Run(plan, output, toy.PROFILE, toy.POLICY)
    checkpoint.begin(run)
    filesystem, paths = plan.files()
    for clips_per_shard in (4, 1):
        if not checkpoint.missing(plan, output).size:
            break
        clips = ray.data.read_parquet(paths, filesystem=filesystem)
        clips = clips.repartition(target_num_rows_per_block=clips_per_shard)
        for operator in (Condition, Regenerate, Audit):
            clips = clips.map_batches(
                operator,
                fn_constructor_args=(output, seconds, eater, payload),
                batch_format="pyarrow",
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=1, max_tasks_in_flight_per_actor=1),
                num_cpus=0.8,
                max_task_retries=LIMIT,
            )
        clips.write_datasink(ShardSink(output), ray_remote_args={"num_cpus": 0.25})
        repair(output)
    checkpoint.record_lost(run)
    checkpoint.finish(run)


def two_nodes(pids: Path) -> Cluster:
    """What RAY_ADDRESS names from now on."""
    ray_internals.start_what_serves(log_to_driver=False, watched=False)  # nor on these nodes
    memory = 100 << 20
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 4, "object_store_memory": memory})
    other = nodes.add_node(num_cpus=4, object_store_memory=memory)
    pids.write_text(str(other.all_processes["raylet"][0].process.pid))
    os.environ["RAY_ADDRESS"] = nodes.address
    reset_ray_address()  # a note for whoever looks for a cluster, who would wait for one that was killed
    return nodes


if __name__ == "__main__":
    # A node that is gone is seen to be within seconds; workers stay, or each of the many writes starts one of its own.
    os.environ |= {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}
    os.environ |= {"RAY_kill_idle_workers_interval_ms": "0"}
    nodes = two_nodes(Path(sys.argv[4])) if sys.argv[4] else None
    session.start()
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), *map(int, sys.argv[5:]))
    ray.shutdown()
    if nodes:
        nodes.shutdown()
