"""Whatever stands in an output's JSON, jobs say so, or make anew what it was of: none ends by it, none is led by it."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster.ledger import checkpoint, lease
from cluster.ledger.events import Events
from cluster.ledger.failure_budget import _Watch
from jobs.status import status
from jobs.verify import Proof, read, verify
from operators.release import attestation, json_form
from operators.release.layout import LEASE
from operators.release.signature import Signer
from operators.release.stats_form import well_formed
from schemas.errors import UserError
from tests.cluster import toy
from tests.keys import make_key

VALUES: list[Any] = [None, [[]], {"a": {}}, -1, True, float("inf"), float("nan"), 10**400, "\ud800"]
FILES = [b"", b"[", b"[]", b"1", b"[" * 99999, b'{"a":' * 99999, b"\xff\xfe", b"9" * 5000, b"{}", b"1e999"]


@pytest.fixture(scope="module", params=["signed", "unsigned"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Signer | None]:
    """A folder with a plan and a finished dataset `out`, and who signed it."""
    folder = tmp_path_factory.mktemp(request.param)
    signer = Signer.of_file(str(make_key(folder / "key.pem"))) if request.param == "signed" else None
    toy.write_output(f"{folder}/plan", f"{folder}/out", 4, signer=signer)
    return folder, signer


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths to all that a JSON value holds; of a list to the first."""
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from places(one, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def with_value(text: bytes, path: tuple[str | int, ...], value: Any) -> bytes:
    made = json.loads(text)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if path:
        inner[path[-1]] = value
    return json.dumps(made if path else value, indent=1, sort_keys=True).encode() + b"\n"


def changed(data: bytes) -> Iterator[bytes]:
    yield from FILES
    for number, path in enumerate(places(json.loads(data))):
        for value in (VALUES[number % len(VALUES)], VALUES[(number + 4) % len(VALUES)]):
            yield with_value(data, path, value)


def tried(act: Callable[[], object]) -> object:
    """What it gives, None if it tells the user what is wrong. Nothing else may be raised."""
    try:
        return act()
    except UserError:
        return None


@pytest.mark.parametrize("name", ["dataset.json", "dataset.dsse.json", "shards.jsonl", "stats"])
def test_no_job_ends_by_what_it_reads(
    whole: tuple[Path, Signer | None], tmp_path: Path, shards_here: None, name: str
) -> None:
    folder, signer = whole
    key, out = signer.public_key if signer else "", tmp_path / "out"

    (path,) = (folder / "out").glob("stats/*" if name == "stats" else name)
    data, run = path.read_bytes(), toy.run_of(f"{folder}/plan", str(out), signer)
    for forged in changed(data):
        if forged == data:
            continue
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(folder / "out", out)
        (out / path.relative_to(folder / "out")).write_bytes(forged)
        proof = tried(lambda: verify(str(out), read(str(out)), key, 0))
        assert proof is None or (isinstance(proof, Proof) and proof.breaches), forged
        tried(lambda: status(str(out), datetime.now(UTC)))
        tried(lambda: checkpoint.finish(run))
        tried(lambda: checkpoint.begin(run))
    ray.data.DataContext.get_current().checkpoint_config = None


@pytest.mark.parametrize("none", [{}, "", 0, None, False, [{}], [[]]])
def test_nothing_else_stands_for_no_signature(none: object) -> None:
    data = attestation.seal(attestation.statement({"dataset.json": "0" * 64}, 1), None)
    assert attestation.opened(data, "")[2]
    with pytest.raises(ValueError, match="not a statement"):
        attestation.opened(with_value(data, ("signatures",), none), "")


def test_no_shard_keeps_others_from_being_counted(tmp_path: Path) -> None:
    """While clips are worked on, too: what watches over how much fails, and over the disk, does not end by one."""
    (name,) = toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 4)
    stats = tmp_path / "out/stats"
    data = (stats / f"{name}.json").read_bytes()
    for number, forged in enumerate(changed(data)):
        if not well_formed(parsed(forged)):
            (stats / f"{'0' * 32}-{number:08d}.json").write_bytes(forged)
    assert len(list(stats.iterdir())) > 50
    watch = _Watch(toy.POLICY.failures, f"{tmp_path}/out", Events(f"{tmp_path}/out"))
    watch._count()
    assert watch.budget.done.clips("planned") == 4


def parsed(data: bytes) -> object:
    try:
        return json_form.parsed(data)
    except ValueError:
        return None


def test_no_lease_is_anybodys_for_ever(tmp_path: Path) -> None:
    due = lease._written("another", 60)
    values = [*VALUES, "9" * 5000, 1e300, -1e300]
    strange = [with_value(due, (field,), value) for field in json.loads(due) for value in values]
    for data in [*FILES, *strange]:
        (tmp_path / LEASE).write_bytes(data)
        assert tried(lambda: lease.require(str(tmp_path), "own")) is None
        owner, until = lease.standing(str(tmp_path))
        assert owner and 0 <= until <= time.time() + 2 * lease.LASTS
        with pytest.raises(UserError, match="is being written by another run"):
            lease._refuse_other(str(tmp_path), "own", mine=True)
