"""Exactly once, through interruptions: the real sink, checkpoints and repair around a job without models."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray

from cluster import books, checkpoint, plans, store
from cluster.datasink import ShardNames
from cluster.plans import Plan
from operators.escalate import Ladder
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.policy import Policy
from tests.cluster import toy

pytestmark = pytest.mark.usefixtures("s3")


@pytest.fixture(autouse=True)
def _no_checkpoint_left_behind() -> object:
    yield
    ray.data.DataContext.get_current().checkpoint_config = None


def contents(output: str) -> dict[str, bytes]:
    return {path: store.read_bytes(output, path) for path in store.list_files(output)}


def manifest(output: str) -> list[dict[str, object]]:
    filesystem, root = store.arrow_filesystem(output)
    paths = [path for path in store.list_files(output) if path.startswith("manifest/")]
    return [
        row for path in paths for row in pq.read_table(f"{root}/{path}", filesystem=filesystem).to_pylist()
    ]


def assert_complete(output: str, count: int) -> None:
    """Each of `count` clips once, with the verdict that its number gives, and nothing left over."""
    verdicts = {0: "quarantined", 1: "failed"}
    rows = sorted((row["clip_id"], row["verdict"]) for row in manifest(output))
    assert rows == [(number, verdicts.get(number % 10, "released")) for number in range(count)]
    assert json.loads(store.read_bytes(output, "dataset.json"))["planned"] == {
        "clips": count,
        "frames": 5 * count,
    }
    names = {match[1] for path in store.list_files(output) if (match := re.search(r"/(\w+-\d+)\.", path))}
    records = [path for path in store.list_files(output) if path.startswith("checkpoint/")]
    assert sorted(records) == sorted(f"checkpoint/{name}.parquet" for name in names)


def test_every_clip_once_and_a_second_run_changes_nothing(place: str, cluster: None) -> None:
    toy.write_plan(f"{place}/plan", 13)
    toy.run(f"{place}/plan", f"{place}/out")
    assert_complete(f"{place}/out", 13)
    before = contents(f"{place}/out")
    toy.run(f"{place}/plan", f"{place}/out")
    assert contents(f"{place}/out") == before


def is_committed(path: str) -> bool:
    return bool(re.fullmatch(r"checkpoint/\w+-\d+\.parquet", path))


def test_a_clip_that_kills_or_hangs_its_worker_is_recorded_and_costs_no_other(
    tmp_path: Path, cluster: None
) -> None:
    toy.write_plan(f"{tmp_path}/plan", 9)
    dataset = toy.run(f"{tmp_path}/plan", f"{tmp_path}/out", crash=6, hang=3)
    rows = {row["clip_id"]: row for row in manifest(f"{tmp_path}/out")}
    assert sorted(rows) == list(range(9))
    assert all((rows[number]["verdict"], rows[number]["stage"]) == ("failed", "toy") for number in (3, 6))
    assert all("3 attempts ended with the worker" in str(rows[number]["reason"]) for number in (3, 6))
    assert [rows[number]["verdict"] for number in (2, 4, 5, 7, 8)] == ["released"] * 5
    assert dataset["failed"] == {"clips": 3, "frames": 15}


def test_a_row_that_the_sink_refuses_is_recorded_and_costs_no_other(tmp_path: Path, cluster: None) -> None:
    toy.write_plan(f"{tmp_path}/plan", 6)
    toy.run(f"{tmp_path}/plan", f"{tmp_path}/out", foreign=3)
    rows = {row["clip_id"]: row["verdict"] for row in manifest(f"{tmp_path}/out")}
    assert rows == {0: "quarantined", 1: "failed", 2: "released", 3: "failed", 4: "released", 5: "released"}


def test_a_run_in_which_too_much_fails_is_stopped(tmp_path: Path, cluster: None) -> None:
    """And the same command again does not go on."""
    toy.write_plan(f"{tmp_path}/plan", 200)
    limits = toy.POLICY.failures.model_copy(update={"after_clips": 8, "failed": 0.05})
    policy = toy.POLICY.model_copy(update={"failures": limits})
    with pytest.raises(UserError, match="of the clips so far failed"):
        toy.run(f"{tmp_path}/plan", f"{tmp_path}/out", 0.2, policy=policy)
    done = books.finished_ids(f"{tmp_path}/out").size
    assert 8 <= done < 150
    with pytest.raises(UserError, match="of the clips so far failed"):
        toy.run(f"{tmp_path}/plan", f"{tmp_path}/out", 0.2, policy=policy)
    assert books.finished_ids(f"{tmp_path}/out").size < 150
    dataset = books.read_dataset(f"{tmp_path}/out")
    assert dataset is not None and dataset["state"] == "running"


@pytest.fixture
def finished(place: str) -> tuple[str, str, list[str]]:
    """Plan and output of a finished run over 12 clips, and the names of its three shards."""
    plan, output = f"{place}/plan", f"{place}/out"
    return plan, output, toy.write_output(plan, output, 12)


def test_a_record_both_pending_and_committed_keeps_its_shard(finished: tuple[str, str, list[str]]) -> None:
    """An object store moves by copying: this is the state in which Ray deletes the data and keeps the ids."""
    plan, output, (name, *_) = finished
    before = contents(output)
    store.write_bytes(output, f"checkpoint/{name}.pending.parquet", before[f"checkpoint/{name}.parquet"])
    checkpoint.repair(output)
    assert contents(output) == before
    assert not checkpoint.missing(Plan(plan), output).size


def test_files_of_a_pending_record_go(finished: tuple[str, str, list[str]]) -> None:
    plan, output, (name, *_) = finished
    record = store.read_bytes(output, f"checkpoint/{name}.parquet")
    store.write_bytes(output, f"checkpoint/{name}.pending.parquet", record)
    store.delete(output, [f"checkpoint/{name}.parquet", f"stats/{name}.json"])
    assert len([path for path in store.list_files(output) if name in path]) == 4  # tar, two parquet, record
    checkpoint.repair(output)
    assert not [path for path in store.list_files(output) if name in path]
    assert checkpoint.missing(Plan(plan), output).tolist() == [0, 1, 2, 3]


def test_where_clips_stand_on_the_ladder_survives_a_repair_and_not_the_end(
    finished: tuple[str, str, list[str]],
) -> None:
    plan, output, (name, *_) = finished
    before = contents(output)
    ladder = Ladder(["larger mask"], store.absolute(output))
    assert ladder.climb(2, [], "audit: gate failed: copy")
    store.delete(output, [f"shards/{name}.tar"])
    checkpoint.begin(Plan(plan), output, toy.PROFILE, toy.POLICY)
    assert checkpoint.missing(Plan(plan), output).tolist() == [0, 1, 2, 3]
    assert [step.name for step in ladder.steps(2)] == ["larger mask"]
    for path, data in before.items():
        store.write_bytes(output, path, data)
    checkpoint.finish(Plan(plan), output, toy.POLICY)
    assert ladder.steps(2) == [] and contents(output) == before


def test_files_without_any_record_go(finished: tuple[str, str, list[str]]) -> None:
    """As a worker leaves them that outlives its driver and writes on after the repair."""
    plan, output, (name, *_) = finished
    before, zombie = contents(output), "f" * 32 + "-00000000"
    store.write_bytes(output, f"shards/{zombie}.tar", b"half a tar")
    store.write_bytes(output, f"manifest/{zombie}.parquet", before[f"manifest/{name}.parquet"])
    with pytest.raises(UserError, match="not for each once"):
        checkpoint.finish(Plan(plan), output, toy.POLICY)
    checkpoint.repair(output)
    assert contents(output) == before


def test_of_two_shards_with_the_same_clip_one_goes(finished: tuple[str, str, list[str]]) -> None:
    """As when that worker even commits."""
    plan, output, (name, *_) = finished
    before, zombie = contents(output), "f" * 32 + "-00000000"
    for path in [path for path in before if name in path]:
        data = before[path].replace(name.encode(), zombie.encode()) if "stats" in path else before[path]
        store.write_bytes(output, path.replace(name, zombie), data)
    with pytest.raises(UserError, match="not for each once"):
        checkpoint.finish(Plan(plan), output, toy.POLICY)
    checkpoint.repair(output)
    assert contents(output) == before


@pytest.mark.parametrize("folder", ["shards", "manifest", "quarantine", "stats"])
@pytest.mark.parametrize("damage", ["truncated", "lost"])
def test_a_damaged_shard_is_to_be_done_again(
    finished: tuple[str, str, list[str]], folder: str, damage: str
) -> None:
    plan, output, (name, *_) = finished
    before = contents(output)
    path = next(path for path in before if path.startswith(f"{folder}/{name}"))
    if damage == "lost":
        store.delete(output, [path])
    else:
        store.write_bytes(output, path, before[path][: len(before[path]) // 2])
    checkpoint.repair(output)
    assert contents(output) == {path: data for path, data in before.items() if name not in path}
    assert checkpoint.missing(Plan(plan), output).tolist() == [0, 1, 2, 3]
    with pytest.raises(UserError, match="accounts for 8 clips where 12 are planned"):
        checkpoint.finish(Plan(plan), output, toy.POLICY)


@pytest.mark.parametrize("count", [12, 4])
def test_a_repair_that_is_interrupted_anywhere_is_repaired_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    output = f"{tmp_path}/out"
    damaged, *others = toy.write_output(f"{tmp_path}/plan", output, count)
    before = contents(output)
    kept = {path: data for path, data in before.items() if damaged not in path}
    delete, cut_short = store.delete, 0
    for stop in range(9):
        delete(output, list(store.list_files(output)))
        for path, data in before.items():
            store.write_bytes(output, path, data)
        store.write_bytes(output, f"shards/{damaged}.tar", b"cut")
        for name in others:
            store.write_bytes(
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
            patch.setattr(store, "delete", killed)
            try:
                checkpoint.repair(output)
            except KeyboardInterrupt:
                cut_short += 1
        checkpoint.repair(output)
        assert contents(output) == kept, stop
    assert cut_short == 5 + len(others)  # every deletion was the last one once


def test_shard_names_are_never_prefixes_of_one_another() -> None:
    """Ray finds a pending write's files by prefix; `{task:06}`, its default, fails here."""
    names = ShardNames()
    made = [names.get_filename_for_task("a" * 32, task) for task in (1, 10, 100_000, 1_000_003)]
    assert not [(one, other) for one in made for other in made if one != other and other.startswith(one)]


