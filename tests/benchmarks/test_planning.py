"""What is done after the last clip takes no more memory for many clips than for few."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import ray

from benchmarks.planning import write_output, write_plan
from cluster.ledger import checkpoint
from cluster.ledger.repair import repair
from jobs.status import status
from jobs.verify import read, verify
from operators.pages.report import write_report
from operators.pages.review import write_review
from schemas.policy import Failures
from tests.cluster import toy

FEW, MANY = 640, 8960
STEPS: dict[str, Callable[[str, str], object]] = {
    "finish": lambda plan, output: checkpoint.finish(toy.run_of(plan, output)),
    "report": lambda plan, output: write_report(output),
    "review": lambda plan, output: write_review(plan, output, f"{output}.review"),
    "status": lambda plan, output: status(output, datetime.now(UTC)),
    "repair": lambda plan, output: repair(output),
    "verify": lambda plan, output: verify(f"{output}.failed", read(f"{output}.failed")),
}
NO_LIMITS = toy.POLICY.model_copy(
    update={"failures": Failures(failed=1, quarantined=1, after_clips=1, in_shard=1)}
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cluster: None) -> dict[int, tuple[str, str]]:
    """Plan and output by number of clips; beside each one in which all failed, of which no video is to be checked."""
    made = {}
    for clips in (FEW, MANY):
        folder = tmp_path_factory.mktemp("finished")
        made[clips] = (f"{folder}/plan", f"{folder}/out")
        write_plan(made[clips][0], clips)
        checkpoint.begin(toy.run_of(*made[clips]))
        write_output(made[clips][1], clips)
        STEPS["finish"](*made[clips])
        # Ten shards in any case: Ray keeps some kB of each of its tasks, of which there are up to a thousand.
        toy.write_output(
            f"{folder}/failed", f"{folder}/out.failed", clips, clips // 10, end=toy.failed, policy=NO_LIMITS
        )
    ray.data.DataContext.get_current().checkpoint_config = None
    return made


@pytest.mark.parametrize("step", STEPS)
def test_memory_is_flat_in_the_number_of_clips(finished: dict[int, tuple[str, str]], step: str) -> None:
    """That of Python's objects; a manifest's rows as objects are 2 kB each."""
    peaks = []
    for clips in (FEW, FEW, MANY):
        tracemalloc.start()
        STEPS[step](*finished[clips])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + (MANY - FEW) * 100  # bytes a clip


def test_every_clip_is_counted(finished: dict[int, tuple[str, str]]) -> None:
    _, output = finished[MANY]
    found = status(output, datetime.now(UTC))
    assert (found["state"], found["planned"], found["left"], found["shards"]) == (
        "complete",
        MANY,
        0,
        MANY / 64,
    )
    assert (found["quarantined"], found["failed"]) == (MANY / 64, MANY / 64)
    report, review = Path(output, "report.html").read_text(), Path(f"{output}.review/review.html").read_text()
    refused, released = MANY // 64, MANY - 2 * MANY // 64  # as many failed
    assert f"{released - report.count('<article')} more released clips" in report
    assert f"{2 * refused - 200} more are in the quarantine folder" in report
    assert f"40 of {refused} quarantined and 0 of {released} released" in review
