"""A signed dataset against somebody who may write everywhere in it, makes all digests fit, and has not got the key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.ledger import checkpoint, dataset_signature
from jobs.verify import read, verify
from operators import storage
from operators.release.layout import ATTESTATION, SHARD_LIST
from operators.release.signature import Signer, fingerprint
from schemas.errors import UserError
from tests.cluster import toy
from tests.jobs.forger import (
    Members,
    a_step,
    add_a_field,
    better_a_score,
    certificates,
    delete_a_shard,
    delete_a_shard_but_keep_the_list,
    drop_a_gate,
    drop_the_signature,
    edit,
    flip_a_byte_of_a_video,
    header,
    lines,
    other_counts,
    seal,
    swap_two_certificates,
)
from tests.jobs.small import job
from tests.keys import make_key

pytestmark = pytest.mark.usefixtures("cluster", "shards_here")


def problems(dataset: Path, trusted: str = "", sample: int = 1) -> list[str]:
    proof = verify(str(dataset), read(str(dataset)), trusted, sample)
    return [f"{breach.where}: {breach.problem}" for breach in proof.breaches]


def owner(whole: Path) -> str:
    return Signer.of_file(str(whole / "key.pem")).public_key


def test_as_signed(dataset: Path, whole: Path) -> None:
    assert problems(dataset) == problems(dataset, owner(whole)) == []
    seal(dataset)  # the forger's tool itself changes nothing
    assert problems(dataset, owner(whole)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (flip_a_byte_of_a_video, "not signed by the dataset's key"),
        (swap_two_certificates, "certificate and manifest differ in clip_id"),
        (certificates(better_a_score), "not signed by the dataset's key"),
        (certificates(drop_a_gate), "not signed by the dataset's key"),
        (a_step("other seed"), "certificate and manifest differ in steps"),
        (a_step("looked away"), "cannot be read (ValidationError)"),
        (a_step("accept", "0" * 64), "accepted for another video, or by nobody"),
        (certificates(add_a_field), "cannot be read (ValueError)"),
        (certificates(drop_the_signature), "not signed by the dataset's key"),
    ],
)
def test_a_forged_certificate_is_found(dataset: Path, change: Callable[[Members], None], found: str) -> None:
    edit(dataset, change)
    made = problems(dataset)
    assert any(found in problem and ".tar: " in problem for problem in made), made
    assert f"{dataset}/dataset.json: is not what was signed" in made


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (delete_a_shard, "dataset.json: is not what was signed"),
        (delete_a_shard_but_keep_the_list, "lists shards that are not here: 1, the first"),
        (lambda dataset: lines(dataset, lambda made: made[::-1]), "line 1 is not what the shards here give"),
        (lambda dataset: lines(dataset, lambda made: made[:-1]), "does not list shards that are here: 1"),
        (lambda dataset: lines(dataset, lambda made: [*made, made[-1]]), "lists a shard twice"),
        (lambda dataset: lines(dataset, lambda made: ["[]\n"]), "cannot be read"),
        (other_counts, "line 1 is not what"),
        (lambda dataset: (dataset / SHARD_LIST).unlink(), "shards.jsonl: is missing"),
        (lambda dataset: header(dataset, chain="0" * 64), "not the list for which dataset.json was written"),
        (lambda dataset: header(dataset, chain="0" * 64), "dataset.json: is not what was signed"),
        (lambda dataset: header(dataset, licence_notes=[]), "dataset.json: is not what was signed"),
        (lambda dataset: (dataset / ATTESTATION).unlink(), "there is no dataset.dsse.json"),
        (lambda dataset: (dataset / ATTESTATION).write_text("{}"), "dataset.dsse.json cannot be read"),
        (
            lambda dataset: header(dataset, signer={"public_key": "x", "fingerprint": "x"}),
            "names no key, or one with the fingerprint of another",
        ),
        (lambda dataset: header(dataset, signer=None), "is not what dataset.dsse.json lists"),
        (lambda dataset: header(dataset, signer=None), "signed, although dataset.json names"),
    ],
)
def test_a_tampered_list_or_head_is_found(dataset: Path, tamper: Callable[[Path], None], found: str) -> None:
    tamper(dataset)
    made = problems(dataset)
    assert any(found in problem for problem in made), made


@pytest.mark.parametrize("field", ["signer", "planned", "policy", "state"])
def test_a_head_that_holds_other_things_is_refused_in_words(dataset: Path, field: str) -> None:
    header(dataset, **{field: ["x"]})
    with pytest.raises(UserError, match=f"does not say what every dataset says: {field}"):
        problems(dataset)


def test_signed_throughout_by_another_key(tmp_path: Path, whole: Path) -> None:
    """Nothing in it is wrong; only who knows the owner's key can tell."""
    thief = Signer.of_file(str(make_key(tmp_path / "thief.pem")))
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 6, signer=thief)
    assert problems(tmp_path / "out") == []
    found = problems(tmp_path / "out", owner(whole))
    assert any("is signed by another key than the one given" in problem for problem in found)
    assert sum("not signed by the dataset's key" in problem for problem in found) == 4  # released clips


