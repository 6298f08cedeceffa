"""What an interruption, a loss or damage leaves is repaired, also the states that upstream's checkpoints can be in."""

from pathlib import Path

import pytest

from cluster.ledger import checkpoint
from cluster.ledger.events import Events
from cluster.ledger.failure_budget import _Watch
from cluster.ledger.plans import Plan
from cluster.ledger.repair import redo, repair
from operators import storage
from operators.pages.report import write_report
from operators.recovery.escalation import Ladder
from schemas.errors import UserError
from tests.cluster import toy

pytestmark = pytest.mark.usefixtures("s3")


def test_a_record_both_pending_and_committed_keeps_its_shard(finished: tuple[str, str, list[str]]) -> None:
    """An object store moves by copying: this is the state in which Ray deletes the data and keeps the ids."""
    plan, output, (name, *_) = finished
    before = toy.contents(output)
    storage.write_bytes(output, f"checkpoint/{name}.pending.parquet", before[f"checkpoint/{name}.parquet"])
    repair(output)
    assert toy.contents(output) == before
    assert not checkpoint.missing(Plan(plan), output).size


def test_files_of_a_pending_record_go(finished: tuple[str, str, list[str]]) -> None:
    plan, output, (name, *_) = finished
    record = storage.read_bytes(output, f"checkpoint/{name}.parquet")
    storage.write_bytes(output, f"checkpoint/{name}.pending.parquet", record)
    storage.delete(output, [f"checkpoint/{name}.parquet", f"stats/{name}.json"])
    assert len([path for path in storage.list_files(output) if name in path]) == 4  # tar, two parquet, record
    repair(output)
    assert not [path for path in storage.list_files(output) if name in path]
    assert checkpoint.missing(Plan(plan), output).tolist() == [0, 1, 2, 3]


def test_where_clips_stand_on_the_ladder_survives_a_repair_and_not_the_end(
    finished: tuple[str, str, list[str]],
) -> None:
    plan, output, (name, *_) = finished
    before = toy.contents(output)
    ladder = Ladder(["larger mask"], storage.absolute(output))
    assert ladder.climb(2, [], "audit", "gate failed: copy")
    storage.delete(output, [f"shards/{name}.tar"])
    checkpoint.begin(toy.run_of(plan, output))
    assert checkpoint.missing(Plan(plan), output).tolist() == [0, 1, 2, 3]
    assert [step.name for step in ladder.steps(2)] == ["larger mask"]
    for path, data in before.items():
        storage.write_bytes(output, path, data)
    checkpoint.finish(toy.run_of(plan, output))
    assert ladder.steps(2) == [] and toy.contents(output) == before


def test_files_without_any_record_go(finished: tuple[str, str, list[str]]) -> None:
    """As a worker leaves them that outlives its driver and writes on after the repair."""
    plan, output, (name, *_) = finished
    before, zombie = toy.contents(output), "f" * 32 + "-00000000"
    storage.write_bytes(output, f"shards/{zombie}.tar", b"half a tar")
    storage.write_bytes(output, f"manifest/{zombie}.parquet", before[f"manifest/{name}.parquet"])
    with pytest.raises(UserError, match="not for each once"):
        checkpoint.finish(toy.run_of(plan, output))
    repair(output)
    assert toy.contents(output) == before


def test_of_two_shards_with_the_same_clip_one_goes(finished: tuple[str, str, list[str]]) -> None:
    """As when that worker even commits."""
    plan, output, (name, *_) = finished
    before, zombie = toy.contents(output), "f" * 32 + "-00000000"
    for path in [path for path in before if name in path]:
        data = before[path].replace(name.encode(), zombie.encode()) if "stats" in path else before[path]
        storage.write_bytes(output, path.replace(name, zombie), data)
    with pytest.raises(UserError, match="not for each once"):
        checkpoint.finish(toy.run_of(plan, output))
    repair(output)
    assert toy.contents(output) == before


