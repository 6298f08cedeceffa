"""The image: pinned, of nobody's root, and with nothing in it that it does not need."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from operators.isolation import SWITCHES

ROOT = Path(__file__).parents[3]


def lint(dockerfile: str) -> str:
    """What hadolint finds."""
    hadolint = Path(sys.executable).with_name("hadolint")
    return subprocess.run(
        [hadolint, "-"], check=False, input=dockerfile, text=True, stdout=subprocess.PIPE
    ).stdout


def test_the_image_is_pinned_not_root_and_holds_nothing_but_the_code() -> None:
    dockerfile = (ROOT / "cluster/deploy/Dockerfile").read_text()
    assert lint(dockerfile) == ""
    assert "DL3006" in lint("FROM python\n")
    assert re.findall("^FROM (.*)", dockerfile, re.M) == ["${BASE} AS libraries", "${BASE}"]
    assert re.findall(r"^USER (.*)", dockerfile, re.M)[-1] == "10001:10001"
    assert not re.search("^ADD", dockerfile, re.M)
    ignored = (ROOT / ".dockerignore").read_text().split("\n*\n")[1].splitlines()
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)", dockerfile, re.M)
        for source in line.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    assert copied == {line[1:] for line in ignored if line.startswith("!")}


def test_the_base_is_named_by_its_digest_or_nothing_is_built() -> None:
    """There is no default: an empty name is none that a builder pulls, and a tag may be another image tomorrow."""
    dockerfile = (ROOT / "cluster/deploy/Dockerfile").read_text()
    assert re.findall("^ARG (.*)", dockerfile, re.M) == ["BASE", "BASE"]
    (check,) = re.findall(r"^RUN (case .*?esac)$", dockerfile, re.M | re.S)
    name = "python:3.11-slim-trixie"
    for base, builds in (
        (f"{name}@sha256:{'0a' * 32}", True),
        (name, False),
        ("", False),
        (f"{name}@sha256:latest", False),
        (f"elsewhere.example/python@sha256:{'0a' * 32}", False),
    ):
        done = subprocess.run(["sh", "-c", check], env={"BASE": base}, check=False, capture_output=True)
        assert (done.returncode == 0) == builds, base


def test_the_image_and_slurm_switch_off_what_isolation_does() -> None:
    """For Ray's own processes, which do not load us."""
    dockerfile = (ROOT / "cluster/deploy/Dockerfile").read_text()
    assert [name for name, value in SWITCHES.items() if f" {name}={value} " not in dockerfile] == []
    batch = (ROOT / "cluster/deploy/slurm/anonymize.sbatch").read_text()
    assert [f"{name}={value}" for name, value in SWITCHES.items() if f" {name}={value}" not in batch] == []


def test_what_the_image_leaves_out_is_needed_by_nothing_in_it() -> None:
    dockerfile = (ROOT / "cluster/deploy/Dockerfile").read_text()
    removed = set(re.search(r"uninstall --yes \\\n\s*(.*?) \\\n", dockerfile)[1].split())  # type: ignore[index]
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.M))
    assert removed <= locked
    for name in locked - removed:
        wanted = metadata.requires(name) or []
        needs = {re.match(r"[\w.-]+", each)[0].lower() for each in wanted if "extra ==" not in each}  # type: ignore[index]
        assert not needs & removed, name
