"""Second tries: what a gate refuses leaves the stream without a verdict, and every clip still ends once.

On Ray Data up a rung, and where a block is left without a row; what else comes of the passes, in process.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from cluster.ledger import checkpoint
from cluster.ledger.datasink import ShardSink
from cluster.ledger.plans import Plan
from cluster.ledger.repair import repair
from cluster.ledger.run import Run
from operators import storage
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import FOLDER, Ladder
from operators.recovery.fail_closed import Rejected, each
from schemas.arrow import from_table, to_table
from schemas.certificate import Step
from schemas.clip import ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.policy import Policy
from tests.cluster import toy
from tests.cluster.toy import GATE, POLICY, PROFILE

RUNGS = POLICY.escalation


class Gated:
    """Stands for all stages. Clip n passes its gate after n steps, from 4 on never; clip 9 raises after one."""

    def __init__(self, output: str, ladder: Ladder) -> None:
        self.attempts, self.ladder = Attempts(60, output), ladder

    def __call__(self, clips: pa.Table) -> pa.Table:
        rows = each("audit", self.process, from_table(clips, ClipRef), self.attempts, self.ladder)
        return to_table(rows, ReleasedClip, QuarantinedClip, FailedClip)

    def process(self, ref: ClipRef) -> ReleasedClip:
        steps = self.ladder.steps(ref.clip_id)
        if ref.clip_id == 9 and steps:
            raise RuntimeError("not a gate")
        if len(steps) < ref.clip_id:
            raise Rejected("gate failed: copy", [GATE])
        return toy.released(ref, toy.noise(ref, 0))


def run(plan: Plan, output: str, policy: Policy = POLICY, passes: int | None = None, clips: int = 2) -> None:
    """The job's loop: as many passes as there are rungs, and one; then what is lost."""
    checkpoint.begin(Run(plan, output, PROFILE, policy))
    filesystem, paths = plan.files()
    for _ in range(len(policy.escalation) + 1 if passes is None else passes):
        ladder = Ladder(policy.escalation, storage.absolute(output))
        (
            ray.data.read_parquet(paths, filesystem=filesystem)
            .repartition(target_num_rows_per_block=clips)
            .map_batches(
                Gated,
                fn_constructor_args=(storage.absolute(output), ladder),
                batch_size=1,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=1, max_tasks_in_flight_per_actor=1),
                num_cpus=0.5,
            )
            .write_datasink(ShardSink(output), ray_remote_args={"num_cpus": 0.25})
        )
        repair(output)


def manifest(output: str) -> dict[int, dict[str, object]]:
    """Rows by clip; a clip that is there twice is an error."""
    rows = [row for path in Path(output).glob("manifest/*") for row in pq.read_table(path).to_pylist()]
    found = {row["clip_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(("place", "count"), [("cluster", 1), ("in_process", len(RUNGS))])
def test_every_clip_ends_once_on_its_rung(
    tmp_path: Path, request: pytest.FixtureRequest, place: str, count: int
) -> None:
    """On Ray up one rung: what a pass refused, the next one reads again. Whatever comes after it is one more pass."""
    request.getfixturevalue(place)
    rungs = RUNGS[:count]
    policy = POLICY.model_copy(update={"escalation": rungs})
    plan, output = Plan(f"{tmp_path}/plan"), f"{tmp_path}/out"
    toy.write_plan(plan.uri, 10)
    run(plan, output, policy)
    rows = manifest(output)
    verdicts = {number: (row["verdict"], row["reason"]) for number, row in rows.items()}
    assert sorted(rows) == list(range(10))
    assert all(verdicts[number] == ("released", "") for number in range(count + 1))
    refused = range(count + 1, 9)
    assert all(verdicts[number] == ("quarantined", "gate failed: copy") for number in refused)
    assert verdicts[9][0] == "quarantined" and "RuntimeError" in str(verdicts[9][1])
    for number in refused:
        steps = [Step(**step) for step in rows[number]["steps"]]  # type: ignore[attr-defined]
        assert [step.name for step in steps] == rungs
        assert {step.reason for step in steps} == {"audit: gate failed: copy"}
    assert [step["name"] for step in rows[9]["steps"]] == rungs[:1]  # type: ignore[attr-defined]
    assert checkpoint.record_lost(Run(plan, output, PROFILE, policy)) == 0
    dataset = checkpoint.finish(Run(plan, output, PROFILE, policy))
    released = count + 1
    assert (dataset["released"]["clips"], dataset["quarantined"]["clips"]) == (released, 10 - released)
    assert not Path(output, FOLDER).exists()


def test_a_block_of_which_every_clip_is_refused_leaves_no_shard(tmp_path: Path, cluster: None) -> None:
    plan, output = Plan(f"{tmp_path}/plan"), f"{tmp_path}/out"
    toy.write_plan(plan.uri, 9, files=1)
    run(plan, output, passes=1, clips=1)
    assert sorted(manifest(output)) == [0]
    assert len(list(Path(output, "stats").iterdir())) == 1
    assert len(list(Path(output, FOLDER).iterdir())) == 8


def test_a_run_stopped_in_the_middle_goes_on_where_each_clip_was(tmp_path: Path, in_process: None) -> None:
    plan, output = Plan(f"{tmp_path}/plan"), f"{tmp_path}/out"
    toy.write_plan(plan.uri, 6)
    run(plan, output, passes=2)
    assert sorted(manifest(output)) == [0, 1]
    before = {path: path.read_bytes() for path in Path(output, "shards").iterdir()}
    run(plan, output, passes=2)
    rows = manifest(output)
    assert [rows[number]["verdict"] for number in range(6)] == ["released"] * 4 + ["quarantined"] * 2
    assert {path: path.read_bytes() for path in before} == before
    assert checkpoint.finish(Run(plan, output, PROFILE, POLICY))["planned"]["clips"] == 6


def test_a_clip_that_never_comes_to_its_last_rung_is_not_lost(tmp_path: Path, in_process: None) -> None:
    plan, output = Plan(f"{tmp_path}/plan"), f"{tmp_path}/out"
    toy.write_plan(plan.uri, 5)
    run(plan, output, passes=1)
    assert checkpoint.record_lost(Run(plan, output, PROFILE, POLICY)) == 4
    assert manifest(output)[4]["verdict"] == "failed"
    assert checkpoint.finish(Run(plan, output, PROFILE, POLICY.model_copy(update={"failures": NO_LIMITS})))


NO_LIMITS = POLICY.failures.model_copy(update={"failed": 1.0})
