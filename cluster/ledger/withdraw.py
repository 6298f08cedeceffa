"""Shards are taken out of a dataset, to be made anew: clips whose source has changed, or that a reviewer decided on."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.ledger import memory
from cluster.ledger.plans import Plan
from operators import storage
from operators.recovery.escalation import Ladder, Vouching
from operators.release import reader
from operators.release.layout import commit_of, files_of, sources_of
from schemas.certificate import Step
from schemas.errors import UserError


def withdraw_changed(plan: Plan, output: str, signer: Vouching | None = None) -> int:
    """Remove every shard of `output` with a clip that the plan does not name, or not in this version; returns how many.

    A shard's other clips are done again with it. Raises UserError, and removes nothing, if the plan names none of the
    sources in the output: then it is another plan.
    """
    known = reader.read_columns(plan.files(), ["clip_id", "key"])
    rows = reader.manifest(output, ["clip_id", "key", "shard"])
    old = ~np.isin(rows["clip_id"].to_numpy(), known["clip_id"].to_numpy())
    here = _sources(rows)
    if here and not here & _sources(known):
        problem = f"holds clips of {len(here)} videos, of which {plan.uri}, part {plan.partition}, names none"
        raise UserError(output, problem, "Give the plan that it was begun with, or choose another output")
    return withdraw_shards(
        plan, output, pc.unique(rows["shard"].filter(pa.array(old))).to_pylist(), signer=signer
    )


def withdraw_shards(
    plan: Plan,
    output: str,
    shards: Iterable[str],
    due: Mapping[int, Sequence[Step]] | None = None,
    signer: Vouching | None = None,
) -> int:
    """Remove these shards; returns how many. The plan remembers them: none of them is taken for finished again.

    Their clips are made again with the steps that led to their verdicts; those of `due` with the steps given there.
    """
    names = sorted(set(shards))
    if not names:
        return 0
    climbed = pc.field("shard").isin(names) & (pc.list_value_length(pc.field("steps")) > 0)
    rows = reader.manifest(output, ["clip_id", "steps"], climbed).to_pylist()
    held = {row["clip_id"]: [Step(**step) for step in row["steps"]] for row in rows}
    ladder = Ladder(output=storage.absolute(output), signer=signer)
    for clip_id, steps in (held | dict(due or {})).items():
        if any(step.by for step in steps):
            memory.decide(plan.uri, clip_id, steps)
        if steps:
            ladder.write(clip_id, steps)
    memory.withdraw(plan.uri, names)
    # The record goes last: an interruption leaves a shard that is not whole, which the next repair removes.
    storage.delete(output, [path for name in names for path in files_of(name).values()])
    storage.delete(output, [commit_of(name) for name in names])
    return len(names)


def _sources(rows: pa.Table) -> set[str]:
    return set(pc.unique(sources_of(rows["key"])).to_pylist())