def test_missing_and_digest_go_by_the_plan(tmp_path: Path) -> None:
    toy.write_plan(f"{tmp_path}/plan", 5)
    assert checkpoint.missing(Plan(f"{tmp_path}/plan"), f"{tmp_path}/out").tolist() == [0, 1, 2, 3, 4]
    assert books.id_digest(np.array([3, -1])) == books.id_digest(np.array([-1, 3]))
    assert books.id_digest(np.array([3, -1])) != books.id_digest(np.array([3, 1]))


class TestBegin:
    """What is refused before anything is computed or removed."""

    def begin(self, folder: Path, policy: Policy = toy.POLICY) -> None:
        checkpoint.begin(Plan(f"{folder}/plan"), f"{folder}/out", toy.PROFILE, policy)

    def test_no_plan(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no plan"):
            self.begin(tmp_path)

    def test_a_plan_that_names_a_clip_twice(self, tmp_path: Path) -> None:
        toy.write_plan(f"{tmp_path}/plan", 4)
        os.link(tmp_path / "plan/clips/00-toy.parquet", tmp_path / "plan/clips/09-toy.parquet")
        with pytest.raises(UserError, match="names 2 clips more than once"):
            self.begin(tmp_path)

    def test_another_policy(self, tmp_path: Path) -> None:
        toy.write_plan(f"{tmp_path}/plan", 4)
        self.begin(tmp_path)
        with pytest.raises(UserError, match="begun with another policy"):
            self.begin(tmp_path, toy.POLICY.model_copy(update={"variant": "structall"}))

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        toy.write_plan(f"{tmp_path}/plan", 4)
        store.write_bytes(f"{tmp_path}/out", "shards/00000.tar", b"somebody's work")
        with pytest.raises(UserError, match=r"no dataset\.json"):
            self.begin(tmp_path)
        assert store.read_bytes(f"{tmp_path}/out", "shards/00000.tar") == b"somebody's work"

    def test_shards_whose_records_are_lost(self, tmp_path: Path) -> None:
        toy.write_plan(f"{tmp_path}/plan", 4)
        self.begin(tmp_path)
        store.write_bytes(f"{tmp_path}/out", f"shards/{'a' * 32}-00000001.tar", b"x")
        with pytest.raises(UserError, match="no commit records"):
            self.begin(tmp_path)
        assert store.list_files(f"{tmp_path}/out/shards")


def test_parts_of_a_plan_are_jobs_of_their_own(tmp_path: Path) -> None:
    """Together they are the plan; an output belongs to one of them."""
    toy.write_plan(f"{tmp_path}/plan", 20, files=7)
    whole = Plan(f"{tmp_path}/plan").planned()
    parts = [Plan.of(f"{tmp_path}/plan", f"{k}/3").planned() for k in (1, 2, 3)]
    assert np.array_equal(np.sort(np.concatenate([part.ids for part in parts])), whole.ids)
    assert sum(part.frames for part in parts) == whole.frames and all(part.ids.size for part in parts)
    assert Plan.of(f"{tmp_path}/plan", "9/9").planned().ids.size == 0
    checkpoint.begin(Plan.of(f"{tmp_path}/plan", "2/3"), f"{tmp_path}/out", toy.PROFILE, toy.POLICY)
    assert checkpoint.missing(Plan.of(f"{tmp_path}/plan", "2/3"), f"{tmp_path}/out").size == parts[1].ids.size
    with pytest.raises(UserError, match=r"begun with another partition \(2/3\)"):
        checkpoint.begin(Plan(f"{tmp_path}/plan"), f"{tmp_path}/out", toy.PROFILE, toy.POLICY)
    for wrong in ("0/3", "4/3", "1/257", "half"):
        with pytest.raises(UserError, match="no part of a plan"):
            Plan.of(f"{tmp_path}/plan", wrong)


def test_another_plan_is_refused(finished: tuple[str, str, list[str]]) -> None:
    plan, output, _ = finished
    before = contents(output)
    toy.write_plan(f"{plan}2", 7)
    with pytest.raises(UserError, match="holds 5 clips that"):
        checkpoint.begin(Plan(f"{plan}2"), output, toy.PROFILE, toy.POLICY)
    assert contents(output) == before


def test_of_a_changed_source_the_shards_are_made_anew_if_asked(finished: tuple[str, str, list[str]]) -> None:
    plan, output, names = finished
    before, refs = contents(output), [toy.make_ref(number) for number in range(12)]
    refs[5] = replace(refs[5], clip_id=105)  # the same source, with another content
    plans.write_clips(f"{plan}2", "00-toy", to_table(refs, ClipRef))
    arguments = Plan(f"{plan}2"), output, toy.PROFILE, toy.POLICY
    with pytest.raises(UserError, match=r"holds 1 clips that .* --withdraw"):
        checkpoint.begin(*arguments)
    assert contents(output) == before
    checkpoint.begin(*arguments, withdraw=True)
    kept = {path: data for path, data in before.items() if names[1] not in path and path != "dataset.json"}
    after = contents(output)
    assert {path: data for path, data in after.items() if path != "dataset.json"} == kept
    assert json.loads(after["dataset.json"])["state"] == "running"
    assert checkpoint.missing(Plan(f"{plan}2"), output).tolist() == [4, 6, 7, 105]


def test_another_plan_withdraws_nothing(finished: tuple[str, str, list[str]]) -> None:
    plan, output, _ = finished
    before = contents(output)
    toy.write_plan(f"{plan}2", 7)
    with pytest.raises(UserError, match="holds clips of 5 videos that"):
        checkpoint.begin(Plan(f"{plan}2"), output, toy.PROFILE, toy.POLICY, withdraw=True)
    assert contents(output) == before


def test_a_damaged_dataset_is_made_whole_and_a_grown_plan_is_continued(
    finished: tuple[str, str, list[str]], cluster: None
) -> None:
    plan, output, (name, *_) = finished
    before = contents(output)
    store.write_bytes(output, f"shards/{name}.tar", before[f"shards/{name}.tar"][:1000])
    toy.write_plan(f"{plan}2", 15)
    toy.run(f"{plan}2", output)
    assert_complete(output, 15)
    after = contents(output)
    kept = [path for path in before if name not in path and path not in ("dataset.json", "shards.jsonl")]
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
