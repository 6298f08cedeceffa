"""A job on two of Ray's nodes: `python -m tests.cluster.deploy.two_nodes PLAN OUT`, at RAY_ADDRESS.

Clips are made where the resource `makes` is, and written where `writes` is: each goes from one node to the other.
"""

import sys

import ray

from cluster import session
from cluster.ledger.datasink import ShardSink
from cluster.ledger.plans import Plan
from tests.cluster import toy

if __name__ == "__main__":
    plan, output = sys.argv[1:]
    toy.write_plan(plan, 12, files=1)
    session.start()
    filesystem, paths = Plan(plan).files()
    rows = ray.data.read_parquet(paths, filesystem=filesystem, ray_remote_args={"resources": {"writes": 0.1}})
    made = rows.map_batches(
        toy.Toy,
        fn_constructor_args=(output, 0.0, -1, -1, -1),
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=1),
        resources={"makes": 1},
    )
    made.write_datasink(ShardSink(output), ray_remote_args={"resources": {"writes": 0.1}})
    ray.shutdown()
