"""What a plan remembers, against somebody who may write everywhere in the dataset and puts back what once was there."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import ray

from cluster.ledger import checkpoint, memory
from cluster.ledger.decisions import honour, insist
from cluster.ledger.run import Run
from cluster.ledger.withdraw import withdraw_shards
from operators import storage
from operators.recovery.escalation import FOLDER, Ladder
from operators.release import parquet_form
from operators.release.shard_writer import write_shard
from operators.release.signature import Signer
from schemas.certificate import Step
from schemas.decision import Decision
from schemas.errors import UserError
from tests.cluster import toy
from tests.keys import make_key


@pytest.fixture
def run(tmp_path: Path) -> object:
    """A finished run over 12 clips, signed."""
    signer = Signer.of_file(str(make_key(tmp_path / "key.pem")))
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 12, signer=signer)
    yield toy.run_of(f"{tmp_path}/plan", f"{tmp_path}/out", signer)
    ray.data.DataContext.get_current().checkpoint_config = None


def shard(run: Run) -> str:
    return min(path.stem for path in Path(run.output, "stats").iterdir())


def put_back(run: Run, before: dict[str, bytes], name: str = "") -> None:
    """All files that were there, or those of one shard; as whoever may write in the bucket can."""
    for path, data in before.items():
        if name in path:
            storage.write_bytes(run.output, path, data)


def make_again(run: Run, numbers: Sequence[int], write: str = "b" * 32) -> str:
    """A shard of these clips, as a run with the key commits it, whatever was decided about them."""
    name, files = f"{write}-00000000", dict[str, toy._File]()
    refs = [toy.make_ref(number) for number in numbers]
    opener = lambda path: toy._open(files, path)  # noqa: E731
    write_shard(map(toy.ended, refs), list(numbers), name, opener, run.signer, run.settings, run.made_by)
    for path, file in files.items():
        storage.write_bytes(run.output, path, file.data)
    record = parquet_form.commit_record(pa.chunked_array([pa.array(list(numbers), pa.int64())]))
    storage.write_bytes(run.output, f"checkpoint/{name}.parquet", record)
    return name


def test_a_withdrawn_shard_that_is_put_back_is_not_kept(run: Run) -> None:
    """It has its signature, and every digest fits; what was made in its place has been taken away."""
    before, name = toy.contents(run.output), shard(run)
    withdraw_shards(run.plan, run.output, [name], signer=run.signer)
    made = make_again(run, range(4))
    checkpoint.begin(run)
    assert checkpoint.finish(run)["revision"] == 2
    storage.delete(run.output, [path for path in toy.contents(run.output) if made in path])
    put_back(run, before, name)
    checkpoint.begin(run)
    assert checkpoint.missing(run.plan, run.output).tolist() == [0, 1, 2, 3]
    assert [path for path in toy.contents(run.output) if name in path] == []


def test_nor_one_that_is_put_back_while_it_runs(run: Run) -> None:
    before, name = toy.contents(run.output), shard(run)
    withdraw_shards(run.plan, run.output, [name], signer=run.signer)
    checkpoint.begin(run)
    put_back(run, before, name)
    with pytest.raises(UserError, match=r"stats/.*json: is of a shard that was withdrawn"):
        checkpoint.finish(run)


def test_it_is_remembered_before_it_is_gone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "delete", interrupted)
    with pytest.raises(KeyboardInterrupt):
        withdraw_shards(run.plan, run.output, [shard(run)], signer=run.signer)
    assert memory.withdrawn(run.plan.uri) == {shard(run)}


def test_after_a_release_that_was_put_back_as_a_whole_comes_none_of_an_old_number(run: Run) -> None:
    before, name = toy.contents(run.output), shard(run)
    withdraw_shards(run.plan, run.output, [name], signer=run.signer)
    made = make_again(run, range(4))
    for _ in range(2):
        checkpoint.begin(run)
        assert checkpoint.finish(run)["revision"] == 2
    storage.delete(run.output, list(toy.contents(run.output)))
    put_back(run, before)
    checkpoint.begin(run)
    assert json.loads(storage.read_bytes(run.output, "dataset.json"))["revision"] == 2
    make_again(run, range(4), "c" * 32)
    assert checkpoint.finish(run)["revision"] == 3 and made


def test_nothing_of_an_older_release_that_was_put_back_as_a_whole_stays_after_an_upgrade(run: Run) -> None:
    """Its gates may have let pass what today's do not; it is signed by the same key, whole, and lists its shards."""
    before, name = toy.contents(run.output), shard(run)
    withdraw_shards(run.plan, run.output, [name], signer=run.signer)
    now = replace(run, made_by={"code": 64 * "a", "weights": 64 * "b"})
    checkpoint.begin(now)
    assert checkpoint.missing(run.plan, run.output).tolist() == [0, 1, 2, 3]  # all else was listed last
    make_again(now, range(4))
    assert checkpoint.finish(now)["revision"] == 2
    storage.delete(run.output, list(toy.contents(run.output)))
    put_back(run, before)
    checkpoint.begin(now)
    assert checkpoint.missing(run.plan, run.output).size == 12


