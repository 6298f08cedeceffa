"""Recast as an installed package: its command and its jobs from any folder, with all that comes with it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from jobs.__main__ import JOBS

ROOT = Path(__file__).parents[1]
ROOMS = ("schemas", "operators", "jobs", "cluster")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git knows, so that nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and (name.split("/")[0] in ROOMS or "/" not in name):
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*command, "--wheel-dir", str(folder), str(folder / "tree")], check=True)
    (made,) = folder.glob("recast-*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with that wheel, and this one's libraries."""
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    made = place / "bin/python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(made),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, str(wheel)], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_wheel_holds_all_that_the_jobs_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    listed = subprocess.run(["git", "ls-files", "-z", *ROOMS], cwd=ROOT, capture_output=True, check=True)
    known = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    assert known - names == set()
    assert {name for name in names if name.split("/")[0] not in ROOMS and ".dist-info/" not in name} == set()


def test_the_command_names_the_jobs_and_no_others(python: Path, tmp_path: Path) -> None:
    recast = str(python.parent / "recast")
    said = run([recast], tmp_path)
    assert said.returncode == 0 and all(f"  {job} " in said.stdout for job in JOBS)
    wrong = run([recast, "publish"], tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "") and wrong.stderr.startswith(
        "error: publish: is no job."
    )
    assert set(JOBS) <= {path.stem for path in (ROOT / "jobs").glob("*.py")}
    for form in (
        [recast, "status"],
        [str(python), "-m", "jobs.status"],
        [str(python), "-m", "jobs", "status"],
    ):
        done = run([*form, "nothing"], tmp_path)
        assert done.returncode == 2 and done.stderr.startswith("error: nothing: holds no dataset.json")


def test_shipped_settings_and_weights_are_found_from_anywhere(python: Path, tmp_path: Path) -> None:
    """By name and by their path in the repository; a file or folder of that name here is the caller's own."""
    recast = str(python.parent / "recast")
    for profile in ("embedded", "cluster/profiles/embedded.yaml"):
        done = run([recast, "weights", "check", "--profile", profile], tmp_path)
        assert done.returncode == 0, done.stderr
    (tmp_path / "embedded").mkdir()
    assert run([recast, "weights", "check"], tmp_path).returncode == 0
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    own = run([recast, "weights", "check", "--profile", "mine.yaml"], tmp_path)
    assert own.returncode == 2 and own.stderr.startswith("error: mine.yaml")
    unknown = run([recast, "weights", "check", "--profile", "none"], tmp_path)
    assert unknown.returncode == 2 and "one of commercial, embedded, paper, single-gpu" in unknown.stderr


def test_a_plan_is_made_from_another_folder(python: Path, tmp_path: Path) -> None:
    """Paths are relative to the caller, also for Ray's workers."""
    (tmp_path / "videos").mkdir()
    shutil.copy(ROOT / "tests/data/street.mp4", tmp_path / "videos")
    command = [str(python.parent / "recast"), "plan", "videos", "--plan", "made/plan", "--policy", "strict"]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made/plan/plan.json").is_file()
    again = run([str(python), "-m", "jobs.plan", *command[2:]], tmp_path)
    assert "nothing has changed" in again.stdout, again.stderr
