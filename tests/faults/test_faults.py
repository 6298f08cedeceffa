"""Exactly once, whatever dies: a job on two nodes, its source and output in an object store, and random faults.

Once in every test run; `make faults ROUNDS=20` does it in so many orders, and uses up memory and disk.
"""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from operators import storage
from tests.cluster import toy
from tests.s3 import BUCKET, Server, serve

ROUNDS = int(os.environ.get("RECAST_FAULT_ROUNDS", "0"))
CLIPS = 80 if ROUNDS else 40
SECONDS = 24 / CLIPS  # of a clip in each stage: long enough for all faults
thorough = pytest.mark.skipif(not ROUNDS, reason="takes minutes: make faults")
OUTAGE = 20  # s


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A store of its own, as it will be taken away."""
    with serve(tmp_path) as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


@contextmanager
def running(
    plan: str,
    output: str,
    pids: Path | None,
    log: Path,
    eater: int = -1,
    payload: int = 0,
    seconds: float = SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """The job; whatever is left of its cluster is gone at the end."""
    command = [
        sys.executable,
        "-m",
        "tests.faults.job",
        plan,
        output,
        str(seconds),
        str(pids or ""),
        str(eater),
        str(payload),
    ]
    if pids:
        pids.unlink(missing_ok=True)
    with log.open("a") as file:
        job = subprocess.Popen(command, cwd=toy.ROOT, stdout=file, stderr=file)
    family: list[psutil.Process] = []
    try:
        yield job
    finally:
        if job.poll() is None:
            family = psutil.Process(job.pid).children(recursive=True)
            job.kill()
        job.wait()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def kill_worker(job: subprocess.Popen[bytes], title: str) -> None:
    """SIGKILL a process that Ray shows under `title`, as soon as there is one."""
    while job.poll() is None:
        for process in psutil.Process(job.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if title in " ".join(process.cmdline()):
                    process.kill()
                    return
        time.sleep(0.02)
    raise AssertionError(f"nothing was seen to run {title}")


def is_committed(path: str) -> bool:
    return bool(re.fullmatch(r"checkpoint/\w+-\d+\.parquet", path))


def wait_for_commits(output: str, count: int, job: subprocess.Popen[bytes]) -> None:
    while sum(map(is_committed, storage.list_files(output))) < count:
        assert job.poll() is None, "the job ended"
        time.sleep(0.1)


@pytest.mark.timeout(1800)  # two minutes on an idle machine; beside other work its waits take what they take
@pytest.mark.parametrize("seed", range(max(ROUNDS, 1)))
def test_whatever_dies_every_clip_ends_once(server: Server, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    plan, output, pids = f"s3://{BUCKET}/plan", f"s3://{BUCKET}/out", tmp_path / "pids"
    toy.write_plan(plan, CLIPS)

    def lose_a_node() -> None:
        os.kill(int(pids.read_text()), 9)

    def lose_the_store() -> None:
        server.stop()
        time.sleep(OUTAGE)
        server.start()

    with running(plan, output, pids, tmp_path / "log") as job:
        wait_for_commits(output, 1, job)
        faults: list[Callable[[], None]] = [
            lambda: kill_worker(job, "MapBatches(Condition)"),
            lambda: kill_worker(job, "MapBatches(Regenerate)"),
            lambda: kill_worker(job, "MapBatches(Audit)"),
            lambda: kill_worker(job, "ray::Write"),
            lose_a_node,
            lose_the_store,
        ]
        chance.shuffle(faults)
        for fault in faults:
            time.sleep(chance.uniform(0, 3))
            assert job.poll() is None, (tmp_path / "log").read_text()[-3000:]
            fault()
        time.sleep(chance.uniform(0, 3))
        assert job.poll() is None, "it was to be killed before its end"
    finished = committed(output)
    # To which nothing is to happen, on one node: the cluster that it was begun on is gone.
    with running(plan, output, None, tmp_path / "log", seconds=0.05) as job:
        assert job.wait() == 0, (tmp_path / "log").read_text()[-3000:]
    toy.assert_complete(output, CLIPS)
    assert {path: storage.read_bytes(output, path) for path in finished} == finished
    assert json.loads(storage.read_bytes(output, "dataset.json"))["state"] == "complete"


@thorough
def test_a_clip_that_eats_memory_is_recorded_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray ends the worker before the machine has none left; here, 3 GiB from now."""
    memory = psutil.virtual_memory()
    limit = (memory.total - memory.available + (3 << 30)) / memory.total
    assert limit < 1, "this test needs 3 GiB of free memory"
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{limit:.3f}")
    plan, output, log = f"{tmp_path}/plan", f"{tmp_path}/out", tmp_path / "log"
    toy.write_plan(plan, 8)
    with running(plan, output, tmp_path / "pids", log, eater=6) as job:
        assert job.wait() == 0, log.read_text()[-3000:]
    ended = {row["clip_id"]: row for row in toy.manifest(output)}
    assert (ended[6]["verdict"], ended[6]["stage"]) == ("failed", "regenerate")
    assert "3 attempts ended with the worker" in str(ended[6]["reason"])
    assert [ended[number]["verdict"] for number in (2, 3, 4, 5, 7)] == ["released"] * 5


@thorough
def test_a_full_spill_disk_costs_no_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of four clips neither fits into Ray's memory nor onto the disk; then each goes alone."""
    monkeypatch.setenv("RAY_local_fs_capacity_threshold", "0.0001")
    plan, output, log = f"{tmp_path}/plan", f"{tmp_path}/out", tmp_path / "log"
    toy.write_plan(plan, 8)
    with running(plan, output, tmp_path / "pids", log, payload=35) as job:
        assert job.wait() == 0, log.read_text()[-3000:]
    assert "OutOfDiskError" in log.read_text()
    toy.assert_complete(output, 8)


def committed(output: str) -> dict[str, bytes]:
    """Every file of every shard that is committed by now."""
    paths = list(storage.list_files(output))
    names = [path.split("/")[1].removesuffix(".parquet") for path in paths if is_committed(path)]
    return {
        path: storage.read_bytes(output, path) for path in paths if any(f"/{name}." in path for name in names)
    }
