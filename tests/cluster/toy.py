"""A small job around the real sink and checkpoints, without models.

Every tenth clip is quarantined, every tenth plus one fails, the others are released after SECONDS each.
`crash=ID` kills the worker that meets that clip, `hang=ID` never lets it go on; `foreign=ID` makes a row that the
sink must refuse.
"""

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray._private.state import actors

from cluster.ledger import checkpoint, plans
from cluster.ledger.datasink import ShardNames, ShardSink
from cluster.ledger.plans import Plan
from cluster.ledger.repair import repair
from cluster.ledger.run import Run
from operators import storage
from operators.recovery.attempts import LIMIT, Attempts
from operators.recovery.fail_closed import each
from operators.release.shard_writer import write_shard
from operators.release.signature import Signer
from operators.video.encode import encode_video
from schemas.arrow import from_table, to_table
from schemas.certificate import Certificate, Gate, Step
from schemas.clip import ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.due import due
from schemas.measures import MEASURES
from schemas.policy import Policy
from schemas.profile import Profile

ROOT = Path(__file__).parents[2]
PROFILE = load(Profile, ROOT / "cluster/profiles/embedded.yaml")
POLICY = load(Policy, ROOT / "cluster/policies/driving.yaml")
GATE = Gate("copy", MEASURES["copy"], 0.0, 1.0, "at most")

Ended = ReleasedClip | QuarantinedClip | FailedClip


def make_ref(number: int, frames: int = 5) -> ClipRef:
    """The clip `number` of an imaginary source of 64x48 pixels at 10 frames/s."""
    name = hashlib.sha256(str(number).encode()).hexdigest()
    return ClipRef(
        clip_id=number,
        key=f"{name[:20]}-{number:06d}",
        uri=f"file:///videos/{number}.mp4",
        source_digest=name,
        source_hmac=name[:32],
        first_frame=0,
        overlap=1,
        pts=[512 * i for i in range(frames + 1)],
        time_base_num=1,
        time_base_den=5120,
        fps_num=10,
        fps_den=1,
        width=64,
        height=48,
        rotation=0,
    )


def passing(policy: Policy = POLICY, steps: Sequence[Step] = (), marked: bool = False) -> list[Gate]:
    """Every gate that is due, passed with room to spare."""
    return [
        Gate(
            one.name,
            MEASURES[one.name],
            2 * one.threshold if one.direction == "at least" else 0.0,
            one.threshold,
            one.direction,
        )
        for one in due(policy, list(steps), marked)
    ]


def released(
    ref: ClipRef,
    video: bytes,
    preview: bytes = b"",
    diffusion_calls: int = 2,
    marked: bool = False,
    policy: Policy = POLICY,
    steps: Sequence[Step] = (),
    scores: Mapping[str, float] | None = None,
    labels: bytes = b"",
) -> ReleasedClip:
    """A release with a certificate that fits, and some `scores` of gates in it."""
    gates = [
        replace(gate, score=(scores or {}).get(gate.name, gate.score))
        for gate in passing(policy, steps, marked)
    ]
    digest = hashlib.sha256(video).hexdigest()
    certificate = Certificate(
        clip_id=ref.clip_id,
        key=ref.key,
        variant="structhuman",
        treatment=policy.people,
        timing="source",
        conditioning_published=bool(preview),
        labels_published=policy.labels != "none",
        frames=ref.frames,
        people=min(1, diffusion_calls),
        regenerated=min(1, diffusion_calls),
        filled=0,
        frames_masked=ref.frames * min(1, diffusion_calls),
        frames_painted=0,
        tracks=min(1, diffusion_calls),
        diffusion_calls=diffusion_calls,
        marked=marked,
        gates=gates,
        steps=list(steps),
        output_sha256=digest,
        source_hmac=ref.source_hmac,
        weights_digest="0" * 64,
        profile_digest=PROFILE.digest(),
        policy_digest=policy.digest(),
        code_version="1" * 64,
        seed_commitment="2" * 64,
    )
    seconds = {"condition": 0.25, "audit": 0.5}
    return ReleasedClip(ref, video, preview, certificate, policy.model_dump_json(), seconds, labels)


def noise(ref: ClipRef, seed: int | None = None) -> bytes:
    """A real mp4 of the clip's released frames; without a seed different each time, as a GPU's may be."""
    frames = np.random.default_rng(seed).integers(0, 255, (ref.frames, ref.height, ref.width, 3), np.uint8)
    return encode_video(frames, ref.pts[ref.overlap :], ref.time_base, ref.fps, 40, "ultrafast")


def run_of(plan: str, output: str, signer: Signer | None = None, policy: Policy = POLICY) -> Run:
    """A run by the toy's settings."""
    return Run(Plan(plan), output, PROFILE, policy, signer=signer)


def failed(ref: ClipRef) -> Ended:
    """No video comes of it."""
    return FailedClip(ref, "condition", "not one frame can be decoded", "Plan it again", {})


def ended(ref: ClipRef, seed: int | None = None) -> Ended:
    """The verdict follows from the number."""
    if ref.clip_id % 10 == 0:
        return QuarantinedClip(ref, "audit", "gate failed: copy", [GATE], [], {"audit": 0.125})
    if ref.clip_id % 10 == 1:
        return failed(ref)
    return released(ref, noise(ref, seed), noise(ref, 0))


