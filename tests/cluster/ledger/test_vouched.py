"""A run signs nothing that it, or a run with its key, did not make: somebody may write everywhere in the output."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from cluster.ledger import checkpoint
from cluster.ledger.plans import Plan
from cluster.ledger.run import Run
from operators import storage
from operators.pages.report import report
from operators.recovery.escalation import Ladder
from operators.recovery.keyed import Keyed, steering_key
from operators.release.accounts import account
from operators.release.attestation import opened
from operators.release.signature import Signer
from schemas.arrow import from_table, to_table
from schemas.certificate import Step
from schemas.errors import UserError
from schemas.manifest import ManifestRow, QuarantineRow
from tests.cluster import toy
from tests.keys import make_key

Members = dict[str, bytes]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run over 12 clips, signed."""
    signer = Signer.of_file(str(make_key(tmp_path / "key.pem")))
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 12, signer=signer)
    return toy.run_of(f"{tmp_path}/plan", f"{tmp_path}/out", signer)


def shard(run: Run) -> str:
    return min(path.stem for path in Path(run.output, "stats").iterdir())


def rows_of(run: Run, folder: str, case: type) -> list[Any]:
    return from_table(pq.read_table(f"{run.output}/{folder}/{shard(run)}.parquet"), case)


def members_of(run: Run) -> Members:
    with tarfile.open(f"{run.output}/shards/{shard(run)}.tar") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def seal(run: Run, members: Members, rows: list[ManifestRow], held: list[QuarantineRow]) -> None:
    """Write the first shard with these, and make all digests and counts fit."""
    name, stats = shard(run), f"{run.output}/stats/{shard(run)}.json"
    with tarfile.open(f"{run.output}/shards/{name}.tar", "w") as tar:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    pq.write_table(to_table(rows, ManifestRow), f"{run.output}/manifest/{name}.parquet")
    pq.write_table(to_table(held, QuarantineRow), f"{run.output}/quarantine/{name}.parquet")
    made = json.loads(Path(stats).read_bytes()) | account(rows)
    for path in made["files"]:
        data = Path(run.output, path).read_bytes()
        made["files"][path] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    Path(stats).write_text(json.dumps(made))


def an_original_as_conditioning(run: Run) -> None:
    members, rows = members_of(run), rows_of(run, "manifest", ManifestRow)
    victim = next(name for name in members if name.endswith(".condition.mp4"))
    members[victim] = toy.noise(toy.make_ref(2), 99)
    digest = hashlib.sha256(members[victim]).hexdigest()
    rows = [replace(row, condition_sha256=digest) if victim.startswith(row.key) else row for row in rows]
    seal(run, members, rows, rows_of(run, "quarantine", QuarantineRow))


def a_release_suppressed_with_a_name_for_a_reason(run: Run) -> None:
    members, rows = members_of(run), rows_of(run, "manifest", ManifestRow)
    victim, reason = next(row for row in rows if row.verdict == "released"), "JANE ROE of 12 Elm Street"
    members = {name: data for name, data in members.items() if not name.startswith(victim.key)}
    row = QuarantineRow(victim.clip_id, victim.key, "quarantined", "audit", reason, "none", "[]", "")
    changed = replace(victim, verdict="quarantined", stage="audit", reason=reason, sha256="")
    rows = [changed if one is victim else one for one in rows]
    seal(run, members, rows, [*rows_of(run, "quarantine", QuarantineRow), row])


def a_flipped_bit(run: Run) -> None:
    path = Path(run.output, f"shards/{shard(run)}.tar")
    data = bytearray(path.read_bytes())
    data[1500] ^= 1
    path.write_bytes(data)


def a_shard_by_nobody(run: Run) -> None:
    path = Path(run.output, f"stats/{shard(run)}.json")
    stats = json.loads(path.read_bytes())
    del stats["signature"]
    path.write_text(json.dumps(stats))


def a_shard_of_older_code(run: Run) -> None:
    """Whose gates let pass what these do not: with the same key, over the same clips, by the same policy."""
    path = Path(run.output, f"stats/{shard(run)}.json")
    stats = json.loads(path.read_bytes())
    del stats["signature"]
    stats["made_by"] = {"code": 64 * "0", "weights": 64 * "0"}
    assert run.signer
    path.write_text(json.dumps(stats | {"signature": run.signer.sign("shard", stats)}))


