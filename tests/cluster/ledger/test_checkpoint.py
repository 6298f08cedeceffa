"""Exactly once, through interruptions: the real sink, checkpoints and repair around a job without models."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.ledger import checkpoint, failure_budget, plans
from cluster.ledger.datasink import ShardNames
from cluster.ledger.plans import Plan
from cluster.ledger.run import Run
from operators import storage
from operators.release import reader
from operators.release.accounts import id_digest
from operators.release.layout import FIELDS
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.policy import Policy
from tests.cluster import toy

pytestmark = pytest.mark.usefixtures("s3")


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_every_clip_once_and_a_second_run_changes_nothing(place: str, cluster: None) -> None:
    """In an object store, where Ray commits by copying; on a disk by the test below."""
    toy.write_plan(f"{place}/plan", 13)
    toy.run(f"{place}/plan", f"{place}/out")
    toy.assert_complete(f"{place}/out", 13)
    before = toy.contents(f"{place}/out")
    toy.run(f"{place}/plan", f"{place}/out")
    assert toy.contents(f"{place}/out") == before


def test_a_clip_that_kills_or_hangs_its_worker_or_is_refused_by_the_sink_is_recorded_and_costs_no_other(
    tmp_path: Path, cluster: None
) -> None:
    """And a second run changes nothing. Nor does an actor stay: the next pass would wait for its GPU for ever."""
    plan, output = f"{tmp_path}/plan", f"{tmp_path}/out"
    toy.write_plan(plan, 12)
    dataset = toy.run(plan, output, crash=6, hang=3, foreign=8)
    assert toy.actors_left() == []
    rows = {row["clip_id"]: row for row in toy.manifest(output)}
    assert sorted(rows) == list(range(12))
    assert all(
        (rows[number]["verdict"], rows[number]["stage"]) == ("failed", "condition") for number in (3, 6)
    )
    assert all("3 attempts ended with the worker" in str(rows[number]["reason"]) for number in (3, 6))
    assert {number: rows[number]["verdict"] for number in (0, 1, 8, 10, 11)} == {
        0: "quarantined",
        1: "failed",
        8: "failed",
        10: "quarantined",
        11: "failed",
    }
    assert [rows[number]["verdict"] for number in (2, 4, 5, 7, 9)] == ["released"] * 5
    assert dataset["failed"] == {"clips": 5, "frames": 25}
    before = toy.contents(output)
    assert toy.run(plan, output) == dataset and toy.contents(output) == before


def test_a_run_in_which_too_much_fails_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: None
) -> None:
    """And the same command again does not go on."""
    monkeypatch.setattr(failure_budget, "PAUSE", 0.2)
    toy.write_plan(f"{tmp_path}/plan", 200)
    limits = toy.POLICY.failures.model_copy(update={"after_clips": 8, "failed": 0.05})
    policy = toy.POLICY.model_copy(update={"failures": limits})
    with pytest.raises(UserError, match="of the clips so far failed"):
        toy.run(f"{tmp_path}/plan", f"{tmp_path}/out", 0.2, policy=policy)
    done = reader.clip_ids(f"{tmp_path}/out").size
    assert 8 <= done < 150
    with pytest.raises(UserError, match="of the clips so far failed"):
        toy.run(f"{tmp_path}/plan", f"{tmp_path}/out", 0.2, policy=policy)
    assert reader.clip_ids(f"{tmp_path}/out").size < 150
    dataset = reader.read_dataset(f"{tmp_path}/out")
    assert dataset is not None and dataset["state"] == "running"


def test_shard_names_are_never_prefixes_of_one_another() -> None:
    """Ray finds a pending write's files by prefix; `{task:06}`, its default, fails here."""
    names = ShardNames()
    made = [names.get_filename_for_task("a" * 32, task) for task in (1, 10, 100_000, 1_000_003)]
    assert not [(one, other) for one in made for other in made if one != other and other.startswith(one)]


def test_missing_and_digest_go_by_the_plan(tmp_path: Path) -> None:
    toy.write_plan(f"{tmp_path}/plan", 5)
    assert checkpoint.missing(Plan(f"{tmp_path}/plan"), f"{tmp_path}/out").tolist() == [0, 1, 2, 3, 4]
    assert id_digest(np.array([3, -1])) == id_digest(np.array([-1, 3]))
    assert id_digest(np.array([3, -1])) != id_digest(np.array([3, 1]))


