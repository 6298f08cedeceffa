"""What a job costs before its first clip and after its last: `python -m benchmarks.planning [--clips 100000 300000]`.

For each number of clips a plan of that size is written (one hour of 30 frames a second per source) and an output in
which all clips, or all but one, are finished, in shards of 64; on local disk, so a store's latency comes on top. Each
step runs in a process of its own; the table says its seconds and its peak resident memory above that of the imports.
"""

import hashlib
import io
import json
import multiprocessing
import tarfile
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.ledger import checkpoint, plans
from cluster.ledger.plans import Plan
from cluster.ledger.run import Run
from jobs import options
from jobs.status import status
from operators.pages.report import write_report
from operators.pages.review import write_review
from operators.planning.listing import list_sources
from operators.release import parquet_form
from operators.release.accounts import account
from operators.release.layout import CHECKPOINT, FOLDERS, RECORD, VIDEO, commit_of, files_of, shard_name
from schemas.arrow import to_table
from schemas.certificate import Gate
from schemas.clip import ClipRef
from schemas.manifest import ManifestRow, QuarantineRow, Verdict

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
            write_output(output, clips - 1)
            report(clips, "begin its resumption", *begin)
            report(clips, "find what is missing", checkpoint.missing, plan, output)
            write_output(output, clips)
            report(clips, "finish", checkpoint.finish, begin[1])
            report(clips, "write the report", write_report, output)
            report(clips, "write the review page", write_review, plan.uri, output, f"{folder}/review")
            report(clips, "say the status", status, output, datetime.now(UTC))
            for number in range(clips // 10):
                Path(folder, f"{number:06d}.mp4").touch()
            report(clips // 10, "list as many videos", list_sources, [folder])
    return 0


_PICTURES = bytes(64)  # which no page looks at


def write_plan(uri: str, clips: int) -> None:
    """Ids are 0 to `clips` - 1, in files as jobs.plan makes them of sources of an hour."""
    ref = ClipRef(0, "", "", "d" * 32, "e" * 32, 0, 5, list(range(FRAMES)), 1, 30, 30, 1, 1920, 1080, 0)
    source = to_table([ref] * CLIPS_PER_SOURCE, ClipRef)
    for first in range(0, clips, CLIPS_PER_SOURCE):
        key = hashlib.sha256(str(first).encode()).hexdigest()[:20]
        rows = source.slice(0, min(CLIPS_PER_SOURCE, clips - first))
        columns = {
            "clip_id": pa.array(np.arange(first, first + len(rows))),
            "key": pa.array([f"{key}-{number:06d}" for number in range(len(rows))]),
            "uri": pa.array([f"/nowhere/{first}.mp4"] * len(rows)),
        }
        for name, column in columns.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        plans.write_clips(uri, f"{plans.bucket(key)}-{first}", rows)


def write_output(output: str, clips: int) -> None:
    """What a run leaves that is done with so many clips: of 64 one quarantined and one failed.

    Keys repeat from shard to shard, so that one tar of small members serves all.
    """
    for folder in (*FOLDERS, CHECKPOINT):
        Path(output, folder).mkdir(exist_ok=True)
    rows = [_row(number) for number in range(CLIPS_PER_SHARD)]
    table = to_table(rows, ManifestRow)
    Path(output, "one.tar").write_bytes(_tar())
    held = [QuarantineRow(0, row.key, row.verdict, row.stage, row.reason, "", "[]", "") for row in rows[-2:]]
    rng = np.random.default_rng(0)
    for shard, first in enumerate(range(0, clips, CLIPS_PER_SHARD)):
        name, size = shard_name("a" * 32, shard), min(CLIPS_PER_SHARD, clips - first)
        columns = {
            "clip_id": pa.array(np.arange(first, first + size)),
            "shard": pa.array([name] * size),
            "source_hmac": pa.array([f"{shard // 35:032x}"] * size),
            "first_frame": pa.array(np.arange(first, first + size) % CLIPS_PER_SOURCE * 48),
            "margin": pa.array(rng.uniform(-1, 1, size)),
        }
        manifest = table.slice(0, size)
        for column, values in columns.items():
            manifest = manifest.set_column(manifest.schema.get_field_index(column), column, values)
        paths = {folder: Path(output, path) for folder, path in files_of(name).items()}
        written = parquet_form.written(manifest)
        paths["manifest"].write_bytes(written)
        pq.write_table(to_table(held, QuarantineRow), paths["quarantine"])
        files = {
            files_of(name)["manifest"]: {"sha256": hashlib.sha256(written).hexdigest(), "bytes": len(written)}
        }
        stats = {"name": name, **account(rows[:size]), "files": files}
        paths["stats"].write_text(json.dumps(stats))
        paths["shards"].unlink(missing_ok=True)
        paths["shards"].hardlink_to(Path(output, "one.tar"))
        Path(output, commit_of(name)).write_bytes(parquet_form.commit_record(manifest["clip_id"]))


def _row(number: int) -> ManifestRow:
    verdict: Verdict = "failed" if number == 63 else "quarantined" if number == 62 else "released"
    stage = "" if verdict == "released" else "decode"
    return ManifestRow(
        clip_id=0,
        key=f"k{number:02d}",
        verdict=verdict,
        shard="",
        stage=stage,
        reason=stage and "benchmark",
        source_hmac="",
        first_frame=0,
        frames=FRAMES - 5,
        window=FRAMES,
        width=1920,
        height=1080,
        fps_num=30,
        fps_den=1,
        people=number % 3,
        regenerated=number % 3,
        filled=0,
        frames_masked=FRAMES - 5,
        frames_painted=0,
        tracks=number % 3,
        diffusion_calls=number % 3,
        steps=[],
        margin=0.0,
        bypassed=False,
        video_bytes=0,
        sha256=hashlib.sha256(_PICTURES).hexdigest(),
        record_sha256=hashlib.sha256(_record()).hexdigest(),
        condition_sha256="",
        labels_sha256="",
        seconds={"condition": 1.0},
    )


def _record() -> bytes:
    gate = Gate("copy", "share", 0.0, 0.1, "at most")
    return json.dumps({"certificate": {"gates": [asdict(gate)]}}).encode()


def _tar() -> bytes:
    """Members that hold nothing but what a page asks for."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number in range(CLIPS_PER_SHARD):
            for extension, data in ((VIDEO, _PICTURES), (RECORD, _record())):
                info = tarfile.TarInfo(f"k{number:02d}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


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
    before, start = peak(), time.perf_counter()
    function(*arguments)
    results.put((time.perf_counter() - start, (peak() - before) / 1024))


def peak() -> int:
    """KiB that were resident at most. `ru_maxrss` would begin with what the parent had."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    options.run(main, parser)
