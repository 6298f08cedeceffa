"""A reviewer's decisions: clips that have ended are taken out of a dataset and made again as decided."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from cluster.ledger.plans import Plan
from cluster.ledger.withdraw import withdraw_shards
from operators import storage
from operators.recovery.escalation import Ladder
from operators.release import reader
from operators.release.signature import Signer
from schemas.certificate import Gate, Step
from schemas.decision import Decision
from schemas.errors import UserError
from schemas.policy import Reviewers


def honour(
    decisions: Sequence[Decision],
    where: str,
    plan: Plan,
    output: str,
    reviewers: Reviewers,
    signer: Signer | None = None,
) -> dict[str, int]:
    """Make `output` ready to be made again as decided; returns how many decisions are to do and done already.

    To `accept` what is released changes nothing. Raises UserError, and changes nothing, if one of them cannot be
    honoured: `where` is the file, named with the entry.
    """
    ids, held, ladder = (
        _planned(plan, decisions),
        _held(output, decisions),
        Ladder(output=storage.absolute(output), signer=signer),
    )
    due: dict[int, list[Step]] = {}
    for number, decision in enumerate(decisions):
        try:
            steps = _steps(decision, ids, held.get(decision.key), ladder, reviewers)
        except _Impossible as error:
            raise UserError(f"{where}: entry {number + 1}: clip {decision.key}", *error.args) from None
        if steps:
            due[ids[decision.key]] = steps
    names = [row["shard"] for row in held.values() if row["clip_id"] in due]
    withdraw_shards(output, names, due, signer)
    return {"to do": len(due), "done": len(decisions) - len(due)}


class _Impossible(Exception):
    """Problem and remedy."""


def _steps(
    decision: Decision,
    ids: Mapping[str, int],
    row: Mapping[str, Any] | None,
    ladder: Ladder,
    reviewers: Reviewers,
) -> list[Step]:
    """The steps that the clip is made with from now on; none if that has been seen to."""
    if decision.key not in ids:
        raise _Impossible(
            "is in no such plan", "Give the decisions on this dataset, or the plan it was made from"
        )
    if row is None:
        if _same(decision, ladder.steps(ids[decision.key])):
            return []
        raise _Impossible("has not ended yet", "Run jobs.anonymize without --decisions first")
    if row["verdict"] == "failed":
        raise _Impossible(
            "failed: nothing was made that could be decided on", "Mend its source or leave it out"
        )
    before = [Step(**step) for step in row["steps"]]
    if _same(decision, before) or (decision.decision, row["verdict"]) == ("accept", "released"):
        return []
    if decision.output_sha256 != row["output_sha256"]:
        remedy = "Look at it again: write the review page anew with --review"
        raise _Impossible("was made again since, the decision is on another video", remedy)
    gates = [Gate.read(gate) for gate in json.loads(row["gates"] or "[]")]
    failed = [gate.name for gate in gates if not gate.passed]
    if decision.decision == "accept":
        _require_waivable(failed, decision, reviewers)
    return [*(step for step in before if step.name != "accept"), decision.step(failed)]


def _require_waivable(failed: Sequence[str], decision: Decision, reviewers: Reviewers) -> None:
    if not failed or not decision.output_sha256:
        raise _Impossible("has no video that could be accepted", "Decide redo or blackout")
    if never := [name for name in failed if name not in reviewers.may_waive]:
        problem = f"was refused by {', '.join(never)}, which the policy lets no reviewer waive"
        raise _Impossible(problem, "Decide redo or blackout; see reviewers.may_waive in the policy")


def _same(decision: Decision, steps: Sequence[Step]) -> bool:
    """Whether one of the steps is this decision."""
    wanted = decision.step([])
    return any(
        (step.name, step.reason, step.by, step.output_sha256)
        == (wanted.name, wanted.reason, wanted.by, wanted.output_sha256)
        for step in steps
    )


def _planned(plan: Plan, decisions: Sequence[Decision]) -> dict[str, int]:
    """Ids by key of those clips that the plan names."""
    wanted = pc.field("key").isin([decision.key for decision in decisions])
    rows = reader.read_columns(plan.files(), ["key", "clip_id"], wanted)
    return dict(zip(rows["key"].to_pylist(), rows["clip_id"].to_pylist(), strict=True))


def _held(output: str, decisions: Sequence[Decision]) -> dict[str, dict[str, Any]]:
    """What the dataset says about each clip that it has, by key."""
    wanted = pc.field("key").isin([decision.key for decision in decisions])
    columns = ["clip_id", "key", "verdict", "shard", "steps", "sha256"]
    rows = reader.manifest(output, columns, wanted).to_pylist()
    quarantine = reader.parquet_files(output, "quarantine")
    refused = reader.read_columns(quarantine, ["key", "gates", "output_sha256"], wanted)
    held = {row["key"]: {"gates": "", "output_sha256": row["sha256"], **row} for row in rows}
    for row in refused.to_pylist():
        held[row["key"]] |= row
    return held
