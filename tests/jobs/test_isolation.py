"""The jobs tell nobody, leave nothing in the home and keep what they write to themselves; without make's help.

What a whole run does is in test_canaries.py.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from operators import storage
from tests.jobs.lonely import bare, lonely, possible
from tests.jobs.small import ROOT, cut_video, job
from tests.keys import make_chain, make_key


@pytest.fixture(scope="module")
def namespace() -> None:
    if not possible():
        pytest.skip("no namespaces here: unshare -rnm is not permitted")


@pytest.mark.usefixtures("namespace")
def test_the_watcher_sees_what_libraries_do_by_default(tmp_path: Path) -> None:
    log = tmp_path / "log"
    look = (
        "import socket, urllib.request\n"
        "for ask in (lambda: socket.getaddrinfo('collector.example', 80),\n"
        "            lambda: urllib.request.urlopen('http://169.254.169.254/')):\n"
        "    try: ask()\n"
        "    except OSError: pass\n"
    )
    lonely(log, bare(tmp_path), [sys.executable, "-c", look])
    assert set(log.read_text().splitlines()) == {"looked up collector.example", "asked the metadata address"}


@pytest.mark.parametrize("room", ["operators", "cluster", "jobs"])
def test_every_room_isolates_the_process_before_anything_else_is_loaded(tmp_path: Path, room: str) -> None:
    """Also a worker's, which is started by somebody else."""
    say = (
        f"import sys, {room}, os, resource\nfrom operators.isolation import SWITCHES\n"
        "assert not {'ray', 'torch', 'onnxruntime', 'ultralytics', 'av'} & set(sys.modules), 'loaded before'\n"
        "home = [name for name, value in os.environ.items() if value.startswith(os.environ['HOME'])]\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), os.umask(0), sorted(set(home) - {'HOME'}))\n"
        "print(int(open('/proc/self/coredump_filter').read(), 16))\n"
        "print(os.popen('cat /proc/self/coredump_filter').read().strip('0\\n'))\n"
        "print(SWITCHES.items() <= os.environ.items())\n"
        "import tqdm; list(tqdm.tqdm(range(2)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", say],
        env=bare(tmp_path / "home"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["(1, 1) 63 []", "0", "", "True"]
    assert not done.stderr, "a library's bar in what is no terminal"


@pytest.mark.parametrize("before", ["unlimited", "0"])
def test_who_crashes_leaves_no_core(tmp_path: Path, before: str) -> None:
    """In no file; and no memory for a program that is handed cores, which no limit but one byte keeps them from."""
    crash = "import os, signal\nimport operators\nos.kill(os.getpid(), signal.SIGABRT)"
    words = ["bash", "-c", f'ulimit -c {before}; exec "$@"', "bash", sys.executable, "-c", crash]
    environment = bare(tmp_path) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode < 0 and list(tmp_path.glob("core*")) == []


def test_a_folder_for_caches_that_is_somebody_elses_is_not_used(tmp_path: Path) -> None:
    taken = tmp_path / f"recast-caches-{os.getuid()}"
    taken.symlink_to(tmp_path)
    say = "import operators, os; print(os.environ['YOLO_CONFIG_DIR'])"
    done = subprocess.run(
        [sys.executable, "-c", say],
        env=bare(tmp_path, TMPDIR=str(tmp_path)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).parent.name.startswith("recast-caches-")
    assert Path(done.stdout.strip()).parent != taken


@pytest.mark.parametrize("place", ["out", "out/deep/inside"])
def test_nothing_private_may_be_written_into_a_dataset(tmp_path: Path, place: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/dataset.json").write_text("{}")
    inside = str(tmp_path / place)
    video = str(cut_video(tmp_path / "a.mp4", 5))
    for done in (
        job("plan", video, "--plan", inside),
        job("prepare", "--plan", str(tmp_path / "plan"), "--output", inside),
    ):
        assert (done.returncode, "lies in or around the output" in done.stderr) == (2, True), done
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["dataset.json"]


@pytest.mark.parametrize("option", ["--plan", "--review", "--key", "--c2pa-key"])
@pytest.mark.parametrize("place", ["out/private", "link/private", "."])
def test_nothing_private_may_lie_in_an_output(tmp_path: Path, option: str, place: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    key, chain, c2pa = str(make_key(tmp_path / "signer.pem")), *map(str, make_chain(tmp_path))
    given = {"--plan": str(tmp_path / "plan"), "--output": str(tmp_path / "out"), "--key": key}
    given |= {"--c2pa-certificate": chain, "--c2pa-key": c2pa}
    private = tmp_path / place
    if option.endswith("key") and place == ".":
        pytest.skip("a key is a file")
    if option.endswith("key"):
        shutil.copy(key if option == "--key" else c2pa, private)
    given[option] = str(private)
    done = job("anonymize", *(word for pair in given.items() for word in pair))
    assert (done.returncode, "lies in or around the output" in done.stderr) == (2, True), done


def test_a_new_place_for_reviewers_or_plans_is_closed_to_others(tmp_path: Path) -> None:
    """Whatever writes it: files by their bytes and as streams, and the folders around them."""
    for act in (
        lambda: storage.write_bytes(str(tmp_path / "one"), "deep/file", b"x"),
        lambda: (storage.make_folders(str(tmp_path / "two"), ["deep"]),),
        lambda: storage.open_output(str(tmp_path / "two"), "deep/file").close(),
        lambda: storage.copy(str(tmp_path / "one"), str(tmp_path / "three")),
    ):
        act()
    made = [
        path for name in ("one", "two", "three") for path in (tmp_path / name, *(tmp_path / name).rglob("*"))
    ]
    assert len(made) == 9
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
