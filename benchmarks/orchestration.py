"""What orchestration costs: `python -m benchmarks.orchestration [--gpus 1 2 8] [--clips-per-gpu 32] [--seconds 1]`.

The stages of jobs/anonymize.py with models that sleep, so the GPUs are fake and any machine has as many as it likes.
Calibration: Regenerate holds its GPU for SECONDS a clip, Condition takes a quarter and Audit an eighth of that. There
is one Regenerate actor per GPU, one Condition actor per two and one Audit actor per four: those are busy half the time.
A clip carries 1 MiB from stage to stage. The same three operators and the same writer of shards run

    loop    in a plain Python loop, one clip after the other in one process, on one GPU
    ray     as the job runs them: manifest, repartition, the job's own options, commit records, ShardSink
    daft    in Daft, if it is installed

each in a process of its own. Busy: Regenerate's seconds, of the number of GPUs times
  whole    the time from the first busy moment to the last
  steady   the time in which the middle 80 % of the clips were finished
  wall     the run's time from the start of the engine to the last record
clips/s: over the wall time and over the time of "whole", both as parts of the ideal GPUs / SECONDS.
driver MiB: peak resident memory of the process that drives, workers not counted.

Sleeps need no CPU, but what surrounds them does. On few cores many fake GPUs need sleeps long enough that this does not
count: GPUs / SECONDS clips a second must be a small part of what the cores can do.
"""

import importlib.util
import math
import multiprocessing
import os
import resource
import secrets
import tempfile
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from benchmarks.standins import sleeping
from benchmarks.standins.sleeping import STAGES
from cluster import session
from cluster.ledger import checkpoint, plans
from cluster.ledger.datasink import ShardSink
from cluster.ledger.plans import Plan
from cluster.ledger.run import Run
from jobs import options
from jobs.anonymize import on
from operators.release.layout import FOLDERS
from operators.release.shard_writer import write_shard
from schemas.arrow import from_table
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Pool, Pools, Profile

PROFILE, POLICY = "cluster/profiles/embedded.yaml", "cluster/policies/driving.yaml"


