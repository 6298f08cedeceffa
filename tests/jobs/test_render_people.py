"""The job around rendering: what it leaves alone, what it reports, what it refuses. No OpenGL is needed."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from jobs.render_people import main, parser
from operators.training.render.shards import write_shard
from tests.operators.training.render.renderings import rendering


def run(*words: str | Path) -> int:
    """The job's exit status."""
    return main(parser().parse_args([str(word) for word in words]))


def test_shards_that_are_there_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for first in (0, 2):
        (tmp_path / f"street-val-{first:06d}.tar").write_bytes(b"done")
    options = ("--output", tmp_path, "--seeds", "0:4", "--split", "val", "--shard-size", "2")
    assert run("street", *options) == 0
    assert "all 2 shards are there" in capsys.readouterr().out
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"done"}


@pytest.mark.parametrize("seeds", ["5", "3:3", "9:2", "a:b", "-1:4"])
def test_seeds_must_be_a_range(seeds: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("crops", "--output", tmp_path, f"--seeds={seeds}")
    assert stopped.value.code == 2


def test_check_fails_if_anything_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shard(tmp_path / "crops-train-000000.tar", [rendering()], crf=17)
    assert run("check", "--people", tmp_path) == 0
    wrong = replace(rendering(), masks=np.zeros((5, 32, 48), np.uint8))
    write_shard(tmp_path / "crops-train-000000.tar", [wrong], crf=17)
    assert run("check", "--people", tmp_path) == 1
    assert "crop-train-000000: frames_visible of person 1" in capsys.readouterr().out


def test_preview_is_a_picture(tmp_path: Path) -> None:
    write_shard(tmp_path / "crops-train-000000.tar", [rendering()], crf=17)
    assert run("preview", "--people", tmp_path, "--output", tmp_path / "sheet.png") == 0
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (170, 2048, 3)
