"""The real jobs made small: a short video of synthetic people, a tiny generator, one sampling step."""

import contextlib
import io
import runpy
import sys
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from operators.video.encode import encode_video
from tests.tiny import save_generator

ROOT = Path(__file__).parents[2]
STREET = ROOT / "tests/data/street.mp4"


def settings(folder: Path, clips_per_shard: int = 2) -> list[str]:
    """Command line options for a cheap run; saves the generator's weights into `folder`."""
    values = {
        "clip.frames": 9,
        "clip.overlap": 1,
        "generator.weights": save_generator(folder / "generator"),
        "generator.steps": 1,
        "generator.guidance": 1.0,
        "generator.window": 9,
        "generator.overlap": 1,
        "clips_per_shard": clips_per_shard,
        # At half the size people look alike; these runs are not about that, and each further try takes long.
        "policy.gates.body_likeness": 1.0,
        "policy.gates.head_likeness": 1.0,
    }
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


def cut_video(path: Path, frames: int, first: int = 0) -> Path:
    """The first `frames` frames of the sample video from `first` on, at half its size."""
    with av.open(str(STREET)) as container:
        stream = container.streams.video[0]
        size = {"width": stream.width // 4 * 2, "height": stream.height // 4 * 2}
        pictures = [frame.reformat(**size, format="rgb24").to_ndarray() for frame in container.decode(stream)]
    taken = np.stack(pictures[first : first + frames])
    video = encode_video(taken, list(range(len(taken))), Fraction(1, 10), Fraction(10), 20, "ultrafast")
    path.write_bytes(video)
    return path


class Done(NamedTuple):
    """What a job that ended leaves."""

    returncode: int
    stdout: str
    stderr: str


def job(name: str, *arguments: str) -> Done:
    """Run `python -m jobs.NAME` to its end, here: the fixture `cluster` spares it Ray's start, most of its time."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(ROOT)
        patch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(f"jobs/{name}.py", run_name="__main__")
    return Done(int(end.value.code or 0), out.getvalue(), err.getvalue())
