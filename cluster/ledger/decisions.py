"""A reviewer's decisions: clips that have ended are taken out of a dataset and made again as decided."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import pyarrow.compute as pc

from cluster.ledger import memory
from cluster.ledger.plans import Plan
from cluster.ledger.withdraw import withdraw_shards
from operators import storage
from operators.recovery.escalation import Ladder, Vouching
from operators.recovery.keyed import Keyed, in_public
from operators.release import reader
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
    signer: Vouching | None = None,
    keyed: Keyed | None = None,
) -> dict[str, int]:
    """Make `output` ready to be made again as decided; returns how many decisions are to do and done already.

    To `accept` what is released changes nothing. Raises UserError, and changes nothing, if one of them cannot be
    honoured: `where` is the file, named with the entry. `keyed` knows which candidates were refused.
    """
    planned, held = _planned(plan, decisions), _held(output, decisions)
    ids = {key: clip_id for key, (clip_id, _) in planned.items()}
    ladder = Ladder(output=storage.absolute(output), signer=signer)
    due: dict[int, list[Step]] = {}
    for number, decision in enumerate(decisions):
        try:
            _require_unnamed(decision, planned)
            steps = _steps(decision, ids, held.get(decision.key), ladder, reviewers, keyed)
        except _Impossible as error:
            raise UserError(f"{where}: entry {number + 1}: clip {decision.key}", *error.args) from None
        if steps:
            due[ids[decision.key]] = steps
    names = [row["shard"] for row in held.values() if row["clip_id"] in due]
    withdraw_shards(plan, output, names, due, signer)
    return {"to do": len(due), "done": len(decisions) - len(due)}


def insist(plan: Plan, output: str, signer: Vouching | None = None) -> int:
    """See to it that all that was decided before is done; returns for how many clips it was not.

    Between a decision and the clip that is made by it, only OUT/escalation says so, where others may write.
    """
    if not (decided := memory.decided(plan.uri)):
        return 0
    planned = set(plan.planned().ids.tolist())
    due = {clip: steps for clip, steps in decided.items() if clip in planned}
    columns, wanted = ["clip_id", "verdict", "shard", "steps"], pc.field("clip_id").isin(list(due))
    held = {row["clip_id"]: row for row in reader.manifest(output, columns, wanted).to_pylist()}
    ladder, again = Ladder(output=storage.absolute(output), signer=signer), dict[int, list[Step]]()
    lost = 0
    for clip, steps in due.items():
        row = held.get(clip)
        there = [Step(**step) for step in row["steps"]] if row else ladder.steps(clip)
        done = {(step.name, step.reason, step.by) for step in there}
        if (row and row["verdict"] == "failed") or done >= {
            (one.name, one.reason, one.by) for one in steps if one.by
        }:
            continue
        lost += 1
        if row:
            again[clip] = steps
        else:
            ladder.write(clip, steps)
    withdraw_shards(plan, output, {held[clip]["shard"] for clip in again}, again, signer)
    return lost


class _Impossible(Exception):
    """Problem and remedy."""


def _steps(
    decision: Decision,
    ids: Mapping[str, int],
    row: Mapping[str, Any] | None,
    ladder: Ladder,
    reviewers: Reviewers,
    keyed: Keyed | None,
) -> list[Step]:
    """The steps that the clip is made with from now on; none if that has been seen to."""
    if decision.key not in ids:
        raise _Impossible(
            "is in no such plan", "Give the decisions on this dataset, or the plan it was made from"
        )
    if row is None:
        if _same(decision, ladder.steps(ids[decision.key]), keyed):
            return []
        raise _Impossible("has not ended yet", "Run jobs.anonymize without --decisions first")
    if row["verdict"] == "failed":
        raise _Impossible(
            "failed: nothing was made that could be decided on", "Mend its source or leave it out"
        )
    before = [Step(**step) for step in row["steps"]]
    if _same(decision, before, keyed) or (decision.decision, row["verdict"]) == ("accept", "released"):
        return []
    if row["seen"] not in _seen(decision, keyed, row["verdict"]):
        remedy = "Look at it again: write the review page anew with --review"
        raise _Impossible("was made again since, the decision is on another video", remedy)
    gates = [Gate.read(gate) for gate in json.loads(row["gates"] or "[]")]
    failed = [gate.name for gate in gates if not gate.passed]
    if decision.decision == "accept":
        _require_waivable(failed, decision, reviewers)
    step = decision.step(failed)
    if decision.decision != "accept":  # of which alone the video gets into the dataset
        step = replace(step, output_sha256=row["seen"])
    return [*(one for one in before if one.name != "accept"), step]


def _seen(decision: Decision, keyed: Keyed | None, verdict: str = "") -> set[str]:
    """What the video that was decided on may be called in the dataset. Only one that was there can be accepted."""
    known, public = decision.output_sha256, in_public(decision.output_sha256, keyed)
    return {public} if (decision.decision, verdict) == ("accept", "quarantined") else {public, known}


def _require_waivable(failed: Sequence[str], decision: Decision, reviewers: Reviewers) -> None:
    if not failed or not decision.output_sha256:
        raise _Impossible("has no video that could be accepted", "Decide redo or blackout")
    if never := [name for name in failed if name not in reviewers.may_waive]:
        problem = f"was refused by {', '.join(never)}, which the policy lets no reviewer waive"
        raise _Impossible(problem, "Decide redo or blackout; see reviewers.may_waive in the policy")


def _require_unnamed(decision: Decision, planned: Mapping[str, tuple[int, str]]) -> None:
    """A reviewer sees the original beside its result, and what they write about it is published."""
    name = PurePath(planned.get(decision.key, (0, ""))[1])
    said = f"{decision.reason}\n{decision.by}"
    if any(
        word and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said, re.IGNORECASE)
        for word in (name.name, name.stem)
    ):
        problem = "its reason, or its reviewer's name, says what the source is called"
        raise _Impossible(problem, "Say it in other words: both are published with the clip")


def _same(decision: Decision, steps: Sequence[Step], keyed: Keyed | None) -> bool:
    """Whether one of the steps is this decision."""
    wanted, seen = decision.step([]), _seen(decision, keyed)
    return any(
        (step.name, step.reason, step.by) == (wanted.name, wanted.reason, wanted.by)
        and step.output_sha256 in seen
        for step in steps
    )


def _planned(plan: Plan, decisions: Sequence[Decision]) -> dict[str, tuple[int, str]]:
    """Id and source by key of those clips that the plan names."""
    wanted = pc.field("key").isin([decision.key for decision in decisions])
    rows = reader.read_columns(plan.files(), ["key", "clip_id", "uri"], wanted).to_pylist()
    return {row["key"]: (row["clip_id"], row["uri"]) for row in rows}


def _held(output: str, decisions: Sequence[Decision]) -> dict[str, dict[str, Any]]:
    """What the dataset says about each clip that it has, by key."""
    wanted = pc.field("key").isin([decision.key for decision in decisions])
    columns = ["clip_id", "key", "verdict", "shard", "steps", "sha256"]
    rows = reader.manifest(output, columns, wanted).to_pylist()
    quarantine = reader.parquet_files(output, "quarantine")
    refused = reader.read_columns(quarantine, ["key", "gates", "output_hmac"], wanted)
    held = {row["key"]: {"gates": "", "seen": row["sha256"], **row} for row in rows}
    for row in refused.to_pylist():
        held[row["key"]] |= {"gates": row["gates"], "seen": row["output_hmac"]}
    return held
