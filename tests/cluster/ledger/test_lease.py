"""Two runs on one output: the second says so and stops; who lost the lease writes nothing more."""

import errno
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from ray.data.block import BlockAccessor

from cluster.ledger import checkpoint, lease
from cluster.ledger.datasink import ShardSink
from operators import storage
from operators.release.layout import LEASE
from schemas.arrow import to_table
from schemas.clip import FailedClip, QuarantinedClip, ReleasedClip
from schemas.errors import UserError
from tests.cluster import toy


def test_a_second_run_says_so_and_the_next_may(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PAUSE", 0.1)
    with lease.held(place) as owner:
        lease.require(place, owner)
        with pytest.raises(UserError, match="is being written by another run"), lease.held(place):
            raise AssertionError("both")
        lease.require(place, owner)
    assert LEASE not in storage.list_files(place)
    with lease.held(place) as later:
        assert later != owner


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    def enter(_: int) -> bool:
        try:
            with lease.held(str(tmp_path)):
                time.sleep(1)
            return True
        except UserError:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(enter, range(8))) == 1


def test_a_run_that_lives_keeps_it_and_one_that_died_loses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = str(tmp_path)
    monkeypatch.setattr(lease, "PAUSE", 0.1)
    with lease.held(output, lasts=1.0, renewed=0.1):
        time.sleep(1.5)
        with pytest.raises(UserError), lease.held(output):
            raise AssertionError("both")
    late = {"owner": "dead", "until": time.time() - 1, "place": "elsewhere", "process": 1}
    storage.write_bytes(output, LEASE, json.dumps(late).encode())
    with lease.held(output):
        assert b"dead" not in storage.read_bytes(output, LEASE)
    storage.write_bytes(output, LEASE, b"half a li")
    with pytest.raises(UserError), lease.held(output):
        raise AssertionError("taken from somebody who was just writing it")


@pytest.mark.skipif(not lease._here(), reason="no /proc")
def test_one_that_was_killed_here_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PAUSE", 0.1)
    code = "import os, sys; from cluster.ledger import lease\n"
    code += "held = lease.held(sys.argv[1]); held.__enter__(); os._exit(1)"
    for place in ("", "elsewhere"):
        output = f"{tmp_path}/{place or 'here'}"
        subprocess.run([sys.executable, "-c", code, output], cwd=toy.ROOT, check=False)
        held = json.loads(storage.read_bytes(output, LEASE))
        if place:  # where nobody can see if it lives
            storage.write_bytes(output, LEASE, json.dumps(held | {"place": place}).encode())
            with pytest.raises(UserError), lease.held(output):
                raise AssertionError("taken from a run on another machine")
        else:
            with lease.held(output) as owner:
                assert owner != held["owner"]


def test_who_lost_it_commits_nothing_and_finishes_nothing(tmp_path: Path) -> None:
    output = f"{tmp_path}/out"
    toy.write_output(f"{tmp_path}/plan", output, 4)
    run = replace(toy.run_of(f"{tmp_path}/plan", output), lease="mine")
    other = json.dumps({"owner": "another", "until": time.time() + 60, "place": "", "process": 1}).encode()
    storage.write_bytes(output, LEASE, other)
    before = toy.contents(output)
    with pytest.raises(UserError, match="was taken over by another run"):
        checkpoint.finish(run)
    rows = to_table([toy.ended(toy.make_ref(2))], ReleasedClip, QuarantinedClip, FailedClip)
    assert isinstance(rows, pa.Table)
    task = SimpleNamespace(kwargs={"write_uuid": "a" * 32}, task_idx=0)
    with pytest.raises(UserError, match="was taken over by another run"):
        ShardSink(output, owner="mine").write_block(BlockAccessor.for_block(rows), 0, task)
    assert toy.contents(output) == before


@pytest.mark.parametrize("until", ["1e300", "Infinity", "NaN", '"tomorrow"', "[]", "1e12"])
def test_a_lease_that_never_ends_is_none_that_a_run_has_written(tmp_path: Path, until: str) -> None:
    """It is refused in a sentence, as what cannot be read is, and not by a clock that has no such date."""
    written = f'{{"owner": "x", "until": {until}, "place": "elsewhere", "process": 1}}'
    storage.write_bytes(str(tmp_path), LEASE, written.encode())
    with pytest.raises(UserError, match="is being written by another run"), lease.held(str(tmp_path)):
        raise AssertionError("taken")