def a_shard_that_names_no_code(run: Run) -> None:
    """As releases wrote them that came before this."""
    path = Path(run.output, f"stats/{shard(run)}.json")
    stats = json.loads(path.read_bytes())
    del stats["signature"], stats["made_by"]
    assert run.signer
    path.write_text(json.dumps(stats | {"signature": run.signer.sign("shard", stats)}))


def a_shard_of_a_laxer_run(run: Run) -> None:
    """With the same key, over the same clips."""
    path = Path(run.output, f"stats/{shard(run)}.json")
    stats = json.loads(path.read_bytes())
    del stats["signature"]
    stats["settings"]["policy_digest"] = "another"
    assert run.signer
    path.write_text(json.dumps(stats | {"signature": run.signer.sign("shard", stats)}))


@pytest.mark.parametrize(
    "tamper",
    [
        an_original_as_conditioning,
        a_release_suppressed_with_a_name_for_a_reason,
        a_flipped_bit,
        a_shard_by_nobody,
        a_shard_of_a_laxer_run,
        a_shard_of_older_code,
        a_shard_that_names_no_code,
    ],
)
def test_the_next_run_makes_anew_what_it_did_not_make(run: Run, tamper: Callable[[Run], None]) -> None:
    name, before = shard(run), toy.contents(run.output)
    tamper(run)
    checkpoint.begin(run)
    assert checkpoint.missing(run.plan, run.output).tolist() == [0, 1, 2, 3]
    after = toy.contents(run.output)
    assert [path for path in after if name in path] == []
    kept = [path for path in before if name not in path and path != "dataset.json"]
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    with pytest.raises(UserError, match="accounts for 8 clips"):
        checkpoint.finish(run)


@pytest.mark.parametrize("tamper", [an_original_as_conditioning, a_shard_by_nobody, a_shard_of_a_laxer_run])
def test_what_is_put_there_while_it_runs_is_not_signed_either(
    run: Run, tamper: Callable[[Run], None]
) -> None:
    checkpoint.begin(run)
    tamper(run)
    with pytest.raises(UserError, match="not signed when it was committed"):
        checkpoint.finish(run)