@pytest.mark.parametrize("folder", ["shards", "manifest", "quarantine", "stats"])
@pytest.mark.parametrize("damage", ["truncated", "lost"])
def test_a_damaged_shard_is_to_be_done_again(
    finished: tuple[str, str, list[str]], folder: str, damage: str
) -> None:
    plan, output, (name, *_) = finished
    before = toy.contents(output)
    path = next(path for path in before if path.startswith(f"{folder}/{name}"))
    if damage == "lost":
        storage.delete(output, [path])
    else:
        storage.write_bytes(output, path, before[path][: len(before[path]) // 2])
    repair(output)
    assert toy.contents(output) == {path: data for path, data in before.items() if name not in path}
    assert checkpoint.missing(Plan(plan), output).tolist() == [0, 1, 2, 3]
    with pytest.raises(UserError, match="accounts for 8 clips where 12 are planned"):
        checkpoint.finish(toy.run_of(plan, output))


@pytest.mark.parametrize("count", [12, 4])
def test_a_repair_that_is_interrupted_anywhere_is_repaired_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    output = f"{tmp_path}/out"
    damaged, *others = toy.write_output(f"{tmp_path}/plan", output, count)
    before = toy.contents(output)
    kept = {path: data for path, data in before.items() if damaged not in path}
    delete, cut_short = storage.delete, 0
    for stop in range(9):
        delete(output, list(storage.list_files(output)))
        for path, data in before.items():
            storage.write_bytes(output, path, data)
        storage.write_bytes(output, f"shards/{damaged}.tar", b"cut")
        for name in others:
            storage.write_bytes(
                output, f"checkpoint/{name}.pending.parquet", before[f"checkpoint/{name}.parquet"]
            )
        budget = [stop]

        def killed(uri: str, names: list[str], budget: list[int] = budget) -> None:
            for name in names:
                if not budget[0]:
                    raise KeyboardInterrupt
                budget[0] -= 1
                delete(uri, [name])

        with monkeypatch.context() as patch:
            patch.setattr(storage, "delete", killed)
            try:
                repair(output)
            except KeyboardInterrupt:
                cut_short += 1
        repair(output)
        assert toy.contents(output) == kept, stop
    assert cut_short == 5 + len(others)  # every deletion was the last one once


def test_a_damaged_dataset_is_made_whole_and_a_grown_plan_is_continued(
    finished: tuple[str, str, list[str]], in_process: None
) -> None:
    plan, output, (name, *_) = finished
    before = toy.contents(output)
    storage.write_bytes(output, f"shards/{name}.tar", before[f"shards/{name}.tar"][:1000])
    toy.write_plan(f"{plan}2", 15)
    toy.run(f"{plan}2", output)
    toy.assert_complete(output, 15)
    after = toy.contents(output)
    again = ("dataset.json", "dataset.dsse.json", "shards.jsonl")
    kept = [path for path in before if name not in path and path not in again]
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}


HALF = [
    "dataset.json",
    "dataset.dsse.json",
    "shards.jsonl",
    "report.html",
    "lease.json",
    "checkpoint/{name}.parquet",
]
HALF += ["shards/{name}.tar", "manifest/{name}.parquet", "quarantine/{name}.parquet", "stats/{name}.json"]


def test_what_was_being_written_when_a_run_was_killed_goes_with_the_next(
    finished: tuple[str, str, list[str]],
) -> None:
    plan, output, (name, *_) = finished
    before, half = toy.contents(output), [f"{path.format(name=name)}.partial" for path in HALF]
    for path in half:
        storage.write_bytes(output, path, b"half")
    checkpoint.begin(toy.run_of(plan, output))
    checkpoint.finish(toy.run_of(plan, output))
    assert toy.contents(output) == before
    storage.delete(output, list(before))
    for path in half:  # and nothing else is there, as after a kill at the very beginning
        storage.write_bytes(output, path, b"half")
    checkpoint.begin(toy.run_of(plan, output))
    assert list(storage.list_files(output)) == ["dataset.json"]


STRAYS = [
    "stats/foo.txt",
    "stats/foo.json",
    "stats/{name}.txt",
    "stats/below/{name}.json",
    "manifest/foo.parquet",
]
STRAYS += [
    "manifest/below/{name}.parquet",
    "quarantine/foo.parquet",
    "shards/foo.tar",
    "checkpoint/foo.parquet",
]


def test_what_somebody_else_left_ends_no_run(finished: tuple[str, str, list[str]]) -> None:
    """It is for verify to find (tests/jobs/test_strays.py), and read by nobody before."""
    plan, output, (name, *_) = finished
    before = toy.contents(output)
    for path in STRAYS:
        storage.write_bytes(output, path.format(name=name), b"x")
    checkpoint.begin(toy.run_of(plan, output))
    checkpoint.finish(toy.run_of(plan, output))
    write_report(output)
    after = toy.contents(output)
    assert {path: after[path] for path in before} == before
    watch = _Watch(toy.POLICY.failures, output, Events(output))
    watch._count()
    assert watch.budget.done.clips("planned") == 12


def test_a_shard_that_is_to_be_made_anew_leaves_no_file_and_others_all(
    finished: tuple[str, str, list[str]],
) -> None:
    """By its name, as verify says it; a name that is wrong takes back nothing."""
    plan, output, (name, *_) = finished
    before = toy.contents(output)
    with pytest.raises(UserError, match="--redo nobody: is no shard"):
        redo(output, [name, "nobody"])
    assert toy.contents(output) == before
    redo(output, [name])
    repair(output)
    left = toy.contents(output)
    assert not [path for path in left if name in path]
    assert {path for path in before if path.startswith("shards/") and name not in path} <= left.keys()
    assert checkpoint.missing(Plan(plan), output).size == 4