def test_a_thief_under_the_owners_fingerprint(tmp_path: Path, whole: Path) -> None:
    thief = Signer.of_file(str(make_key(tmp_path / "thief.pem")))
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 6, signer=thief)
    made = json.loads(storage.read_bytes(f"{tmp_path}/out", "dataset.json"))
    made["signer"]["fingerprint"] = fingerprint(owner(whole))
    header(tmp_path / "out", **made)
    written = {path: (tmp_path / "out" / path).read_bytes() for path in ("dataset.json", SHARD_LIST)}
    dataset_signature.seal(f"{tmp_path}/out", made["revision"], thief, written)
    assert any("with the fingerprint of another" in problem for problem in problems(tmp_path / "out"))


def test_without_any_signature(tmp_path: Path, whole: Path) -> None:
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 6)
    assert problems(tmp_path / "out") == []
    found = problems(tmp_path / "out", owner(whole))
    assert any("names no key, although one is demanded" in problem for problem in found)
    assert sum("not signed by the dataset's key" in problem for problem in found) == 4


def test_another_key_does_not_go_on(dataset: Path, whole: Path, tmp_path: Path) -> None:
    other = Signer.of_file(str(make_key(tmp_path / "other.pem")))
    for signer in (other, None):
        with pytest.raises(UserError, match="was begun with another signer"):
            checkpoint.begin(toy.run_of(f"{whole}/plan", str(dataset), signer))
    checkpoint.begin(toy.run_of(f"{whole}/plan", str(dataset), Signer.of_file(str(whole / "key.pem"))))


def test_a_clip_that_is_not_what_it_was_certified_as_is_found_by_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The forger has the key, too: all that is left to look at are the pictures."""

    def one_picture(ref: Any, seed: int | None = None) -> bytes:
        frames = np.zeros((ref.frames, ref.height, ref.width, 3), np.uint8) + np.uint8(90)
        frames[:, :20] = 200
        return toy.encode_video(frames, ref.pts[1:], ref.time_base, ref.fps, 20, "veryfast")

    monkeypatch.setattr(toy, "noise", one_picture)
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 12)
    dataset = read(f"{tmp_path}/out")
    proof = verify(f"{tmp_path}/out", dataset, sample=2)
    assert (proof.released, proof.sampled, proof.doubted, len(proof.breaches)) == (8, 6, 6, 6)
    assert "is one picture throughout" in proof.breaches[0].problem
    assert verify(f"{tmp_path}/out", dataset, sample=0).breaches == []


def test_the_commands(dataset: Path, whole: Path, tmp_path: Path) -> None:
    trusted = ("--public-key", str(whole / "key.pub"))
    good = job("verify", str(dataset), *trusted, "--sample", "2", "--seed", "7")
    assert good.returncode == 0, good.stdout
    assert "demanded: signed by the key" in good.stdout
    assert "audited again: 6 of 8 released clips, 0 with a breach" in good.stdout
    assert "--public-key demands the one you trust" in job("verify", str(dataset)).stdout
    make_key(tmp_path / "other.pem")
    bad = job("verify", str(dataset), "--public-key", f"{tmp_path}/other.pub")
    assert bad.returncode == 1 and "is signed by another key" in bad.stdout
    none = job("verify", str(dataset), "--public-key", f"{tmp_path}/nothing.pub")
    assert none.returncode == 2 and "cannot be read" in none.stderr and "Traceback" not in none.stderr


@pytest.mark.parametrize(
    "options",
    [["--key", "KEY", "--key-command", "x"], ["--key-command", "x"], ["--public-key", "x"], ["--key", "no"]],
)
def test_half_a_signer_is_refused_before_anything_is_computed(
    whole: Path, tmp_path: Path, options: list[str]
) -> None:
    done = job("anonymize", "--plan", f"{whole}/plan", "--output", f"{tmp_path}/out", *options)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "error: " in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_private_key_is_nowhere_in_the_output(whole: Path) -> None:
    secret = (whole / "key.pem").read_text().splitlines()[1].encode()
    files = [path.read_bytes() for path in (whole / "out").rglob("*.*")]
    assert len(files) > 10 and not any(secret in data for data in files)
