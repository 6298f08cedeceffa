"""The real jobs made small: a short video of somebody synthetic, clips of five frames, a tiny generator, one step.

Most of what a job takes is then its start. What the jobs make of whole scenes is in test_canaries.py and in the demo.
"""

import contextlib
import io
import runpy
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from operators.video.encode import encode_video
from tests.tiny import save_generator

ROOT = Path(__file__).parents[2]
STREET = ROOT / "tests/data/street.mp4"
FRAMES = 5  # of a clip; each shares the first with the one before it


def settings(folder: Path, clips_per_shard: int = 2) -> list[str]:
    """Command line options for a cheap run; the generator's weights are saved into `folder`, the first time."""
    weights = folder / "generator"
    values = {
        "clip.frames": FRAMES,
        "clip.overlap": 1,
        "generator.weights": weights if weights.exists() else save_generator(weights),
        "generator.steps": 1,
        "generator.guidance": 1.0,
        "generator.window": FRAMES,
        "generator.overlap": 1,
        "clips_per_shard": clips_per_shard,
        "clip.max_seconds": 200,  # a worker that hangs is ended and made anew before the test's own time is up
        # So small people look alike; these runs are not about that, and each further try takes long.
        "policy.gates.body_likeness": 1.0,
        "policy.gates.head_likeness": 1.0,
    }
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


def cut_video(path: Path, frames: int) -> Path:
    """Six frames of one person out of the sample video, back and forth. Narrow: networks are shown less."""
    with av.open(str(STREET)) as container:
        decoded = islice(container.decode(video=0), 6)
        pictures = [frame.to_ndarray(format="rgb24")[176:360, 352:464] for frame in decoded]
    taken = np.stack([pictures[abs((t + 5) % 10 - 5)] for t in range(frames)])
    video = encode_video(taken, list(range(frames)), Fraction(1, 10), Fraction(10), 20, "ultrafast")
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
        try:
            runpy.run_path(f"jobs/{name}.py", run_name="__main__")
        except SystemExit as end:
            return Done(int(end.code or 0), out.getvalue(), err.getvalue())
        except BaseException as error:  # the test's time being up is one: what hangs, and where?
            error.add_note(f"{out.getvalue()[-2000:]}{err.getvalue()[-4000:]}{_actors()}")
            raise
    raise AssertionError(f"jobs.{name} does not exit")


def _actors() -> str:
    """What Ray's workers are at: each actor's class and state, and the resources that nobody holds."""
    import ray
    from ray._private.state import actors

    if not ray.is_initialized():
        return "no Ray"
    states = [f"{one['ActorClassName']} {one['State']}" for one in actors().values()]
    return f"\n{states}\nfree: {ray.available_resources()}"