WRITTEN = ("shards.jsonl", "dataset.json", "report.html")


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_put_in_place_of_what_it_writes_last_is_not_signed(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody watches, and writes another file as soon as the run has written its own, before it signs."""
    real = storage.write_bytes

    def watched(uri: str, path: str, data: bytes) -> None:
        real(uri, path, data)
        if path == name:
            real(uri, path, data + b"JANE ROE, 12 Elm Street")

    checkpoint.begin(run)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_bytes", watched)
        checkpoint.finish(run, report)
    assert run.signer
    said = opened(storage.read_bytes(run.output, "dataset.dsse.json"), run.signer.public_key)
    assert said[2] and set(said[0]) == set(WRITTEN)
    there = {path: hashlib.sha256(storage.read_bytes(run.output, path)).hexdigest() for path in WRITTEN}
    assert [path for path in WRITTEN if said[0][path] != there[path]] == [name]


@pytest.mark.parametrize(
    "tamper", [an_original_as_conditioning, a_release_suppressed_with_a_name_for_a_reason]
)
def test_nothing_is_shown_and_signed_that_lies_there_for_a_moment(
    run: Run, tamper: Callable[[Run], None]
) -> None:
    """While the page is made: what is in its shards is looked at again, and what is said of others is on a list."""
    checkpoint.begin(run)

    def shown(output: str, *facts: Any) -> bytes:
        before = toy.contents(output)
        tamper(run)
        try:
            return report(output, *facts)
        finally:
            for path, data in before.items():
                storage.write_bytes(output, path, data)

    with pytest.raises(UserError, match="is not what was written"):
        checkpoint.finish(run, shown)
    path = f"quarantine/{shard(run)}.parquet"
    held = [
        replace(row, reason="JANE ROE", remedy="ask JANE ROE")
        for row in rows_of(run, "quarantine", QuarantineRow)
    ]
    pq.write_table(to_table(held, QuarantineRow), f"{run.output}/{path}")
    assert b"JANE ROE" not in report(run.output, json.loads(storage.read_bytes(run.output, "dataset.json")))


def test_nor_what_older_code_made(run: Run) -> None:
    checkpoint.begin(run)
    a_shard_of_older_code(run)
    with pytest.raises(UserError, match="that other code made"):
        checkpoint.finish(run)


def upgraded(run: Run) -> Run:
    return replace(run, made_by={"code": 64 * "a", "weights": 64 * "b"})


def test_after_an_upgrade_what_was_finished_stays(run: Run) -> None:
    before = toy.contents(run.output)
    checkpoint.begin(upgraded(run))
    checkpoint.finish(upgraded(run))
    assert toy.contents(run.output) == before


@pytest.mark.parametrize("without", ["dataset.dsse.json", "shards.jsonl"])
def test_after_an_upgrade_what_no_finished_dataset_lists_is_made_anew(run: Run, without: str) -> None:
    storage.delete(run.output, [without])
    checkpoint.begin(upgraded(run))
    assert checkpoint.missing(run.plan, run.output).size == 12


def test_an_untouched_dataset_stays_as_it_is(run: Run) -> None:
    before = toy.contents(run.output)
    checkpoint.begin(run)
    checkpoint.finish(run)
    assert toy.contents(run.output) == before


def test_nothing_is_signed_that_somebody_wrote_into_the_head(run: Run) -> None:
    made = json.loads(storage.read_bytes(run.output, "dataset.json"))
    forged = made | {"note": "JANE ROE", "licence_notes": ["free for all"], "recast_version": "JANE ROE"}
    forged["forgotten"] = ["JANE ROE"]
    storage.write_bytes(run.output, "dataset.json", json.dumps(forged).encode())
    checkpoint.begin(run)
    assert checkpoint.finish(run) == made | {"revision": 2}


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("by", [None, Keyed(steering_key(b"a stranger's"))])
def test_a_reviewers_word_counts_only_if_it_is_vouched_for(run: Run, signed: bool, by: Keyed | None) -> None:
    """Else who can write in the output has a clip released that a gate refused: its digest stands in the quarantine.
    Of a run that nobody signs the plan's key tells."""
    word = [Step("accept", "fine", "somebody", "0" * 64, ["copy"])]
    run = replace(run, signer=run.signer if signed else None, keyed=Keyed(steering_key(b"the plan's")))
    owner, other = Ladder(output=run.output, signer=run.vouching), Ladder(output=run.output, signer=by)
    owner.write(7, word)
    assert owner.steps(7) == word
    other.write(7, word)
    assert owner.steps(7) == []
    owner.write(8, word)
    made = storage.read_bytes(run.output, f"escalation/{8:016x}.json")
    storage.write_bytes(run.output, f"escalation/{7:016x}.json", made)
    assert owner.steps(7) == []


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    "junk", [b"", b"[{", b"[]", b"null", b"{}", b'{"steps": 1}', b'{"steps": [NaN]}', b"\xff", b"[" * 99999]
)
def test_no_clip_is_lost_by_what_somebody_writes_in_place_of_its_steps(
    run: Run, signed: bool, junk: bytes
) -> None:
    run = replace(run, signer=run.signer if signed else None, keyed=Keyed(steering_key(b"the plan's")))
    storage.write_bytes(run.output, f"escalation/{7:016x}.json", junk)
    assert Ladder(output=run.output, signer=run.vouching).steps(7) == []


@pytest.mark.parametrize("tamper", [a_flipped_bit, an_original_as_conditioning])
def test_without_a_signer_damage_is_found_and_a_forgery_is_not(
    tmp_path: Path, tamper: Callable[[Run], None]
) -> None:
    """What still holds: digests. Signatures are what tells who made them."""
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 12)
    run = toy.run_of(f"{tmp_path}/plan", f"{tmp_path}/out")
    tamper(run)
    checkpoint.begin(run)
    missing = checkpoint.missing(Plan(f"{tmp_path}/plan"), run.output)
    assert np.array_equal(missing, [0, 1, 2, 3] if tamper is a_flipped_bit else [])


def test_a_late_commit_displaces_nothing_that_is_in_the_list(run: Run) -> None:
    """As by a worker that outlives its run: its shard may even come first by name."""
    assert run.signer
    before, name = toy.contents(run.output), shard(run)
    late = "0" * 32 + "-00000000"
    for path in [path for path in before if name in path]:
        storage.write_bytes(run.output, path.replace(name, late), before[path])
    stats = json.loads(before[f"stats/{name}.json"].replace(name.encode(), late.encode()))
    del stats["signature"]
    stats["signature"] = run.signer.sign("shard", stats)
    storage.write_bytes(run.output, f"stats/{late}.json", json.dumps(stats).encode())
    checkpoint.begin(run)
    checkpoint.finish(run)
    assert toy.contents(run.output) == before
