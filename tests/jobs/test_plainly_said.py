"""Names of files, and what stands in them, may be a stranger's: whoever reads what a job says is told what there is."""

import io
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest
from rich.console import Console

from jobs import options
from jobs.verify import read, show, verify
from schemas.errors import UserError
from tests.jobs import small
from tests.jobs.small import ROOT

pytestmark = pytest.mark.usefixtures("shards_here")

# Marks of the library that prints, what terminals obey, other lines, another direction, bytes that are no text.
NAMES = [
    "[/x]",
    "[@click=x]",
    "[green]verified[/]",
    "[link=http://a]b",
    "\x1b[2J\x1b[1;1Hverified",
    "a\nverified",
    "a\rverified",
    "\x9b2J",
    "\u202edeifirev",
    "\udcff\udc80",
    "a\x08\x08verified",
]


def is_plain(text: str) -> bool:
    return all(line.isprintable() for line in text.removesuffix("\n").split("\n"))


def shown(dataset: Path) -> str:
    """What jobs.verify says of it, on a terminal without colours that takes UTF-8 and nothing else."""
    made, file = read(str(dataset)), io.TextIOWrapper(io.BytesIO(), "utf-8")
    proof = verify(str(dataset), made, "", 0)
    show(str(dataset), made, proof, "", Console(file=file, width=200, force_terminal=True, no_color=True))
    file.flush()
    text = file.buffer.getvalue().decode()  # type: ignore[attr-defined]
    return str(text.replace("\x1b[1m", "").replace("\x1b[3m", "").replace("\x1b[0m", ""))


@pytest.mark.parametrize("name", NAMES)
def test_verify_says_what_a_file_is_called(dataset: Path, name: str) -> None:
    name = name.replace("/", "")
    os.close(os.open(os.fsencode(dataset / name), os.O_CREAT))
    text = shown(dataset)
    assert is_plain(text) and options.plain(name) in text
    assert text.endswith("1 breaches: this dataset must not be published\n")
    assert not [line for line in text.splitlines() if line.startswith(("verified", "deifirev"))]


@pytest.mark.parametrize("name", NAMES)
def test_and_what_stands_in_its_head(dataset: Path, name: str) -> None:
    made = json.loads((dataset / "dataset.json").read_bytes())
    made["released"]["clips"] = made["failed"]["frames"] = name
    (dataset / "dataset.json").write_text(json.dumps(made))
    assert is_plain(shown(dataset))


@pytest.mark.parametrize("name", NAMES)
def test_so_do_closing_tables_and_errors(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options.table(name, [(name, name)])

    def fail(_: Namespace) -> int:
        raise UserError(name, name, name)

    monkeypatch.setattr(sys, "argv", ["job"])
    with pytest.raises(SystemExit):
        options.run(fail, ArgumentParser())
    out, err = capsys.readouterr()
    assert is_plain(out) and is_plain(err) and err.count("\n") == 1
    assert options.plain(name) in out and options.plain(name) in err


def test_what_is_plain_stays() -> None:
    for text in ("s3://clips/Straße 12/a b.mp4", "[4:4:4]", "日本", "\\x1b", 12):
        assert options.plain(text) == str(text)


JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("*.py") if "__main__" in path.read_text())


@pytest.mark.parametrize("name", [name for name in JOBS if not name.startswith("_")])
def test_every_job_says_how_it_is_used_wherever_it_is_installed(name: str) -> None:
    """Also where what it alone needs is not there: that is one line then, and no traceback."""
    done = small.job(name, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: "), done


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    done = small.job("convert_cues", "--packages", "nowhere")
    assert done.returncode == 2 and done.stderr.splitlines()[-1].endswith(
        "onnx is not installed: pip install onnx"
    )
