"""Verify finds every kind of tampering, says where, and leaves what is whole alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.verify import other_settings, read, verify
from operators import storage
from operators.recovery.escalation import Ladder
from schemas import __version__
from schemas.arrow import from_table, to_table
from schemas.certificate import Step
from schemas.errors import UserError
from schemas.manifest import ManifestRow
from tests.cluster import toy
from tests.jobs.small import job

pytestmark = pytest.mark.usefixtures("cluster", "shards_here")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished dataset `out` of 12 clips in 3 shards, which nobody signed."""
    folder = tmp_path_factory.mktemp("verify")
    toy.write_output(f"{folder}/plan", f"{folder}/out", 12)
    return folder


def problems(dataset: Path) -> list[str]:
    return [
        f"{breach.where}: {breach.problem}" for breach in verify(str(dataset), read(str(dataset))).breaches
    ]


def first(dataset: Path, folder: str) -> Path:
    return min((dataset / folder).iterdir())


def test_a_finished_dataset_has_no_breach(dataset: Path) -> None:
    assert problems(dataset) == []


def flip_a_byte_of_a_tar(dataset: Path) -> None:
    path = first(dataset, "shards")
    data = bytearray(path.read_bytes())
    data[1500] ^= 1  # inside the first member's bytes
    path.write_bytes(data)


def remove_a_tar(dataset: Path) -> None:
    first(dataset, "shards").unlink()


def remove_a_whole_shard(dataset: Path) -> None:
    name = first(dataset, "stats").stem
    for path in dataset.rglob(f"{name}.*"):
        path.unlink()


def remove_stats(dataset: Path) -> None:
    first(dataset, "stats").unlink()


def duplicate_a_manifest_row(dataset: Path) -> None:
    path = first(dataset, "manifest")
    rows = from_table(pq.read_table(path), ManifestRow)
    pq.write_table(to_table([*rows, rows[0]], ManifestRow), path)


def call_a_failed_clip_released(dataset: Path) -> None:
    path = first(dataset, "manifest")
    rows = from_table(pq.read_table(path), ManifestRow)
    pq.write_table(to_table([replace(row, verdict="released") for row in rows], ManifestRow), path)


def copy_a_shard(dataset: Path) -> None:
    name = first(dataset, "stats").stem
    for path in list(dataset.rglob(f"{name}.*")):
        data = path.read_bytes()
        if path.suffix == ".json":
            data = data.replace(name.encode(), ("f" * 32 + "-00000000").encode())
        (path.parent / f"{'f' * 32}-00000000{path.suffix}").write_bytes(data)


def add_a_stray_tar(dataset: Path) -> None:
    (dataset / "shards/original.tar").write_bytes(first(dataset, "shards").read_bytes())


def leave_an_original_behind(dataset: Path) -> None:
    (dataset / "source.mp4").write_bytes(b"people")


def cut_a_manifest(dataset: Path) -> None:
    path = first(dataset, "manifest")
    path.write_bytes(path.read_bytes()[:-20])


def cut_stats(dataset: Path) -> None:
    path = first(dataset, "stats")
    path.write_bytes(path.read_bytes()[:40])


def alter_the_counts(dataset: Path) -> None:
    header = json.loads((dataset / "dataset.json").read_text())
    header["released"]["clips"] += 1
    (dataset / "dataset.json").write_text(json.dumps(header))


def stop_half_way(dataset: Path) -> None:
    header = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps(header | {"state": "running"}))


def number_the_version(dataset: Path) -> None:
    header = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps(header | {"recast_version": 0.1}))


def leave_a_pending_record(dataset: Path) -> None:
    path = first(dataset, "checkpoint")
    path.rename(path.with_suffix(".pending.parquet"))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (flip_a_byte_of_a_tar, "not what was written"),
        (remove_a_tar, "is missing"),
        (remove_a_whole_shard, "12 clips were planned, not the 8"),
        (remove_stats, "is missing"),
        (duplicate_a_manifest_row, "is there more than once"),
        (call_a_failed_clip_released, "not what was written"),
        (copy_a_shard, "is there more than once"),
        (add_a_stray_tar, "shards/original.tar: belongs to no shard"),
        (leave_an_original_behind, "source.mp4: belongs to no shard"),
        (cut_a_manifest, "cannot be read"),
        (cut_stats, "cannot be read"),
        (alter_the_counts, "states released"),
        (stop_half_way, "has not finished"),
        (number_the_version, "recast_version that is no text"),
        (leave_a_pending_record, "pending.parquet: belongs to no shard"),
    ],
)
def test_tampering_is_found(dataset: Path, tamper: Callable[[Path], None], found: str) -> None:
    tamper(dataset)
    assert any(found in problem for problem in problems(dataset))


def test_the_version_stands_in_it(dataset: Path) -> None:
    assert json.loads((dataset / "dataset.json").read_text())["recast_version"] == __version__


def test_what_a_run_under_way_keeps_is_its_own_and_of_a_finished_one_is_a_breach(dataset: Path) -> None:
    """Rungs of the ladder and marks of attempts lie in the output while clips are worked on."""
    step = Step("larger mask", "audit: gate failed: copy")
    Ladder(["larger mask"], str(dataset)).write(3, [step])
    storage.write_bytes(str(dataset), "attempts/0000000000000003.audit.1", b"")
    found = problems(dataset)
    assert len(found) == 4 and all("belongs to no" in problem for problem in found)  # and their folders
    stop_half_way(dataset)
    assert problems(dataset) == [f"{dataset}/dataset.json: says that the run has not finished"]
    storage.write_bytes(str(dataset), "escalation/deeper/original.mp4", b"people")
    assert any("escalation/deeper/original.mp4: belongs to no" in problem for problem in problems(dataset))


def test_no_dataset_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no dataset to verify"):
        read(str(tmp_path))


def test_other_settings_than_demanded(dataset: Path) -> None:
    made = read(str(dataset))
    assert other_settings(made, toy.PROFILE, toy.POLICY) == []
    lax = toy.POLICY.model_copy(update={"variant": "structall"})
    assert [breach.problem for breach in other_settings(made, toy.PROFILE, lax)] == [
        "names another policy than driving"
    ]
    for name in ("profile", "policy"):
        called = made | {name: made[name] | {"name": "strict"}}
        assert len(other_settings(called, toy.PROFILE, toy.POLICY)) == 1


def test_the_command_tells_by_its_exit_status(dataset: Path) -> None:
    add_a_stray_tar(dataset)
    bad = job("verify", str(dataset))
    assert bad.returncode == 1
    assert "shards/original.tar" in bad.stdout and "must not be published" in bad.stdout
    none = job("verify", str(dataset / "nowhere"))
    assert none.returncode == 2
    assert "nowhere" in none.stderr and "Traceback" not in none.stderr
