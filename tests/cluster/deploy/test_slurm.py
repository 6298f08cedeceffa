"""The Slurm script runs, with stand-ins for Slurm, Ray and Python that write down how they are called."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cluster.ledger.plans import Plan
from tests.cluster.deploy.test_deploy import parse

SCRIPT = Path(__file__).parents[3] / "cluster/deploy/slurm/anonymize.sbatch"
# Of sbatch's manual (Slurm 24.11), what a script of this kind may ask for.
KNOWN = {
    *(
        "array",
        "constraint",
        "cpus-per-task",
        "exclusive",
        "gpus-per-node",
        "job-name",
        "mem",
        "no-kill",
        "nodes",
    ),
    *("ntasks-per-node", "open-mode", "output", "partition", "requeue", "signal", "time", "tmp"),
}
STAND_INS = {
    # Slurm would start it on each of the nodes that are named: here it is this machine.
    "srun": 'echo "srun $*" >> "$LOG"; while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    "scontrol": 'echo "scontrol $*" >> "$LOG"; [[ "$1" != show ]] || printf "localhost\\nlocalhost\\n"',
    "ray": 'echo "ray $* token=${RAY_AUTH_TOKEN:+set}" >> "$LOG"; [[ "$FAILS" != ray ]] || exit 1\n'
    '[[ "$1" != start ]] || exec sleep 60',
    # Jobs begin when all nodes have, as otherwise the end might come before a node's beginning.
    "python": '[[ "$1" != -c ]] || exec "$PYTHON" "$@"\n'
    'until [[ "$(grep -c "^ray start" "$LOG")" == 2 ]]; do sleep 0.05; done\n'
    'echo "python $*" >> "$LOG"; [[ "$*" != *"$FAILS"* ]] || exit 1; [[ -z "$HANGS" ]] || exec sleep 60',
}


class Batch(NamedTuple):
    """A batch script under way, and the log of its stand-ins."""

    process: subprocess.Popen[str]
    log: Path
    spill: Path

    def lines(self, beginning: str) -> list[list[str]]:
        """Of all calls those that begin so, in order."""
        text = self.log.read_text() if self.log.exists() else ""
        return [shlex.split(line) for line in text.splitlines() if line.startswith(beginning)]


Start = Callable[..., Batch]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts the script as Slurm would, on two nodes; keywords are more variables of its environment."""
    for name, body in STAND_INS.items():
        stand_in = tmp_path / ".venv/bin" / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(f"#!/bin/bash\n{body}\n")
        stand_in.chmod(0o755)
    log, spill = tmp_path / "log", tmp_path / "spill"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "LOG": str(log),
        "FAILS": "none",
        "HANGS": "",
        "PLAN": "s3://recast-plans/dataset",
        "OUTPUT": "s3://anonymized/dataset/",
        "RECAST_SPILL": str(spill),
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_CPUS_PER_TASK": "64",
        "SLURM_GPUS_ON_NODE": "8",
    }

    def run(*arguments: str, **more: str) -> Batch:
        process = subprocess.Popen(
            ["bash", SCRIPT, *arguments], env=environment | more, text=True, stderr=subprocess.PIPE
        )
        return Batch(process, log, spill)

    return run


def test_the_script_is_sound_and_asks_for_known_things() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    linted = subprocess.run([shellcheck, SCRIPT], check=False, capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, "")
    asked = re.findall(r"^#SBATCH --([a-z-]+)(?:=\S+)?$", SCRIPT.read_text(), re.MULTILINE)
    assert len(asked) == SCRIPT.read_text().count("#SBATCH")
    assert set(asked) <= KNOWN
    assert {"requeue", "signal"} <= set(asked)


def test_it_starts_a_cluster_of_all_nodes_anonymizes_and_verifies(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = start("--set", "pools.regenerate.actors=16")
    assert batch.process.wait() == 0, batch.process.stderr and batch.process.stderr.read()
    assert all("--cpus-per-task=64" in step for step in batch.lines("srun") if "ray" in step)
    head, worker = sorted(batch.lines("ray start"), key=lambda line: "--head" not in line)
    assert "--head" in head
    assert "--head" not in worker
    for line in (head, worker):
        assert {"--num-cpus=64", "--num-gpus=8", "--block", "token=set"} <= set(line)
        assert any(option.startswith(f"--object-spilling-directory={batch.spill}") for option in line)
    port = next(option for option in head if option.startswith("--port="))[len("--port=") :]
    assert any(re.fullmatch(rf"--address=[\d.]+:{port}", option) for option in worker)
    (_, run), (_, verify) = [parse(line, monkeypatch) for line in batch.lines("python -m")]
    assert (run.plan, run.output.rstrip("/")) == ("s3://recast-plans/dataset", verify.output.rstrip("/"))
    assert run.set == ["pools.regenerate.actors=16"]
    assert Plan.of(run.plan, run.partition).parts == 1
    assert list(batch.spill.iterdir()) == []


def test_tasks_of_an_array_take_a_part_each(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    array = {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "4", "SLURM_ARRAY_TASK_COUNT": "4"}
    batch = start(SLURM_ARRAY_TASK_ID="2", **array)
    assert batch.process.wait() == 0
    (_, run), (_, verify) = [parse(line, monkeypatch) for line in batch.lines("python -m")]
    assert (run.partition, run.output, verify.output) == ("2/4", *["s3://anonymized/dataset/part-2"] * 2)
    assert Plan.of(run.plan, run.partition).part == 2


def test_an_array_with_gaps_is_refused(start: Start) -> None:
    array = {"SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "3", "SLURM_ARRAY_TASK_COUNT": "4"}
    batch = start(SLURM_ARRAY_TASK_ID="2", **array)
    assert batch.process.wait() == 2
    assert batch.lines("ray") == []


def test_a_head_that_does_not_start_ends_it(start: Start) -> None:
    batch = start(FAILS="ray")
    assert batch.process.wait() != 0
    assert batch.lines("python -m") == []


def test_frames_are_spilled_into_no_place_that_somebody_prepared(start: Start, tmp_path: Path) -> None:
    """In a folder for all users the job's own name can be guessed. Whose it is `-O` tells; a link, anybody's."""
    (tmp_path / "spill").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "spill/recast-spill-4711").symlink_to(tmp_path / "theirs")
    batch = start(FAILS="ray")  # which writes down that it was asked to start, if it was
    assert batch.process.wait(20) != 0
    assert batch.lines("srun") and not batch.lines("ray start")


def test_a_run_that_fails_is_not_verified_and_leaves_no_frames(start: Start) -> None:
    batch = start(FAILS="jobs.anonymize")
    assert batch.process.wait() != 0
    assert [line[2] for line in batch.lines("python -m")] == ["jobs.anonymize"]
    assert list(batch.spill.iterdir()) == []


def test_near_its_time_limit_it_goes_back_into_the_queue(start: Start) -> None:
    batch = start(HANGS="yes")
    while not batch.lines("python -m"):
        assert batch.process.poll() is None
    batch.process.send_signal(signal.SIGUSR1)
    batch.process.wait()
    assert batch.lines("scontrol requeue") == [["scontrol", "requeue", "4711"]]
    assert list(batch.spill.iterdir()) == []
