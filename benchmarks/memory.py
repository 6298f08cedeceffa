"""Memory of a whole run over one long video: `python -m benchmarks.memory --minutes 60 --fps 30 --clips 40`.

The sample street, enlarged to 1920x1080 and repeated, goes through jobs.plan and jobs.anonymize as they are; with
--clips only so many of the plan's clips, from all over the video, as a CPU would take hours for all. Printed is
the greatest resident set of each kind of process, shared pages (Ray's object store) apart, and of the object store.
Exits with 1 if one of them is beyond its limit: a video's length must not show in them.

`--crowd 30` measures Condition alone, in this process: one clip of so many people of 300 px in 1920x1080, with answers
for models (benchmarks/cpu_steps.py), once with people who are drawn and once with a tube for each. Printed is what it
takes beyond the clip's frames at most, what the row takes that it hands on, and its processor seconds.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
import psutil
import pyarrow.parquet as pq

from benchmarks.cpu_steps import SIZES, clip, stages
from cluster.ledger.plans import account
from operators.planning.probe import plan_source
from schemas.arrow import to_table
from schemas.clip import ClipRef

ROOT = Path(__file__).parents[1]
LIMITS = {"driver": 1000, "write": 500, "object store": 1500}  # MiB
STAGE = 3500  # MiB of a stage's actor: one clip decoded is at most clip.max_bytes, here 330 MB
CROWD = 3000  # MiB of Condition beyond a clip's frames; tubes hold pictures as well, and have no limit here


def make_video(path: Path, frames: int, fps: int) -> None:
    """The sample, enlarged and encoded once; its packets are then repeated."""
    with av.open(str(ROOT / "tests/data/street.mp4")) as source:
        pictures = [frame.reformat(1920, 1080, "yuv420p") for frame in source.decode(video=0)][:48]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"preset": "veryfast", "g": "48", "bf": "0"}
        step = Fraction(1, fps)
        stream.codec_context.time_base = stream.time_base = step
        packets = []
        for number, picture in enumerate(pictures):
            picture.pts, picture.time_base = number, step
            packets += stream.encode(picture)
        packets += stream.encode()
        copies = [(bytes(packet), packet.is_keyframe) for packet in packets]
        for number in range(frames):
            data, key = copies[number % len(copies)]
            packet = av.Packet(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream, packet.is_keyframe = step, stream, key
            container.mux(packet)


def thin(plan: str, clips: int) -> None:
    """Leave so many clips of a plan, evenly from all of it."""
    for path in Path(plan, "clips").iterdir():
        rows = pq.read_table(path)
        chosen = np.linspace(0, len(rows) - 1, min(clips, len(rows))).round().astype(int)
        pq.write_table(rows.take(np.unique(chosen)), path)
    account(plan, 0)


def watch(pid: int, peaks: dict[str, int], ended: threading.Event, every: float = 0.3) -> None:
    """Note the greatest memory of each kind of process below `pid` in MiB, several times a second."""
    while not ended.wait(every):
        try:
            driver = psutil.Process(pid)
            family = [driver, *driver.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in family:
            try:
                title, memory = " ".join(process.cmdline()), process.memory_info()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            own, shared = (memory.rss - memory.shared) >> 20, memory.shared >> 20
            kind = (
                "driver"
                if process.pid == pid
                else title.split("(")[-1].split(")")[0]
                if "ray::Map" in title
                else ""
            )
            kind = kind or ("write" if "ray::Write" in title else "")
            if kind:
                peaks[kind] = max(peaks[kind], own)
            if "raylet/raylet" in title:
                peaks["object store"] = max(peaks["object store"], shared)


def crowd(people: int, shown: str) -> int:
    """Condition one clip of so many people, print what that takes, and return the MiB beyond its frames."""
    size = SIZES["1080p"]
    condition, _, _ = stages(people, f"generator.people={shown}")
    frames = condition.profile.clip.frames
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as apart:
        path = apart.submit(clip, Path(folder), *size, frames, people).result()
        table = to_table(plan_source(str(path), path.name, b"key", condition.profile.clip), ClipRef)
        peaks: dict[str, int] = defaultdict(int)
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(os.getpid(), peaks, ended, 0.01))
        memory = psutil.Process().memory_info()
        before, start = (memory.rss - memory.shared) >> 20, time.process_time()
        watcher.start()
        made = condition(table)
        ended.set()
        watcher.join()
        seconds = time.process_time() - start
    if made["conditioning"].null_count:
        raise ValueError("not conditioned")
    own = frames * 3 * size[0] * size[1] >> 20
    beyond = peaks["driver"] - before - own
    print(f"{people} people, {shown}: {frames} frames of {size[1]}x{size[0]} are {own} MiB, Condition takes {beyond} "
          f"MiB more and {seconds:.0f} s; its row is {made.nbytes / 2**20:.0f} MiB")  # fmt: skip
    return beyond


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--clips", type=int, default=0, help="so many of the plan's clips; 0: all")
    parser.add_argument("--crowd", type=int, default=0, help="measure Condition for so many people instead")
    arguments = parser.parse_args()
    if arguments.crowd:
        drawn, _ = (crowd(arguments.crowd, shown) for shown in ("actor", "diffusion"))
        return int(drawn > CROWD)
    peaks: dict[str, int] = defaultdict(int)
    with tempfile.TemporaryDirectory() as folder:
        frames = int(arguments.minutes * 60 * arguments.fps)
        make_video(Path(folder, "long.mp4"), frames, arguments.fps)
        start = time.monotonic()
        for job in (
            ["plan", f"{folder}/long.mp4", "--plan", f"{folder}/plan"],
            ["anonymize", "--plan", f"{folder}/plan", "--output", f"{folder}/out"],
        ):
            process = subprocess.Popen([sys.executable, "-m", f"jobs.{job[0]}", *job[1:]], cwd=ROOT)
            ended = threading.Event()
            watcher = threading.Thread(target=watch, args=(process.pid, peaks, ended))
            watcher.start()
            status = process.wait()
            ended.set()
            watcher.join()
            if status:
                return status
            if job[0] == "plan" and arguments.clips:
                thin(f"{folder}/plan", arguments.clips)
        seconds = time.monotonic() - start
    print(f"{arguments.minutes:g} minutes, {frames} frames of 1920x1080: {seconds:.0f} s")
    beyond = 0
    for kind, peak in sorted(peaks.items()):
        limit = LIMITS.get(kind, STAGE)
        beyond += peak > limit
        print(f"{kind:14} {peak:6} MiB of {limit} allowed")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