def test_each_dataset_of_a_plan_has_its_own_number(run: Run, tmp_path: Path) -> None:
    memory.reached(run.plan.uri, run.output, 7)
    assert memory.last(run.plan.uri, run.output) == memory.last(run.plan.uri, f"{run.output}/") == 7
    assert memory.last(run.plan.uri, f"{tmp_path}/other") == 0
    (path,) = [path for path in storage.list_files(run.plan.uri) if path.startswith("revisions/")]
    for damaged in (b"", b"{}", b'{"revision": -1}', b'{"revision": true}'):
        storage.write_bytes(run.plan.uri, path, damaged)
        with pytest.raises(UserError, match=r"revisions/.* is damaged"):
            memory.last(run.plan.uri, run.output)


@pytest.mark.parametrize("revision", [(1 << 53) - 2, 1 << 60, -5, "9"])
def test_nobody_lets_the_number_run_out(run: Run, revision: object) -> None:
    """Who may write in the head alone, which nobody signs by itself."""
    made = json.loads(storage.read_bytes(run.output, "dataset.json"))
    storage.write_bytes(run.output, "dataset.json", json.dumps(made | {"revision": revision}).encode())
    checkpoint.begin(run)
    assert checkpoint.finish(run)["revision"] == 2


def decide(run: Run, number: int = 2) -> list[Step]:
    """A reviewer wants a released clip's people filled; the steps that are due."""
    rows = {row["clip_id"]: row for row in toy.manifest(run.output)}
    seen = str(rows[number]["sha256"])
    words = Decision(
        key=toy.make_ref(number).key, decision="blackout", reason="a face", by="R. Viewer", output_sha256=seen
    )
    honour([words], "d.json", run.plan, run.output, run.policy.reviewers, run.signer)
    return Ladder(output=run.output, signer=run.signer).steps(number)


def test_a_decision_that_was_deleted_before_it_was_done_stands_again(run: Run) -> None:
    due = decide(run)
    assert [step.name for step in due] == ["opaque fill"]
    storage.delete_folder(storage.join(run.output, FOLDER))
    assert Ladder(output=run.output, signer=run.signer).steps(2) == []
    checkpoint.begin(run)
    assert Ladder(output=run.output, signer=run.signer).steps(2) == due


def test_a_clip_that_was_made_without_what_was_decided_is_made_again(run: Run) -> None:
    """Deleted after the run has begun: the dataset is not finished, and the next run does as decided."""
    due = decide(run)
    checkpoint.begin(run)
    storage.delete_folder(storage.join(run.output, FOLDER))
    made = make_again(run, range(4))
    with pytest.raises(UserError, match="held 1 clips that were made otherwise than a reviewer decided"):
        checkpoint.finish(run)
    assert [path for path in toy.contents(run.output) if made in path] == []
    assert Ladder(output=run.output, signer=run.signer).steps(2) == due
    assert insist(run.plan, run.output, run.signer) == 0
