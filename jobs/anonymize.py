"""Anonymize: a plan in, shards of released clips out. `python -m jobs.anonymize --plan PLAN --output OUT`.

    manifest -> Condition -> Regenerate -> Audit -> ShardSink

Every planned clip ends as released, quarantined or failed. After any interruption run the same command
again: finished shards stay untouched, the rest is done.
"""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pyarrow.compute as pc
import ray
from pyarrow import fs

from cluster import session, stop, weights_lock
from cluster.ledger import checkpoint, failure_budget, lease
from cluster.ledger.datasink import ShardSink
from cluster.ledger.decisions import honour
from cluster.ledger.own_plan import require_own
from cluster.ledger.plans import Plan
from cluster.ledger.repair import redo, repair
from cluster.ledger.run import Run
from jobs import options
from jobs.forgetting import forget
from jobs.layout import place_of, whole_videos
from jobs.results import print_consents, print_dataset
from operators import storage
from operators.audit import Audit, Provenance
from operators.condition import Condition
from operators.conditioning.identity import dataset_id, looks_key
from operators.pages.candidates import Candidates
from operators.pages.report import report
from operators.pages.review import write_review
from operators.recovery.attempts import LIMIT, Attempts, stopped
from operators.recovery.escalation import Ladder
from operators.recovery.keyed import Keyed, steering_key
from operators.regenerate import Regenerate
from operators.release import reader
from schemas.decision import read_decisions
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Pool, Profile


def anonymize(run: Run, withdraw: bool = False, decide: Callable[[], object] | None = None) -> None:
    """The pipeline: a block of clip references in, a shard out."""
    ladder = Ladder(run.policy.escalation, storage.absolute(run.output), run.vouching)
    pipeline, plan_files = stages(run, ladder), run.plan.files()
    checkpoint.begin(run, withdraw, decide)
    # What a gate refused is tried again one rung up; what a crash took along clip by clip, with the same ladder, for
    # as long as a pass brings anything.
    rungs, before = len(run.policy.escalation), None
    for clips_per_shard in [run.profile.clips_per_shard] * (1 + rungs) + [1] * (1 + rungs):
        left = checkpoint.missing(run.plan, run.output)
        now = (left.tobytes(), ladder.standing())
        if not left.size or (clips_per_shard == 1 and now == before):
            break
        before = now if clips_per_shard == 1 else None
        failure_budget.require_space(run.output)
        write_shards(run, plan_files, pipeline, clips_per_shard)
        lease.require(
            run.output, run.lease
        )  # or what another run has under way there would be taken for a rest
        repair(run.output, run.terms())
    failure_budget.require_space(run.output)  # what a full disk took is not lost, but to be done
    checkpoint.record_lost(run)


class Stage(NamedTuple):
    """An operator, the pool of actors that run it, what each is made with, and how many clips it takes at a time."""

    operator: type
    pool: Pool
    arguments: tuple[Any, ...]
    clips: int = 1


def stages(run: Run, ladder: Ladder) -> list[Stage]:
    """Condition, Regenerate and Audit, which load only what this run was begun with."""
    profile, policy, pools = run.profile, run.policy, run.profile.pools
    key = looks_key(options.read_release_key(run.plan.uri))
    attempts = Attempts(profile.clip.max_seconds, storage.absolute(run.output), run.lease, run.keyed)
    refused = Candidates(storage.absolute(run.review) if run.review else "")
    audit = (profile, policy, Provenance(**run.made_by), attempts, ladder, refused, run.marker)
    made = [
        Stage(Condition, pools.condition, (profile, policy, key, attempts, ladder)),
        Stage(Regenerate, pools.regenerate, (profile, attempts), at_once(profile)),
        Stage(Audit, pools.audit, audit),
    ]
    digests = weights_lock.digests(profile)
    return [stage._replace(operator=weights_lock.checked(stage.operator, digests)) for stage in made]


def at_once(profile: Profile) -> int:
    """How many clips Regenerate is given: on a GPU a shard's, so that one is encoded while others are generated."""
    on_gpu = profile.pools.regenerate.device.startswith("cuda")
    return profile.clips_per_shard if on_gpu else profile.generator.batch


def write_shards(
    run: Run, plan_files: tuple[fs.FileSystem, list[str]], pipeline: list[Stage], clips_per_shard: int
) -> None:
    """One pass over what is missing of the plan: through the stages, into shards."""
    filesystem, manifest = plan_files
    rows = ray.data.read_parquet(manifest, filesystem=filesystem, ray_remote_args=run.on_writers)
    rows = rows.repartition(target_num_rows_per_block=clips_per_shard)
    for stage in pipeline:
        together = min(stage.clips, clips_per_shard)
        rows = rows.map_batches(stage.operator, **on(stage.pool, *stage.arguments, clips=together))
    sink = ShardSink(run.output, run.profile.pools, run.signer, run.settings, run.lease, run.made_by)
    rows.write_datasink(sink, ray_remote_args={"num_cpus": 0.05, **run.on_writers})


def on(pool: Pool, *constructor_arguments: Any, clips: int = 1) -> dict[str, Any]:
    """A stage's actors, so many clips at a time. A pool starts whole: growing by ones would take minutes."""
    return {
        "fn_constructor_args": constructor_arguments,
        "batch_size": clips,
        "batch_format": "pyarrow",
        **actors_of(pool),
        "max_task_retries": LIMIT,  # after as many attempts at a clip, the next records it as failed
    }