def test_an_expired_run_that_goes_on_commits_nothing_and_the_other_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was silent for too long, was taken over, and wakes up while its shard is on the way."""
    monkeypatch.setattr(lease, "PAUSE", 0.01)
    plan, output = f"{tmp_path}/plan", f"{tmp_path}/out"
    toy.write_output(plan, output, 4)
    rows = to_table([toy.ended(toy.make_ref(2))], ReleasedClip, QuarantinedClip, FailedClip)
    task = SimpleNamespace(kwargs={"write_uuid": "0" * 32}, task_idx=0)
    with lease.held(output, lasts=0.05, renewed=60) as expired:
        time.sleep(0.1)
        with lease.held(output) as owner:
            sink = ShardSink(output, owner=expired)
            with pytest.raises(UserError, match="was taken over by another run"):
                sink.write_block(BlockAccessor.for_block(rows), 0, task)
            # Between its last look and Ray's commit it loses the lease: the files lie there, and the commit comes late.
            looks = iter([None])
            monkeypatch.setattr(lease, "require", lambda *_: next(looks, None))
            sink.write_block(BlockAccessor.for_block(rows), 0, task)
            monkeypatch.undo()
            record = storage.read_bytes(output, sorted(storage.list_files(output))[0])
            storage.write_bytes(output, f"checkpoint/{'0' * 32}-00000000.parquet", record)
            before = {path: data for path, data in toy.contents(output).items() if "0" * 32 not in path}
            run = replace(toy.run_of(plan, output), lease=owner)
            checkpoint.begin(run)
            checkpoint.finish(run)
            after = toy.contents(output)
            assert {path: after[path] for path in before if path != LEASE} == {
                path: data for path, data in before.items() if path != LEASE
            }
            assert [path for path in after if "0" * 32 in path] == []


@pytest.mark.parametrize("held", [b"", b"{", b"\xff", b"[]", b'{"until": 1e12}', b'{"owner": "x"}'])
def test_what_no_run_has_written_is_waited_for_as_long_as_a_run_that_died(
    tmp_path: Path, held: bytes
) -> None:
    """A machine that goes down, or a disk that is full, leaves it empty; a clock that was wrong, far ahead."""
    path = tmp_path / LEASE
    path.write_bytes(held)
    with pytest.raises(UserError, match=rf"by another run.*\. If no run works there, remove its {LEASE}"):
        lease._refuse_other(str(tmp_path), "own")
    until = lease.standing(str(tmp_path))[1]
    time.sleep(0.05)
    assert lease.standing(str(tmp_path))[1] == until, "it ends when it was said to"
    os.utime(path, (0, time.time() - lease.LASTS - 1))
    assert lease._refuse_other(str(tmp_path), "own") == "?"
    os.utime(path, (0, time.time() + 9 * lease.LASTS))  # by a clock that is ahead
    assert lease.standing(str(tmp_path))[1] <= time.time() + lease.LASTS


@pytest.mark.skipif(not lease._here(), reason="no /proc")
@pytest.mark.parametrize("until", [0.0, 60.0, 1e9, -1e9])
def test_whose_process_is_gone_is_not_waited_for_whatever_its_clock_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: float
) -> None:
    monkeypatch.setattr(lease, "PAUSE", 0.01)
    with subprocess.Popen(["true"]) as process:
        process.wait()
    held = {"owner": "x", "until": time.time() + until, "place": lease._here(), "process": process.pid}
    (tmp_path / LEASE).write_text(json.dumps(held))
    with lease.held(str(tmp_path)) as owner:
        lease.require(str(tmp_path), owner)


def test_a_process_of_somebody_else_lives_though_proc_hides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(process: int, signal: int) -> None:
        raise PermissionError

    assert lease._lives(os.getpid()) and not lease._lives(0) and not lease._lives(-1)
    monkeypatch.setattr(os, "kill", refused)
    assert lease._lives(123456)


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling", "to a folder"])
def test_what_is_no_file_in_its_place_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / LEASE
    make: dict[str, Callable[[], object]] = {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "dangling": lambda: path.symlink_to(tmp_path / "nothing"),
        "to a folder": lambda: path.symlink_to(tmp_path),
    }
    make[kind]()
    with pytest.raises(UserError, match=rf"{LEASE}: is no file.* remove it"), lease.held(str(tmp_path)):
        raise AssertionError("taken")


def test_no_half_of_one_is_left_by_a_full_disk_and_a_file_is_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be reached"), lease.held(f"{tmp_path}/file"):
        raise AssertionError("taken")

    class Full(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open", lambda file, *_, **__: Full(file, "wb"))
    with pytest.raises(UserError, match="without room"), lease.held(f"{tmp_path}/out"):
        raise AssertionError("taken")
    monkeypatch.undo()
    with lease.held(f"{tmp_path}/out"):
        pass


def test_a_run_whose_lease_was_removed_stops_and_says_so(tmp_path: Path) -> None:
    with lease.held(str(tmp_path), renewed=0.01) as owner:
        (tmp_path / LEASE).unlink()
        time.sleep(0.05)
        with pytest.raises(UserError, match=f"lost its {LEASE}"):
            lease.require(str(tmp_path), owner)
        assert not (tmp_path / LEASE).exists(), "and takes it from nobody"
