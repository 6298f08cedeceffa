"""What it costs to decode a clip in a process without credentials: `python -m benchmarks.apart [VIDEO]`.

In this process, in one that is started for each clip, and in one that stays; frames come back through a pipe or through
shared memory. The other process has an environment of three variables. docs/decisions/0017-roles.md has what follows.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import IO

import numpy as np

from operators.planning.probe import plan_source
from operators.video.decode import decode_clip
from schemas.config import load
from schemas.profile import Profile

ROUNDS = 5
PIPED = """
import pickle, sys
from operators.video.decode import decode_clip
while True:
    try: ref = pickle.load(sys.stdin.buffer)
    except EOFError: break
    frames = decode_clip(ref)
    sys.stdout.buffer.write(frames.tobytes()); sys.stdout.buffer.flush()
"""
SHARED = """
import pickle, sys
import numpy as np
from multiprocessing import resource_tracker, shared_memory
from operators.video.decode import decode_clip
while True:
    try: ref, name = pickle.load(sys.stdin.buffer)
    except EOFError: break
    frames = decode_clip(ref)
    held = shared_memory.SharedMemory(name)
    resource_tracker.unregister(held._name, "shared_memory")
    np.ndarray(frames.shape, np.uint8, held.buf)[:] = frames
    held.close(); sys.stdout.buffer.write(b"."); sys.stdout.buffer.flush()
"""


def main(video: Path) -> None:
    """Print the median of each way, in ms a clip."""
    import pickle

    (ref, *_) = plan_source(
        str(video), video.name, b"key", load(Profile, "cluster/profiles/embedded.yaml").clip
    )
    shape = (len(ref.pts), ref.height, ref.width, 3)
    size = int(np.prod(shape))
    bare = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}

    def start(code: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code]
        return subprocess.Popen(command, env=bare, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
        assert process.stdin and process.stdout
        return process.stdin, process.stdout

    def piped(process: subprocess.Popen[bytes]) -> np.ndarray:
        given, made = pipes(process)
        pickle.dump(ref, given)
        given.flush()
        return np.frombuffer(made.read(size), np.uint8).reshape(shape)

    def each() -> np.ndarray:
        with start(PIPED) as process:
            found = piped(process)
            pipes(process)[0].close()
            return found

    held = shared_memory.SharedMemory(create=True, size=size)

    def shared(process: subprocess.Popen[bytes]) -> np.ndarray:
        given, made = pipes(process)
        pickle.dump((ref, held.name), given)
        given.flush()
        made.read(1)
        return np.ndarray(shape, np.uint8, held.buf)

    right = decode_clip(ref)
    with start(PIPED) as one, start(SHARED) as other:
        ways: dict[str, Callable[[], np.ndarray]] = {
            "in this process": lambda: decode_clip(ref),
            "in a process for each clip, by a pipe": each,
            "in a process that stays, by a pipe": lambda: piped(one),
            "in a process that stays, by shared memory": lambda: shared(other),
        }
        print(f"{video}: {shape[0]} frames of {ref.width}x{ref.height}, {size / 1e6:.0f} MB")
        for name, way in ways.items():
            spent = []
            for _ in range(ROUNDS):
                begun = perf_counter()
                frames = way()
                spent.append(1000 * (perf_counter() - begun))
                assert np.array_equal(frames, right)
            print(f"{name}: {median(spent):.0f} ms, {min(spent):.0f} to {max(spent):.0f}")
        for process in (one, other):
            pipes(process)[0].close()
    held.close()
    held.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/street.mp4"))