def actors_of(pool: Pool) -> dict[str, Any]:
    """What Ray Data is told of a pool's actors: how many, each with one piece of work, and on what."""
    return {
        "compute": ray.data.ActorPoolStrategy(size=pool.actors, max_tasks_in_flight_per_actor=1),
        "num_cpus": pool.num_cpus,
        "num_gpus": pool.num_gpus,
        "resources": pool.resources or None,
    }


def require_followed(plan: Plan, policy: Policy) -> None:
    """Raise UserError if the policy gives people one look beyond a clip and the plan does not say who is who there."""
    scope = policy.identity.scope
    if scope in ("video", "rig"):
        left = reader.read_columns(plan.files(), ["clip_id"], pc.field("followed") != scope).num_rows
        if left:
            problem = f"people have one look within a {scope}, and are not followed in {left} clips"
            raise UserError(
                plan.uri, problem, f"Run python -m jobs.follow --plan {plan.uri} with the same policy"
            )


def let_go(run: Run) -> str:
    """End the workers of a run that was told to stop, so that what they were at counts against no clip; returns what
    is done and how to go on."""
    stop.in_time()
    ray.shutdown()
    stopped(storage.absolute(run.output), run.lease, run.keyed)
    done, planned = reader.clip_ids(run.output).size, run.plan.planned().ids.size
    return f"stopped: {done} of {planned} clips are in {run.output}; the same command again does the rest"


def keep_private(arguments: Namespace) -> None:
    """Raise UserError if what is not for the public lies in what is."""
    apart = [
        (arguments.plan, "source names and keys"),
        (arguments.review, "originals"),
        *((file, "private keys") for file in (arguments.key, arguments.c2pa_key)),
    ]
    for place, what in apart:
        if place:
            storage.keep_apart(arguments.output, place, what)
    if arguments.layout == "video":
        for private in filter(None, (arguments.plan, arguments.review)):
            storage.keep_apart(place_of(arguments.output), private, "source names and originals")


def main(arguments: Namespace) -> int:
    """Run, then account for every clip, write the pages and say what came out."""
    profile, policy = options.read_settings(arguments)
    signer, marker = options.read_signer(arguments), options.read_marker(arguments)
    keep_private(arguments)
    session.start(profile)
    session.require_room(profile)
    plan = Plan.of(arguments.plan, arguments.partition)
    require_followed(plan, policy)
    key, decide = options.read_release_key(plan.uri), None
    keyed = Keyed(steering_key(key))
    if arguments.decisions:
        decisions = read_decisions(arguments.decisions, storage.read_file(arguments.decisions))
        given, output = arguments.decisions, arguments.output
        decide = partial(honour, decisions, given, plan, output, policy.reviewers, signer or keyed, keyed)
    require_own(plan, key)
    name = dataset_id(key, plan.partition, profile.digest(), policy.digest())
    made_by = {"weights": weights_lock.check(profile), "code": weights_lock.code_version()}
    names = arguments.output, profile, policy, arguments.review
    with lease.held(arguments.output) as owner:
        run = Run(plan, *names, signer, marker, owner, name, made_by, keyed)
        checkpoint.require_same(run)
        forget(plan, arguments, key)
        redo(arguments.output, arguments.redo)
        try:
            anonymize(run, arguments.withdraw, decide)
            dataset = checkpoint.finish(run, report)
        except KeyboardInterrupt:
            raise stop.Stopped(let_go(run)) from None
        if run.review:
            page = arguments.plan, run.output, run.review, policy.reviewers
            write_review(*page, arguments.review_clips, keyed)
    print_dataset(dataset, arguments.output)
    print_consents(plan, arguments.output, policy)
    trusted = signer.public_key if signer else ""
    status = whole_videos(plan, run.output, trusted) if arguments.layout == "video" else 0
    session.linger()
    return status


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("--plan", required=True, help="folder or object store's prefix written by jobs.plan")
    parser.add_argument(
        "--output", required=True, help="folder or object store's prefix for the anonymized dataset"
    )
    parser.add_argument(
        "--partition",
        metavar="K/N",
        default="1/1",
        help="the K-th of N parts of the plan, each with its own output",
    )
    parser.add_argument(
        "--withdraw", action="store_true", help="make shards anew that hold clips of sources changed since"
    )
    parser.add_argument(
        "--forget",
        action="append",
        default=[],
        metavar="SOURCE",
        help="take a source (its path, or its name below the plan's input) and all made of it out, for good",
    )
    parser.add_argument("--forget-list", metavar="FILE", help="the same for every line of a file")
    parser.add_argument(
        "--redo", action="append", default=[], metavar="SHARD", help="make this shard anew, as verify may ask"
    )
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="instead of the policy's")
    parser.add_argument(
        "--layout",
        choices=["clips", "video"],
        default="clips",
        help="video: verify the dataset when it is complete, and write its videos whole into OUTPUT-videos, too",
    )
    parser.add_argument(
        "--review",
        metavar="DIR",
        default="",
        help="also write a page with originals beside results, worst first, into DIR only",
    )
    parser.add_argument(
        "--review-clips",
        type=int,
        default=40,
        metavar="N",
        help="clips on that page, quarantined ones first (default: %(default)s)",
    )
    parser.add_argument(
        "--decisions", metavar="FILE", help="make anew what was decided on that page: the file that it saved"
    )
    options.add_signing(parser)
    options.run(main, parser)
