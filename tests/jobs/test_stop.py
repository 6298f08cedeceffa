"""A run that is told to stop: one line, no traceback, nothing held against a clip, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators import storage
from tests.jobs import here
from tests.jobs.small import ROOT, cut_video, settings


@pytest.fixture(autouse=True)
def _obeyed() -> Iterator[None]:
    """Tests that a shell runs in the background ignore SIGINT, and so would the jobs that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments that run a plan of three clips; the output is to be named."""
    folder = tmp_path_factory.mktemp("stop")
    plan, options = f"{folder}/plan", settings(folder)
    done = here.job("plan", str(cut_video(folder / "a.mp4", 13)), "--plan", plan, *options)
    assert done.returncode == 0, done.stderr
    return ["--plan", plan, *options]


@pytest.mark.parametrize(
    ("command", "order"), [("jobs.anonymize", signal.SIGTERM), ("tests.jobs.slow_stages", signal.SIGINT)]
)
def test_an_order_to_stop_is_obeyed_and_counts_against_no_clip(
    planned: list[str], tmp_path: Path, command: str, order: signal.Signals
) -> None:
    """Once with the real stages: to load them is most of what such a run takes."""
    out, pipe = f"{tmp_path}/out", subprocess.PIPE
    words = [sys.executable, "-m", command, *planned, "--output", out]
    run = subprocess.Popen(words, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    while not storage.list_files(f"{out}/attempts") and run.poll() is None:
        time.sleep(0.1)
    os.kill(run.pid, order)
    said, error = run.communicate(timeout=240)
    assert run.returncode == 130, error
    assert "stopped: " in error and " of 3 clips are in " in error and "Traceback" not in said + error, (
        said + error
    )
    assert "__ray_terminate__" not in said, "a worker that is let go of has not failed"
    assert storage.list_files(f"{out}/attempts") == {} and "lease.json" not in storage.list_files(out)


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "command", ["jobs.plan", "jobs.anonymize", "jobs.verify", "jobs.evaluate", "jobs plan"]
)
def test_a_job_that_is_still_being_loaded_ends_with_one_line(
    tmp_path: Path, command: str, order: signal.Signals
) -> None:
    """Its libraries take seconds, on a busy machine many."""
    (tmp_path / "pyarrow").mkdir()
    # Not one long sleep: an order that comes just before a sleep is seen after it.
    (tmp_path / "pyarrow/__init__.py").write_text(
        "import time\nprint('loading', flush=True)\nfor _ in range(600):\n    time.sleep(0.1)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    run = subprocess.Popen(
        [sys.executable, "-m", *command.split(), "--help"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout and run.stdout.readline() == "loading\n"
    os.kill(run.pid, order)
    said, error = run.communicate(timeout=60)
    assert (said, error) == ("", "stopped: nothing was begun; the same command begins it\n")
    assert run.returncode == 130


TIDYING = """
import atexit, time
from argparse import ArgumentParser
from jobs import options

def tidy():
    print("tidying", flush=True)
    time.sleep(2)
    print("tidy", flush=True)

atexit.register(tidy)
options.run(lambda arguments: 0, ArgumentParser())
"""


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_is_done_tidies_up_whatever_it_is_told(order: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", TIDYING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout and run.stdout.readline() == "tidying\n"
    os.kill(run.pid, order)
    assert run.communicate(timeout=60) == ("tidy\n", "") and run.returncode == 0
