"""What is done after the last clip takes no more memory for many clips than for few."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import ray

from benchmarks.planning import write_output, write_plan
from cluster.ledger import checkpoint
from jobs.status import status
from operators.pages.report import write_report
from operators.pages.review import write_review
from tests.cluster import toy

FEW, MANY = 640, 12800
STEPS: dict[str, Callable[[str, str], object]] = {
    "finish": lambda plan, output: checkpoint.finish(toy.run_of(plan, output)),
    "report": lambda plan, output: write_report(output),
    "review": lambda plan, output: write_review(plan, output, f"{output}.review"),
    "status": lambda plan, output: status(output, datetime.now(UTC)),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[str, str]]:
    """Plan and output by number of clips."""
    made = {}
    for clips in (FEW, MANY):
        folder = tmp_path_factory.mktemp("finished")
        made[clips] = (f"{folder}/plan", f"{folder}/out")
        write_plan(made[clips][0], clips)
        checkpoint.begin(toy.run_of(*made[clips]))
        write_output(made[clips][1], clips)
        STEPS["finish"](*made[clips])
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
    assert f"{MANY - 2 * MANY // 64 - report.count('<article')} more released clips" in report
    assert "200 more are in the quarantine folder" in report
    assert "40 of 200 quarantined and 0 of 12400 released" in review
