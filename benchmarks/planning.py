"""What a job costs before its first clip: `python -m benchmarks.planning [--clips 100000 300000 1000000]`.

For each number of clips a plan of that size is written (one hour of 30 frames a second per source) and an output in
which all but one clip are finished, in shards of 64; on local disk, so a store's latency comes on top. Each step runs
in a process of its own; the table says its seconds and its peak resident memory above that of the imports.
"""

import hashlib
import json
import multiprocessing
import resource
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.ledger import checkpoint, plans
from cluster.ledger.plans import Plan
from cluster.ledger.run import Run
from jobs import options
from operators.planning.listing import list_sources
from operators.release.accounts import account
from operators.release.layout import FOLDERS, commit_of, files_of
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.manifest import ManifestRow

FRAMES, CLIPS_PER_SOURCE, CLIPS_PER_SHARD = 53, 2250, 64


def main(arguments: Namespace) -> int:
    """Measure and print."""
    profile, policy = options.read_settings(arguments)
    print("| clips | step | seconds | MiB |\n| --- | --- | --- | --- |")
    for clips in arguments.clips:
        with tempfile.TemporaryDirectory() as folder:
            plan, output = Plan(f"{folder}/plan"), f"{folder}/out"
            write_plan(plan.uri, clips)
            begin = (checkpoint.begin, Run(plan, output, profile, policy))
            report(clips, "begin a run", *begin)
            write_output(plan, output, clips)
            report(clips, "begin its resumption", *begin)
            report(clips, "find what is missing", checkpoint.missing, plan, output)
            for number in range(clips // 10):
                Path(folder, f"{number:06d}.mp4").touch()
            report(clips // 10, "list as many videos", list_sources, [folder])
    return 0


def write_plan(uri: str, clips: int) -> None:
    """Ids are 0 to `clips` - 1, in files as jobs.plan makes them of sources of an hour."""
    ref = ClipRef(0, "", "", "d" * 32, 0, 5, list(range(FRAMES)), 1, 30, 30, 1, 1920, 1080, 0)
    source = to_table([ref] * CLIPS_PER_SOURCE, ClipRef)
    for first in range(0, clips, CLIPS_PER_SOURCE):
        key = hashlib.sha256(str(first).encode()).hexdigest()[:20]
        rows = source.slice(0, min(CLIPS_PER_SOURCE, clips - first))
        columns = {
            "clip_id": pa.array(np.arange(first, first + len(rows))),
            "key": pa.array([f"{key}-{number:06d}" for number in range(len(rows))]),
            "uri": pa.array([f"s3://bucket/{first}.mp4"] * len(rows)),
        }
        for name, column in columns.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        plans.write_clips(uri, f"{plans.bucket(key)}-{first}", rows)


def write_output(plan: Plan, output: str, clips: int) -> None:
    """What a run leaves that failed on every clip but the last, which it did not come to."""
    facts = ["", "failed", "", "decode", "benchmark", "d" * 32, 0, FRAMES - 5, FRAMES, 1920, 1080, 30, 1]
    values: list[Any] = [0, *facts, 0, 0, 0, [], -1.0, False, 0, "", "", "", {}]
    rows = [ManifestRow(*values)] * CLIPS_PER_SHARD
    table, stats = to_table(rows, ManifestRow), json.dumps(account(rows) | {"files": {}}).encode()
    for folder in (*FOLDERS, "checkpoint"):
        Path(output, folder).mkdir(exist_ok=True)
    for first in range(0, clips - 1, CLIPS_PER_SHARD):
        name = f"{'a' * 32}-{first // CLIPS_PER_SHARD:08d}"
        ids = pa.array(np.arange(first, min(first + CLIPS_PER_SHARD, clips - 1)))
        shard = table.slice(0, len(ids)).set_column(0, "clip_id", ids)
        pq.write_table(shard, Path(output, files_of(name)["manifest"]))
        Path(output, files_of(name)["stats"]).write_bytes(stats)
        Path(output, commit_of(name)).touch()


def report(clips: int, step: str, function: Callable[..., object], *arguments: object) -> None:
    """Run it elsewhere and print what it took."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=measured, args=(results, function, *arguments))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{step} failed")
    seconds, mebibytes = results.get()
    print(f"| {clips:,} | {step} | {seconds:.1f} | {mebibytes:.0f} |", flush=True)


def measured(
    results: "multiprocessing.Queue[tuple[float, float]]", function: Callable[..., object], *arguments: object
) -> None:
    """Seconds and MiB into the queue."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    function(*arguments)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.put((time.perf_counter() - start, (after - before) / 1024))


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    options.run(main, parser)
