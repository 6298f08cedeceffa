"""Kill -9 the driver of the real job half-way, run the same command again: nothing twice, missing or touched."""

import json
import re
import subprocess
import sys
import time
from dataclasses import fields
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from operators.release import reader
from schemas.manifest import ManifestRow
from tests.jobs import here
from tests.jobs.small import ROOT, cut_video, job, settings

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.mark.timeout(1800)  # two minutes on an idle machine; beside other work its waits take what they take
def test_sigkill_half_way_then_the_same_command(tmp_path: Path) -> None:
    sources, plan, output = tmp_path / "videos", tmp_path / "run.plan", tmp_path / "run"
    sources.mkdir()
    cut_video(sources / "a.mp4", 13)
    options = settings(tmp_path, clips_per_shard=1)
    planned = here.job("plan", str(sources), "--plan", str(plan), *options)
    assert planned.returncode == 0, planned.stderr
    arguments = ["--plan", str(plan), "--output", str(output), *options]

    command = [sys.executable, "-m", "jobs.anonymize", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        try:
            _wait_for_commits(output, 1, driver)
        finally:
            driver.kill()
    names = [path.stem for path in _commits(output)]
    finished = {path: path.read_bytes() for name in names for path in output.rglob(f"{name}.*")}
    assert 1 <= len(names) < 3 and json.loads((output / "dataset.json").read_text())["state"] == "running"

    resumed = job("anonymize", *arguments)
    assert resumed.returncode == 0, resumed.stderr
    assert {path: path.read_bytes() for path in finished} == finished
    proved = here.job("verify", str(output))
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert json.loads((output / "dataset.json").read_text())["planned"] == {"clips": 3, "frames": 13}

    # What other tests run without Ray's workers comes to the same: verdicts, certificates, every byte of a video.
    same = here.job("anonymize", "--plan", str(plan), "--output", str(tmp_path / "same"), *options)
    assert same.returncode == 0, same.stderr
    assert _manifest(tmp_path / "same") == _manifest(output)


def _manifest(output: Path) -> list[dict[str, Any]]:
    """Its rows, but for where each lies and how long it took."""
    columns = [field.name for field in fields(ManifestRow) if field.name not in ("shard", "seconds")]
    return sorted(reader.manifest(str(output), columns).to_pylist(), key=itemgetter("key"))


def _commits(output: Path) -> list[Path]:
    return [path for path in output.glob("checkpoint/*") if re.fullmatch(r"\w+-\d+\.parquet", path.name)]


def _wait_for_commits(output: Path, count: int, driver: subprocess.Popen[bytes]) -> None:
    while len(_commits(output)) < count:
        assert driver.poll() is None, "the job ended"
        time.sleep(0.02)