class TestBegin:
    """What is refused before anything is computed or removed."""

    def begin(self, folder: Path, policy: Policy = toy.POLICY) -> None:
        checkpoint.begin(Run(Plan(f"{folder}/plan"), f"{folder}/out", toy.PROFILE, policy))

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
        storage.write_bytes(f"{tmp_path}/out", "shards/00000.tar", b"somebody's work")
        with pytest.raises(UserError, match=r"no dataset\.json"):
            self.begin(tmp_path)
        assert storage.read_bytes(f"{tmp_path}/out", "shards/00000.tar") == b"somebody's work"

    def test_shards_whose_records_are_lost(self, tmp_path: Path) -> None:
        toy.write_plan(f"{tmp_path}/plan", 4)
        self.begin(tmp_path)
        storage.write_bytes(f"{tmp_path}/out", f"shards/{'a' * 32}-00000001.tar", b"x")
        with pytest.raises(UserError, match="no commit records"):
            self.begin(tmp_path)
        assert storage.list_files(f"{tmp_path}/out/shards")


def test_parts_of_a_plan_are_jobs_of_their_own(tmp_path: Path) -> None:
    """Together they are the plan; an output belongs to one of them."""
    toy.write_plan(f"{tmp_path}/plan", 20, files=7)
    whole = Plan(f"{tmp_path}/plan").planned()
    parts = [Plan.of(f"{tmp_path}/plan", f"{k}/3").planned() for k in (1, 2, 3)]
    assert np.array_equal(np.sort(np.concatenate([part.ids for part in parts])), whole.ids)
    assert sum(part.frames for part in parts) == whole.frames and all(part.ids.size for part in parts)
    assert Plan.of(f"{tmp_path}/plan", "9/9").planned().ids.size == 0
    part = Plan.of(f"{tmp_path}/plan", "2/3")
    checkpoint.begin(Run(part, f"{tmp_path}/out", toy.PROFILE, toy.POLICY))
    assert checkpoint.missing(Plan.of(f"{tmp_path}/plan", "2/3"), f"{tmp_path}/out").size == parts[1].ids.size
    with pytest.raises(UserError, match=r"begun with another partition \(2/3\)"):
        checkpoint.begin(toy.run_of(f"{tmp_path}/plan", f"{tmp_path}/out"))
    for wrong in ("0/3", "4/3", "1/257", "half"):
        with pytest.raises(UserError, match="no part of a plan"):
            Plan.of(f"{tmp_path}/plan", wrong)


def test_dataset_json_has_the_fields_that_the_layout_names(finished: tuple[str, str, list[str]]) -> None:
    made = reader.read_dataset(finished[1])
    assert made is not None and made.keys() == FIELDS.keys()


def test_another_plan_is_refused(finished: tuple[str, str, list[str]]) -> None:
    plan, output, _ = finished
    before = toy.contents(output)
    toy.write_plan(f"{plan}2", 7)
    with pytest.raises(UserError, match="holds 5 clips that"):
        checkpoint.begin(toy.run_of(f"{plan}2", output))
    assert toy.contents(output) == before


def test_of_a_changed_source_the_shards_are_made_anew_if_asked(finished: tuple[str, str, list[str]]) -> None:
    plan, output, names = finished
    before, refs = toy.contents(output), [toy.make_ref(number) for number in range(12)]
    refs[5] = replace(refs[5], clip_id=105)  # the same source, with another content
    plans.write_clips(f"{plan}2", "00-toy", to_table(refs, ClipRef))
    run = toy.run_of(f"{plan}2", output)
    with pytest.raises(UserError, match=r"holds 1 clips that .* --withdraw"):
        checkpoint.begin(run)
    assert toy.contents(output) == before
    checkpoint.begin(run, withdraw=True)
    kept = {path: data for path, data in before.items() if names[1] not in path and path != "dataset.json"}
    after = toy.contents(output)
    assert {path: data for path, data in after.items() if path != "dataset.json"} == kept
    assert json.loads(after["dataset.json"])["state"] == "running"
    assert checkpoint.missing(Plan(f"{plan}2"), output).tolist() == [4, 6, 7, 105]


def test_a_source_that_is_no_longer_planned_can_be_withdrawn(finished: tuple[str, str, list[str]]) -> None:
    plan, output, names = finished
    before, refs = toy.contents(output), [toy.make_ref(number) for number in range(12) if number != 5]
    plans.write_clips(f"{plan}2", "00-toy", to_table(refs, ClipRef))
    with pytest.raises(UserError, match=r"holds 1 clips that .* --withdraw"):
        checkpoint.begin(toy.run_of(f"{plan}2", output))
    checkpoint.begin(toy.run_of(f"{plan}2", output), withdraw=True)
    assert {path for path in before if names[1] in path} & toy.contents(output).keys() == set()
    assert checkpoint.missing(Plan(f"{plan}2"), output).tolist() == [4, 6, 7]


def test_another_plan_withdraws_nothing(finished: tuple[str, str, list[str]]) -> None:
    """One that names none of the sources."""
    plan, output, _ = finished
    before = toy.contents(output)
    others = [toy.make_ref(number) for number in range(20, 27)]
    plans.write_clips(f"{plan}2", "00-toy", to_table(others, ClipRef))
    with pytest.raises(UserError, match="names none"):
        checkpoint.begin(toy.run_of(f"{plan}2", output), withdraw=True)
    assert toy.contents(output) == before
