"""All that lies in a dataset is listed, by digest, in what its owner signed; whatever else lies there is a breach."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.ledger import checkpoint, dataset_signature
from jobs.verify import read, verify
from operators import storage
from operators.conditioning.identity import dataset_id
from operators.release import attestation
from operators.release.json_form import written
from operators.release.layout import ATTESTATION, FIELDS, REPORT
from operators.release.signature import Signer
from schemas.errors import UserError
from tests.cluster import toy
from tests.keys import make_key

pytestmark = pytest.mark.usefixtures("cluster", "shards_here")


def problems(dataset: Path, trusted: str = "", least_revision: int = 0, dataset_id: str = "") -> list[str]:
    head = read(str(dataset))
    proof = verify(str(dataset), head, trusted, 0, least_revision=least_revision, dataset_id=dataset_id)
    return [f"{breach.where}: {breach.problem}" for breach in proof.breaches]


def test_as_it_was_signed(dataset: Path, whole: Path) -> None:
    assert problems(dataset, Signer.of_file(str(whole / "key.pem")).public_key) == []


def first(dataset: Path, folder: str) -> Path:
    return min((dataset / folder).iterdir())


def replaced_by_a_link(path: Path) -> None:
    path.rename(path.parent.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent.parent / "elsewhere")


def labelled(path: Path) -> None:
    """An attribute beside the bytes, which copies of whole trees take along."""
    try:
        os.setxattr(path, "user.comment", b"JANE ROE")
    except OSError:
        pytest.skip("a file system without attributes")


def twice(path: Path) -> None:
    """A key twice, of which readers take either; digests are made to fit by nobody."""
    path.write_bytes(path.read_bytes().replace(b"{", b'{"name": "JANE ROE", ', 1))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda dataset: (dataset / "JANE_ROE.txt").write_text(""),
        lambda dataset: (dataset / "shards/JANE_ROE").mkdir(),
        lambda dataset: (dataset / "JANE ROE, 12 Elm Street").mkdir(),
        lambda dataset: os.mkfifo(dataset / "pipe"),
        lambda dataset: os.mkfifo(dataset / "stats/pipe.json"),
        lambda dataset: (dataset / "stats/link.json").symlink_to("/etc/hostname"),
        lambda dataset: (dataset / "link").symlink_to("/etc"),
        lambda dataset: (dataset / "nowhere").symlink_to("JANE ROE"),
        lambda dataset: replaced_by_a_link(first(dataset, "shards")),
        lambda dataset: replaced_by_a_link(first(dataset, "checkpoint")),
        lambda dataset: first(dataset, "checkpoint").write_bytes(b"JANE ROE"),
        lambda dataset: first(dataset, "checkpoint").unlink(),
        lambda dataset: (dataset / f"checkpoint/{'f' * 32}-00000000.parquet").write_bytes(b"JANE ROE"),
        lambda dataset: (dataset / REPORT).write_text("<p>JANE ROE"),
        lambda dataset: (dataset / REPORT).unlink(),
        lambda dataset: (dataset / "attempts").mkdir(),
        lambda dataset: (dataset / "dataset.json.partial").write_text("JANE ROE"),
        lambda dataset: twice(dataset / "dataset.json"),
        lambda dataset: twice(dataset / "shards.jsonl"),
        lambda dataset: twice(dataset / ATTESTATION),
        lambda dataset: twice(first(dataset, "stats")),
        lambda dataset: labelled(first(dataset, "shards")),
        lambda dataset: labelled(dataset / "dataset.json"),
        lambda dataset: labelled(dataset / "shards"),
        labelled,
    ],
)
def test_whatever_is_not_listed_is_found(dataset: Path, tamper: Callable[[Path], object]) -> None:
    tamper(dataset)
    assert problems(dataset)


def says(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """The owner's own tool writes something else into dataset.json, and signs it."""

    def changed(dataset: Path) -> None:
        made = json.loads((dataset / "dataset.json").read_bytes())
        change(made)
        (dataset / "dataset.json").write_bytes(written(made))

    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.update(note="JANE ROE"),
        lambda made: made["profile"].update(note="JANE ROE"),
        lambda made: made["policy"].update(note="JANE ROE"),
        lambda made: made["signer"].update(note="JANE ROE"),
        lambda made: made["signer"].update(public_key="JANE ROE\n" + made["signer"]["public_key"]),
        lambda made: made["policy"]["settings"]["gates"].update(copied_share="0.1"),
        lambda made: made.update(licence_notes=["JANE ROE"]),
        lambda made: made.update(licence_notes=made["licence_notes"][::-1]),
        lambda made: made.update(licence_notes=made["licence_notes"] * 2),
        lambda made: made.update(licence_notes=made["licence_notes"][:1]),
        lambda made: made.update(revision=True),
        lambda made: made.update(recast_version="0.1.0 by JANE ROE"),
        lambda made: made.update(partition="JANE ROE"),
        lambda made: made["profile"].update(name="JANE ROE, 12 Elm Street"),
        lambda made: made.update(partition="0/1"),
        lambda made: made.update(partition="2/1"),
        lambda made: made.update(partition="999/3"),
        lambda made: made.update(partition="01/1"),
        lambda made: made.update(partition="1/257"),
        lambda made: made["policy"].update(name="JANE ROE"),
        lambda made: made["policy"].update(name="strict"),
        lambda made: made["signer"].update(name="JANE ROE"),
        lambda made: made.update(forgotten=["JANE ROE"]),
        lambda made: made.update(forgotten="JANE ROE"),
        lambda made: made.update(forgotten=["f" * 20, "0" * 20]),
        lambda made: made.update(forgotten=["0" * 20, "0" * 20]),
        lambda made: made.update(shards="JANE ROE"),
        lambda made: made.update(shards=20260314),
        lambda made: made.update(marker={"name": "JANE ROE", "digest": "0" * 64}),
        lambda made: made.update(revision=int.from_bytes(b"JANE ROE, 12 Elm Street", "big")),
        lambda made: made["seconds"].update({"JANE ROE": 0.0}),
        lambda made: made.update(schema_version="3"),
    ],
)
def test_dataset_json_says_what_is_due_alone(
    dataset: Path, whole: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    says(change)(dataset)
    made = json.loads((dataset / "dataset.json").read_bytes())
    signer = Signer.of_file(str(whole / "key.pem"))
    written = {path: (dataset / path).read_bytes() for path in ("dataset.json", "shards.jsonl", REPORT)}
    dataset_signature.seal(str(dataset), made["revision"], signer, written)
    try:
        found = problems(dataset)
    except UserError as error:  # or it is none that this release understands
        found = [str(error)]
    assert found


DEEP = b"[" * 200_000  # deeper than Python's readers of JSON go


@pytest.mark.parametrize(
    "name", ["dataset.json", ATTESTATION, "shards.jsonl", "evaluation.dsse.json", "stats"]
)
def test_what_cannot_be_read_is_a_breach_and_no_crash(dataset: Path, name: str) -> None:
    path = first(dataset, name) if name == "stats" else dataset / name
    path.write_bytes(DEEP)
    if name == "dataset.json":
        with pytest.raises(UserError):
            problems(dataset)
    else:
        assert problems(dataset)


def test_nor_does_a_sealed_statement_crash(dataset: Path) -> None:
    for name in (ATTESTATION, "evaluation.dsse.json"):
        envelope = json.loads((dataset / ATTESTATION).read_bytes())
        (dataset / name).write_bytes(written(envelope | {"payload": base64.b64encode(DEEP).decode()}))
        assert any("cannot be read" in one or "no evaluation" in one for one in problems(dataset))


@pytest.mark.parametrize("value", [None, 0, "x", [], {}, "left out"], ids=repr)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_is_missing_or_of_another_kind_is_named(
    dataset: Path, field: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.verify._check_all", lambda *_: [])  # of the shards nothing is asked here
    made = json.loads((dataset / "dataset.json").read_bytes())
    changed = {name: held for name, held in made.items() if (name, value) != (field, "left out")}
    changed |= {field: value} if value != "left out" else {}
    if changed == made:
        return
    (dataset / "dataset.json").write_bytes(written(changed))
    try:
        found = problems(dataset)
    except UserError as error:
        found = [str(error)]
    assert any("dataset.json" in one for one in found)


def test_a_run_goes_on_where_something_cannot_be_read(whole: Path, dataset: Path) -> None:
    signer = Signer.of_file(str(whole / "key.pem"))
    for path in (dataset / ATTESTATION, dataset / "shards.jsonl"):
        path.write_bytes(DEEP)
    run = toy.run_of(f"{whole}/plan", str(dataset), signer)
    checkpoint.begin(run)
    checkpoint.finish(run, lambda *_: b"<p>all is well")
    assert problems(dataset, signer.public_key) == []
    first(dataset, "stats").write_bytes(DEEP)
    checkpoint.begin(run)
    assert checkpoint.missing(run.plan, str(dataset)).size == 4  # its shard is to be made anew


def test_a_commit_record_says_which_clips_its_shard_has_and_nothing_else(whole: Path, dataset: Path) -> None:
    """Ray writes it and nobody signs it: what somebody else put there is gone before it is listed."""
    record, signer = first(dataset, "checkpoint"), Signer.of_file(str(whole / "key.pem"))
    before = record.read_bytes()
    for foreign in (b"the original video", before + b"JANE ROE"):
        record.write_bytes(foreign)
        assert any("says something else" in problem for problem in problems(dataset))
        run = toy.run_of(f"{whole}/plan", str(dataset), signer)
        checkpoint.begin(run)
        checkpoint.finish(run, lambda *_: b"<p>all is well")
        assert record.read_bytes() == before and problems(dataset, signer.public_key) == []


def test_a_listed_pipe_is_not_waited_for(dataset: Path) -> None:
    for path in (dataset / REPORT, dataset / "shards.jsonl", first(dataset, "stats"), dataset / ATTESTATION):
        path.unlink()
        os.mkfifo(path)
    assert sum("is no file" in problem for problem in problems(dataset)) == 4


def test_another_dataset_of_the_same_signer_can_be_refused(tmp_path: Path) -> None:
    signer, names = Signer.of_file(str(make_key(tmp_path / "key.pem"))), []
    for place in ("one", "two"):
        toy.write_output(f"{tmp_path}/{place}.plan", f"{tmp_path}/{place}", 3, signer=signer)
        names.append(dataset_id(place.encode(), "1/1", "profile", "policy"))
        run = replace(
            toy.run_of(f"{tmp_path}/{place}.plan", f"{tmp_path}/{place}", signer), dataset_id=names[-1]
        )
        checkpoint.finish(run)
    assert dataset_id(b"one", "1/1", "profile", "policy") == names[0]
    for other in (("1/2", "profile", "policy"), ("1/1", "another", "policy"), ("1/1", "profile", "another")):
        assert dataset_id(b"one", *other) != names[0]
    for place, name, other in zip(("one", "two"), names, names[::-1], strict=True):
        assert problems(tmp_path / place, signer.public_key, dataset_id=name) == []
        (problem,) = problems(tmp_path / place, signer.public_key, dataset_id=other)
        assert f"{other} is demanded" in problem


def test_the_revision_grows_with_every_change_and_an_older_one_can_be_refused(whole: Path) -> None:
    output = str(whole / "out")
    assert read(output)["revision"] == 1
    assert problems(whole / "out", least_revision=1) == []
    assert any("is of revision 1, and 2" in problem for problem in problems(whole / "out", least_revision=2))
    before = toy.contents(output)
    toy.write_plan(f"{whole}/plan", 14)
    storage.delete(output, [path for path in before if path.startswith("checkpoint/")][:1])
    signer = Signer.of_file(str(whole / "key.pem"))
    checkpoint.begin(toy.run_of(f"{whole}/plan", output, signer))
    assert read(output)["revision"] == 1
    storage.delete(output, [ATTESTATION, "dataset.json"])
    for path, data in before.items():
        storage.write_bytes(output, path, data)


def test_somebody_elses_tools_can_check_it(dataset: Path, whole: Path) -> None:
    """DSSE v1: the signature is over the encoding of type and payload, the payload an in-toto statement."""
    envelope = json.loads((dataset / ATTESTATION).read_bytes())
    payload = base64.b64decode(envelope["payload"])
    assert attestation.pae(b"hello").startswith(b"DSSEv1 28 application/vnd.in-toto+json 5 hello")
    made = json.loads(payload)
    assert made["_type"] == "https://in-toto.io/Statement/v1" and made["predicate"]["revision"] == 1
    assert [subject["name"] for subject in made["subject"]] == ["dataset.json", "report.html", "shards.jsonl"]
    for subject in made["subject"]:
        assert attestation.sha256((dataset / subject["name"]).read_bytes()) == subject["digest"]["sha256"]
    envelope["signatures"].append(envelope["signatures"][0])
    (dataset / ATTESTATION).write_bytes(written(envelope))
    assert any("cannot be read" in problem for problem in problems(dataset))
