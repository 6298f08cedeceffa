"""The dry run of `python -m jobs.plan --estimate K`: what the whole plan will cost, from K clips of each part."""

from argparse import Namespace
from typing import Any

import pyarrow as pa
import ray

from cluster import session
from cluster.ledger import plans
from jobs import options
from jobs.anonymize import on
from operators.condition import Condition
from operators.conditioning.identity import looks_key
from operators.planning.cost import Estimate, Sampled, estimate, per_petabyte
from operators.regenerate import Regenerate
from operators.stopwatch import by_stage
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile

FIGURES = pa.schema(
    {
        "people": pa.int64(),
        "video_seconds": pa.float64(),
        "stage_seconds": pa.struct({"condition": pa.float64(), "regenerate": pa.float64()}),
    }
)


def dry_run(profile: Profile, policy: Policy, plan: str, arguments: Namespace) -> list[tuple[str, Any]]:
    """Figures for the whole plan, and for a petabyte, from `estimate` clips of each of its `parts`."""
    clips, parts = arguments.estimate, arguments.parts
    if arguments.empty is not None and not 0 <= arguments.empty <= 1:
        raise UserError(f"--empty {arguments.empty}", "is no share", "Give a number from 0 to 1")
    shares = {name: getattr(profile.pools, name).num_gpus for name in ("condition", "regenerate")}
    if arguments.price and not any(shares.values()):
        problem = f"is of a GPU's hour, and no stage of profile {profile.name} has a GPU: all would cost 0"
        raise UserError(f"--price {arguments.price:g}", problem, "Leave it out, or give a profile with GPUs")
    session.start(profile)
    chosen = [ref for part in range(1, parts + 1) for ref in plans.Plan(plan, part, parts).sample(clips)]
    if not chosen:
        raise UserError(plan, "has no clip that can be read", "See the list of unreadable videos")
    pools, key = profile.pools, looks_key(options.read_release_key(plan))
    ray.data.DataContext.get_current().max_errored_blocks = 0  # a figure of fewer clips would be another's
    rows = ray.data.from_arrow(to_table(chosen, ClipRef)).repartition(len(chosen))
    rows = rows.map_batches(Condition, **on(pools.condition, profile, policy, key))
    rows = rows.map_batches(Regenerate, **on(pools.regenerate, profile))
    sample = [Sampled(**row) for row in rows.map_batches(figures, batch_format="pyarrow").take_all()]
    if len(sample) < 2:
        raise UserError(plan, "gives fewer than two clips to estimate from", "Give --estimate more clips")
    found = estimate(sample, plans.Plan(plan).planned().ids.size, shares)
    found |= costs(found, "GPU-hours", "cost", arguments.price)
    if arguments.megabits:
        found |= per_petabyte(sample, shares, arguments.megabits, arguments.empty)
        found |= costs(found, "GPU-hours per petabyte", "cost per petabyte", arguments.price)
    counted = ("sampled clips, of these quarantined or failed", f"{len(chosen)}, {len(chosen) - len(sample)}")
    return [counted, *found.items()]


def costs(found: dict[str, Estimate], hours: str, name: str, price: float) -> dict[str, Estimate]:
    """What GPU-hours cost, where a price is given."""
    return {name: Estimate(found[hours].value * price, found[hours].error * price)} if price else {}


def figures(clips: pa.Table) -> pa.Table:
    """What `Sampled` holds, of each clip that was regenerated."""
    rows = []
    for clip in from_table(clips, CandidateClip, QuarantinedClip, FailedClip):
        if isinstance(clip, CandidateClip):
            spent = by_stage(clip.evidence.seconds)
            stages = {stage: spent.get(stage, 0.0) for stage in ("condition", "regenerate")}
            length = clip.ref.frames * clip.ref.fps_den / clip.ref.fps_num
            rows.append(
                {"people": len(clip.evidence.people), "video_seconds": length, "stage_seconds": stages}
            )
    return pa.Table.from_pylist(rows, schema=FIGURES)