def main(arguments: Namespace) -> int:
    """Measure and print."""
    print("| engine | GPUs | clips | busy: whole | steady | wall | clips/s: whole | wall | driver MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    settings = (arguments.seconds, arguments.clips_per_shard)
    report("loop", run_loop, 1, arguments.clips_per_gpu, *settings)
    for gpus in arguments.gpus:
        report("ray", run_ray, gpus, gpus * arguments.clips_per_gpu, *settings)
        if importlib.util.find_spec("daft"):
            report("daft", run_daft, gpus, gpus * arguments.clips_per_gpu, *settings)
        else:
            print(f"| daft | {gpus} | not installed: pip install daft |")
    return 0


def run_loop(folder: str, plan: Plan, clips: int, gpus: int, seconds: float, clips_per_shard: int) -> None:
    """What needs no engine."""
    stages = [stage(folder, f"{folder}/out", seconds) for stage in STAGES]
    references = sleeping.references(clips)
    for first in range(0, clips, clips_per_shard):
        done = []
        for number in range(first, min(first + clips_per_shard, clips)):
            clip = references.slice(number, 1)
            for stage in stages:
                clip = stage(clip)
            done.append(clip)
        write(f"{folder}/out", pa.concat_tables(done))


def write(output: str, clips: pa.Table) -> None:
    """One shard of clips that ended."""
    for name in FOLDERS:
        Path(output, name).mkdir(parents=True, exist_ok=True)
    rows, ids = from_table(clips, *STAGES[-1].made), clips["clip_id"].to_pylist()
    write_shard(rows, ids, f"{ids[0]:08d}", lambda path: open(f"{output}/{path}", "wb"))  # noqa: SIM115


def run_ray(folder: str, plan: Plan, clips: int, gpus: int, seconds: float, clips_per_shard: int) -> None:
    """The job's pipeline and its frame."""
    pools = Pools(
        condition=Pool(actors=math.ceil(gpus / 2), num_cpus=0.8),
        regenerate=Pool(actors=gpus, num_cpus=0.8, num_gpus=1),
        audit=Pool(actors=math.ceil(gpus / 4), num_cpus=0.15),
    )
    profile, policy, output = load(Profile, PROFILE), load(Policy, POLICY), f"{folder}/out"
    profile = profile.model_copy(update={"pools": pools, "clips_per_shard": clips_per_shard})
    stages = (pools.condition, pools.regenerate, pools.audit)
    cpus = math.ceil(sum(pool.actors * pool.num_cpus for pool in stages)) + session.SMALL_TASKS
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_prestart_worker_first_driver": "0"}
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray.init(
        "local",
        num_cpus=cpus,
        num_gpus=gpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    session.start(profile)
    run = Run(plan, output, profile, policy)
    checkpoint.begin(run)
    filesystem, manifest = plan.files()
    rows = ray.data.read_parquet(manifest, filesystem=filesystem)
    rows = rows.repartition(target_num_rows_per_block=clips_per_shard)
    for stage, pool in zip(STAGES, stages, strict=True):
        rows = rows.map_batches(stage, **on(pool, folder, output, seconds))
    rows.write_datasink(ShardSink(output, pools), ray_remote_args={"num_cpus": 0.05})
    checkpoint.record_lost(run)
    assert checkpoint.finish(run)["released"]["clips"] == clips


def run_daft(folder: str, plan: Plan, clips: int, gpus: int, seconds: float, clips_per_shard: int) -> None:
    """Each stage a class in processes of its own; clips travel as Arrow IPC bytes. GPUs are numbers of processes here:
    Daft's own runner refuses those that the machine lacks."""
    import daft

    data = {"clip": [sleeping.packed(sleeping.references(clips).slice(n, 1)) for n in range(clips)]}
    frame = daft.from_pydict(data)
    for stage, processes in zip(STAGES, (math.ceil(gpus / 2), gpus, math.ceil(gpus / 4)), strict=True):

        class Step:
            def __init__(self, made: type[sleeping.Stage]) -> None:
                self.stage = made(folder, f"{folder}/out", seconds)

            @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)
            def one(self, clips: Any) -> list[bytes]:
                return [sleeping.packed(self.stage(sleeping.unpacked(clip))) for clip in clips.to_pylist()]

        step = daft.cls(Step, use_process=True, max_concurrency=processes)(stage)
        frame = frame.with_column("clip", step.one(frame["clip"]))
    done: list[pa.Table] = []
    for row in frame.iter_rows():
        done.append(sleeping.unpacked(row["clip"]))
        if len(done) == clips_per_shard:
            write(f"{folder}/out", pa.concat_tables(done))
            done = []
    if done:
        write(f"{folder}/out", pa.concat_tables(done))


def report(name: str, engine: Callable[..., None], gpus: int, clips: int, seconds: float, size: int) -> None:
    """Run an engine in a process of its own and print its row."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(f"{folder}/plan")
        plans.write_clips(plan.uri, "00-benchmark", sleeping.references(clips))
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        arguments = (folder, plan, clips, gpus, seconds, size)
        process = context.Process(target=measured, args=(results, engine, *arguments))
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(f"{name} failed")
        begin, end, mebibytes = results.get()
        times = sleeping.busy_times(folder)
        assert len(times) == clips, f"{name}: {len(times)} of {clips} clips"
    first, last = times[:, 0].min(), times[-1, 1]
    spans = (first, last), (times[clips // 10, 1], times[-1 - clips // 10, 1]), (begin, end)
    busy = " | ".join(f"{sleeping.busy_share(times, *span, gpus):.3f}" for span in spans)
    ideal = clips * seconds / gpus
    rates = f"{ideal / (last - first):.3f} | {ideal / (end - begin):.3f}"
    print(f"| {name} | {gpus} | {clips} | {busy} | {rates} | {mebibytes:.0f} |", flush=True)


def measured(
    results: "multiprocessing.Queue[tuple[float, float, float]]", engine: Callable[..., None], *arguments: Any
) -> None:
    """When it began and ended, in seconds of the monotonic clock, and its MiB, into the queue."""
    begin = time.monotonic()
    engine(*arguments)
    mebibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put((begin, time.monotonic(), mebibytes))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--clips-per-gpu", type=int, default=32)
    parser.add_argument("--clips-per-shard", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    options.run(main, parser)
