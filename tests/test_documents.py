"""Every command that a document or `make models` shows is one that the job's own parser understands."""

import re
import shlex
import subprocess

import pytest

from tests.cluster.deploy.test_deploy import parse
from tests.test_house import DOCUMENTS, ROOT


def commands(text: str) -> list[str]:
    """The lines of blocks that start a job, continued lines joined, comments left out."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("python -m jobs.")]


SHOWN = [
    pytest.param(line, id=f"{document.name}: {line.split()[2]}")
    for document in DOCUMENTS
    for line in commands(document.read_text())
]


def test_documents_show_commands() -> None:
    assert len(SHOWN) > 15


@pytest.mark.parametrize("line", SHOWN)
def test_the_job_understands_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse(shlex.split(line, comments=True), monkeypatch)


def test_the_jobs_understand_what_make_models_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "models", "PEOPLE=people"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.replace("\\\n", " ")
    found = re.findall(r"python -m jobs\.[^;\n]+", shown)
    assert len(found) >= 6
    for line in found:
        words = shlex.split(re.sub(r"\$[{(].*", "", line).replace("$task", "depth"))
        parse(words, monkeypatch)
