"""Follow: people known again across the clips of a plan. `python -m jobs.follow --plan PLAN --policy POLICY`.

    manifest -> Follow -> by scope: who is who -> manifest

For policies with `identity.scope: video` or `rig`: everybody gets one new look for the whole video, or for all cameras
whose videos lie in one folder. Run it after jobs.plan and before jobs.anonymize; the plan then says where people are
and who is the same one, and is as private as before. The same command again does what has been planned since, with all
of the scopes that it belongs to. A clip in which nobody can be looked for holds nobody; whoever is found in it after
all, has a look of that clip alone.
"""

from argparse import Namespace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from cluster import session
from cluster.ledger import plans
from cluster.ledger.plans import Plan
from jobs import options
from jobs.anonymize import on
from jobs.plan import where
from operators.conditioning.known_again import known_again
from operators.follow import Follow
from operators.release import reader
from schemas.arrow import from_table, to_table
from schemas.errors import UserError
from schemas.followed import Numbered, SeenInClip
from schemas.policy import Policy
from schemas.profile import Profile

BESIDE = {"num_cpus": 0.05}  # of what computes next to nothing


def follow(plan: Plan, profile: Profile, policy: Policy) -> int:
    """Number everybody in the scopes that hold clips which are not followed yet, in the plan's manifest.

    Returns how many clips nobody could look at. Raises UserError if these are all.
    """
    session.start(profile)
    session.require_room(profile)
    scope = policy.identity.scope
    todo = unfollowed(plan, scope)
    context = ray.data.DataContext.get_current()
    before, context.max_errored_blocks = context.max_errored_blocks, -1
    try:
        run(plan, profile, policy)
    finally:
        context.max_errored_blocks = before
    left = unfollowed(plan, scope)
    if todo and len(left) == len(todo):
        problem = f"no worker could look at any of {len(todo)} clips"
        raise UserError(plan.uri, problem, "See the workers' logs, and run it again")
    for bucket in {plans.bucket(key) for key in left}:
        plans.keep_followed(plan.uri, bucket, scope, None)
    return len(left)


def run(plan: Plan, profile: Profile, policy: Policy) -> None:
    """The pipeline. A clip that ends its worker leaves no row, and holds nobody."""
    scope, (filesystem, manifest) = policy.identity.scope, plan.files()
    own = where(profile.writers)
    folders = partly_followed(plan, scope) if scope == "rig" else set[str]()
    rows = ray.data.read_parquet(manifest, filesystem=filesystem, ray_remote_args=own)
    rows = rows.map_batches(
        partial(due, scope=scope, folders=folders), batch_format="pyarrow", **BESIDE, **own
    )
    rows = rows.repartition(target_num_rows_per_block=1)
    rows = rows.map_batches(Follow, **on(profile.pools.condition, profile, policy))
    people = rows.groupby("scope").map_groups(
        partial(numbered, alike=policy.identity.alike), batch_format="pyarrow", **BESIDE
    )
    people.groupby("bucket").map_groups(
        partial(keep, plan=plan.uri, scope=scope), batch_format="pyarrow", **BESIDE, **own
    ).materialize()


def due(clips: pa.Table, scope: str, folders: set[str]) -> pa.Table:
    """Of the manifest's rows those that are to be looked at: not followed yet, or in a folder with others like that."""
    again = [uri.rpartition("/")[0] in folders for uri in clips["uri"].to_pylist()]
    return clips.filter(pc.or_(pc.not_equal(clips["followed"], scope), pa.array(again, pa.bool_())))


def partly_followed(plan: Plan, scope: str) -> set[str]:
    """Folders that hold clips which are not followed."""
    which = pc.field("followed") != scope
    rows = reader.read_columns(plan.files(), ["uri"], which)
    return {uri.rpartition("/")[0] for uri in pc.unique(rows["uri"]).to_pylist()}


def unfollowed(plan: Plan, scope: str) -> list[str]:
    """Keys of the clips that are not followed in that scope."""
    rows = reader.read_columns(plan.files(), ["key"], pc.field("followed") != scope)
    return [str(key) for key in rows["key"].to_pylist()]


def numbered(sights: pa.Table, alike: float) -> pa.Table:
    """Who is who in one scope."""
    clips = from_table(sights, SeenInClip)
    people = known_again(clips, alike)
    return to_table(
        [Numbered(clip.clip_id, plans.bucket(clip.source), people[clip.clip_id]) for clip in clips], Numbered
    )


def keep(rows: pa.Table, plan: str, scope: str) -> dict[str, Any]:
    """Write who is in the clips of one bucket into the manifest."""
    found = {row.clip_id: row.people for row in from_table(rows, Numbered)}
    plans.keep_followed(plan, rows["bucket"][0].as_py(), scope, found)
    return {"clips": np.array([len(found)])}


def count(plan: Plan) -> tuple[int, int]:
    """Clips in which somebody is followed, and people in all scopes, of whom each counts once for each source."""
    clips, people = 0, set[tuple[str, int]]()
    for rows in reader.batches(plan.files(), ["key", "people"]):
        for row in rows.to_pylist():
            clips += bool(row["people"])
            people |= {(row["key"].rpartition("-")[0], one["person"]) for one in row["people"]}
    return clips, len(people)


def main(arguments: Namespace) -> int:
    """Follow, and say how many people there are."""
    profile, policy = options.read_settings(arguments)
    if policy.identity.scope not in ("video", "rig"):
        problem = (
            f"people have one look within a {policy.identity.scope}: nobody is to be followed beyond a clip"
        )
        remedy = "Say video or rig, if that is wanted; else leave jobs.follow out"
        raise UserError(f"{arguments.policy}: identity.scope", problem, remedy)
    plan = Plan.of(arguments.plan)
    left = len(unfollowed(plan, policy.identity.scope))
    lost = follow(plan, profile, policy) if left else 0
    clips, people = count(plan)
    rows = [
        ("clips looked at", left - lost),
        ("clips that ended their worker", lost),
        ("clips with people who are followed", clips),
    ]
    options.table("follow", [*rows, ("people, once for each video", people), ("plan", plan.uri)])
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("--plan", required=True, help="folder or object store's prefix written by jobs.plan")
    options.run(main, parser)
