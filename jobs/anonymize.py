"""Anonymize: a plan in, shards of released clips out. `python -m jobs.anonymize --plan PLAN --output OUT`.

    manifest -> Condition -> Regenerate -> Audit -> ShardSink

Every planned clip ends as released, quarantined or failed. After any interruption run the same command
again: finished shards stay untouched, the rest is done.
"""

from argparse import Namespace
from typing import Any

import ray

from cluster import checkpoint, session, store, weights
from cluster.datasink import ShardSink
from cluster.plans import Plan
from jobs import options
from operators.attempts import LIMIT, Attempts
from operators.audit import Audit, Provenance
from operators.condition import Condition
from operators.escalate import Ladder
from operators.regenerate import Regenerate
from operators.report import keep_apart, write_report, write_review
from schemas.policy import Policy
from schemas.profile import Pool, Profile


def anonymize(profile: Profile, policy: Policy, plan: Plan, output: str, withdraw: bool = False) -> None:
    """The pipeline: a block of clip references in, a shard out."""
    pools, key = profile.pools, options.read_release_key(plan.uri)
    provenance = Provenance(weights.check(profile), weights.code_version())
    filesystem, manifest = plan.files()
    attempts = Attempts(profile.clip.max_seconds, store.absolute(output))
    ladder = Ladder(policy.escalation, store.absolute(output))
    checkpoint.begin(plan, output, profile, policy, withdraw)
    # What a gate refused is tried again one rung up, what a crash took along clip by clip.
    for clips_per_shard in [profile.clips_per_shard] * (1 + len(policy.escalation)) + [1]:
        if not checkpoint.missing(plan, output).size:
            break
        clips = ray.data.read_parquet(manifest, filesystem=filesystem)
        clips = clips.repartition(target_num_rows_per_block=clips_per_shard)
        structure = clips.map_batches(
            Condition, **on(pools.condition, profile, policy, key, attempts, ladder)
        )
        candidates = structure.map_batches(Regenerate, **on(pools.regenerate, profile, attempts))
        audited = candidates.map_batches(
            Audit, **on(pools.audit, profile, policy, provenance, attempts, ladder)
        )
        sink = ShardSink(output, policy.publish_conditioning, pools)
        audited.write_datasink(sink, ray_remote_args={"num_cpus": 0.05})
        checkpoint.repair(output)
    checkpoint.record_lost(plan, output)


def on(pool: Pool, *constructor_arguments: Any) -> dict[str, Any]:
    """A stage's actors, one clip at a time. A pool starts whole: growing by ones would take minutes."""
    return {
        "fn_constructor_args": constructor_arguments,
        "batch_size": 1,
        "batch_format": "pyarrow",
        "compute": ray.data.ActorPoolStrategy(size=pool.actors, max_tasks_in_flight_per_actor=1),
        "num_cpus": pool.num_cpus,
        "num_gpus": pool.num_gpus,
        "resources": pool.resources or None,
        "max_task_retries": LIMIT,  # after as many attempts at a clip, the next records it as failed
    }


def main(arguments: Namespace) -> int:
    """Run, then account for every clip, write the pages and say what came out."""
    profile, policy = options.read_settings(arguments)
    if arguments.review:
        keep_apart(arguments.output, arguments.review)
    session.start(profile)
    plan = Plan.of(arguments.plan, arguments.partition)
    anonymize(profile, policy, plan, arguments.output, arguments.withdraw)
    dataset = checkpoint.finish(plan, arguments.output, policy)
    write_report(arguments.output)
    if arguments.review:
        write_review(arguments.plan, arguments.output, arguments.review)
    options.print_outcome(dataset, arguments.output)
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("--plan", required=True, help="folder or s3:// prefix written by jobs.plan")
    parser.add_argument("--output", required=True, help="folder or s3:// prefix for the anonymized dataset")
    parser.add_argument(
        "--partition",
        metavar="K/N",
        default="1/1",
        help="the K-th of N parts of the plan, each with its own output",
    )
    parser.add_argument(
        "--withdraw", action="store_true", help="make shards anew that hold clips of sources changed since"
    )
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="instead of the policy's")
    parser.add_argument(
        "--review", metavar="DIR", help="also write a page with originals beside results, into DIR only"
    )
    options.run(main, parser)