def write_output(
    plan: str,
    output: str,
    count: int,
    clips_per_shard: int = 4,
    signer: Signer | None = None,
    end: Callable[[ClipRef], Ended] | None = None,  # instead of `ended`
    policy: Policy = POLICY,
    refs: list[ClipRef] | None = None,  # of a plan that is there already
) -> list[str]:
    """A finished dataset over a plan of `count` clips, made without Ray; returns the names of its shards."""
    refs = write_plan(plan, count) if refs is None else refs
    checkpoint.begin(run_of(plan, output, signer, policy))
    names = [
        ShardNames().get_filename_for_task("a" * 32, task) for task in range(-(-count // clips_per_shard))
    ]
    for task, name in enumerate(names):
        part = refs[task * clips_per_shard : (task + 1) * clips_per_shard]
        files: dict[str, _File] = {}
        ids, opener = [ref.clip_id for ref in part], partial(_open, files)
        settings = run_of(plan, output, policy=policy).settings
        write_shard(map(end or ended, part), ids, name, opener, signer=signer, settings=settings)
        for path, file in files.items():
            storage.write_bytes(output, path, file.data)
        record = pa.BufferOutputStream()
        pq.write_table(pa.table({"clip_id": [ref.clip_id for ref in part]}), record)
        storage.write_bytes(output, f"checkpoint/{name}.parquet", record.getvalue().to_pybytes())
    checkpoint.finish(run_of(plan, output, signer, policy))
    ray.data.DataContext.get_current().checkpoint_config = None
    return names


class _File(io.BytesIO):
    """Keeps its bytes when it is closed."""

    def close(self) -> None:
        self.data = self.getvalue()
        super().close()


def _open(files: dict[str, _File], path: str) -> _File:
    files[path] = _File()
    return files[path]


def write_plan(plan: str, count: int, files: int = 3) -> list[ClipRef]:
    """A plan of `count` clips in several parquet files."""
    refs = [make_ref(number) for number in range(count)]
    for index in range(files):
        plans.write_clips(plan, f"{index:02x}-toy", to_table(refs[index::files], ClipRef))
    return refs


class Toy:
    """Stands for all stages."""

    def __init__(self, output: str, seconds: float, crash: int, hang: int, foreign: int) -> None:
        self.attempts = Attempts(max_seconds=3, output=storage.absolute(output))
        self.seconds, self.crash, self.hang, self.foreign = seconds, crash, hang, foreign

    def __call__(self, clips: pa.Table) -> pa.Table:
        rows = each("condition", self.process, from_table(clips, ClipRef), self.attempts)
        table = to_table(rows, ReleasedClip, QuarantinedClip, FailedClip)
        if self.foreign in table["clip_id"].to_pylist():
            unknown = pa.array(
                [row["clip_id"] + 1 for row in table.select(["clip_id"]).to_pylist()], pa.int64()
            )
            return table.set_column(0, "clip_id", unknown)
        return table

    def process(self, ref: ClipRef) -> Ended:
        time.sleep(self.seconds)
        if ref.clip_id == self.crash:
            os._exit(1)
        if ref.clip_id == self.hang:  # in native code that lets no other Python thread run
            re.fullmatch("(a+)+b", "a" * 99)
        return ended(ref)


def run(
    uri: str,
    output: str,
    seconds: float = 0.0,
    crash: int = -1,
    hang: int = -1,
    foreign: int = -1,
    partition: str = "1/1",
    policy: Policy = POLICY,
) -> dict[str, Any]:
    """The real job's frame: begin, run, run again clip by clip, record what is lost, finish."""
    plan = Plan.of(uri, partition)
    checkpoint.begin(Run(plan, output, PROFILE, policy))
    filesystem, paths = plan.files()
    for clips_per_shard in (4, 1):
        if not checkpoint.missing(plan, output).size:
            break
        (
            ray.data.read_parquet(paths, filesystem=filesystem)
            .repartition(target_num_rows_per_block=clips_per_shard)
            .map_batches(
                Toy,
                fn_constructor_args=(output, seconds, crash, hang, foreign),
                batch_format="pyarrow",
                batch_size=None,
                compute=ray.data.ActorPoolStrategy(size=1, max_tasks_in_flight_per_actor=1),
                num_cpus=0.8,
                max_task_retries=LIMIT,
            )
            .write_datasink(ShardSink(output), ray_remote_args={"num_cpus": 0.25})
        )
        repair(output)
    checkpoint.record_lost(Run(plan, output, PROFILE, policy))
    return checkpoint.finish(Run(plan, output, PROFILE, policy))


def actors_left(patience: float = 30.0) -> list[str]:
    """Classes of the pools' actors that are still there, however long one waits."""
    until = time.monotonic() + patience
    while True:
        names = [one["ActorClassName"] for one in actors().values() if one["State"] != "DEAD"]
        left = [name for name in names if name.startswith("MapWorker")]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.2)


def contents(output: str) -> dict[str, bytes]:
    return {path: storage.read_bytes(output, path) for path in storage.list_files(output)}


def manifest(output: str) -> list[dict[str, object]]:
    filesystem, root = storage.arrow_filesystem(output)
    paths = [path for path in storage.list_files(output) if path.startswith("manifest/")]
    return [
        row for path in paths for row in pq.read_table(f"{root}/{path}", filesystem=filesystem).to_pylist()
    ]


def assert_complete(output: str, count: int) -> None:
    """Each of `count` clips once, with the verdict that its number gives, and nothing left over."""
    verdicts = {0: "quarantined", 1: "failed"}
    rows = sorted((row["clip_id"], row["verdict"]) for row in manifest(output))
    assert rows == [(number, verdicts.get(number % 10, "released")) for number in range(count)]
    assert json.loads(storage.read_bytes(output, "dataset.json"))["planned"] == {
        "clips": count,
        "frames": 5 * count,
    }
    names = {match[1] for path in storage.list_files(output) if (match := re.search(r"/(\w+-\d+)\.", path))}
    records = [path for path in storage.list_files(output) if path.startswith("checkpoint/")]
    assert sorted(records) == sorted(f"checkpoint/{name}.parquet" for name in names)
