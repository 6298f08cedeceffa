"""The three stages with their types, their models replaced by sleeps, and what they leave to be measured by.

A stage writes when its model was busy with a clip into a file of its own process: FOLDER/STAGE-PID, lines of
`from to` in seconds of the monotonic clock, which all processes of a machine share.
"""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from operators.recovery.attempts import Attempts
from operators.recovery.fail_closed import each
from schemas.arrow import from_table, to_table
from schemas.certificate import Certificate, Gate
from schemas.clip import CandidateClip, ClipRef, Evidence, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.due import due
from schemas.policy import Policy

PAYLOAD = 1 << 20  # bytes of video that a clip carries from stage to stage: two seconds of 1080p
SHARE = {
    "condition": 0.25,
    "regenerate": 1.0,
    "audit": 0.125,
}  # of the seconds that Regenerate takes for a clip
FRAMES, OVERLAP = 53, 5
ENDED = (QuarantinedClip, FailedClip)
_POLICY = load(Policy, "cluster/policies/driving.yaml", ["publish_conditioning=false"])
_GATES = [
    Gate(one.name, "as good as it may be at least", one.threshold, one.threshold, one.direction)
    for one in due(_POLICY, [], marked=False)
]
_MASK = np.zeros((FRAMES, 96, 160), bool)
_UNPAINTED = np.zeros((0, 6), np.int32)


class Stage:
    """`seconds` are those of Regenerate; the other stages sleep their share of them."""

    name: str
    taken: tuple[type, ...]
    made: tuple[type, ...]

    def __init__(self, folder: str, output: str, seconds: float) -> None:
        self.seconds, self.attempts = seconds * SHARE[self.name], Attempts(900, output)
        self.times = Path(folder, f"{self.name}-{os.getpid()}")
        self.video = np.random.default_rng(os.getpid()).bytes(PAYLOAD)

    def __call__(self, clips: pa.Table) -> pa.Table:
        """One table of clips to the next, as the real stages do it."""
        return to_table(
            each(self.name, self.slowly, from_table(clips, *self.taken), self.attempts), *self.made
        )

    def slowly(self, row: Any) -> Any:
        """Sleep, write down when, and make the next type."""
        begin = time.monotonic()
        time.sleep(self.seconds)
        end = time.monotonic()
        with self.times.open("a") as times:
            times.write(f"{begin} {end}\n")
        return self.one(row)

    def one(self, row: Any) -> Any:
        """A row of the next type."""
        raise NotImplementedError


class Condition(Stage):
    """ClipRef -> Conditioning, without tubes."""

    name, taken, made = "condition", (ClipRef,), (Conditioning, *ENDED)

    def one(self, row: ClipRef) -> Conditioning:
        """The background is what weighs."""
        evidence = Evidence(
            variant="structhuman",
            treatment="regenerate",
            timing="source",
            conditioning_video=b"",
            mask=_MASK,
            body=_MASK,
            renewed=_MASK,
            spared=np.zeros_like(_MASK),
            excepted=[],
            painted=_UNPAINTED,
            people=[],
            gates=[],
            steps=[],
            seconds={},
        )
        return Conditioning(row, evidence, self.video, [], [], [])


class Regenerate(Stage):
    """Conditioning -> CandidateClip: what holds the GPU."""

    name, taken, made = "regenerate", (Conditioning, *ENDED), (CandidateClip, *ENDED)

    def one(self, row: Conditioning) -> CandidateClip:
        """The video is what weighs."""
        return CandidateClip(
            row.ref, row.evidence, self.video, regenerated=1, tracks=1, diffusion_calls=4, seed_commitment="s"
        )


class Audit(Stage):
    """CandidateClip -> ReleasedClip, with a certificate that certifies nothing."""

    name, taken, made = "audit", (CandidateClip, *ENDED), (ReleasedClip, *ENDED)

    def one(self, row: CandidateClip) -> ReleasedClip:
        """Hashes the video, as the real one."""
        ref, digest = row.ref, hashlib.sha256(row.video).hexdigest()
        about = (
            ref.clip_id,
            ref.key,
            row.evidence.variant,
            row.evidence.treatment,
            row.evidence.timing,
            False,
            False,
            ref.frames,
            1,
            1,
            0,
            ref.frames,
            0,
            1,
            row.diffusion_calls,
        )
        digests = (digest, ref.source_hmac, "w", "p", _POLICY.digest(), "c", row.seed_commitment)
        certificate = Certificate(*about, False, _GATES, [], *digests)
        policy = _POLICY.model_dump_json()
        return ReleasedClip(ref, row.video, b"", certificate, policy, row.evidence.seconds)  # type: ignore[arg-type]


STAGES: tuple[type[Stage], ...] = (Condition, Regenerate, Audit)


def references(clips: int) -> pa.Table:
    """Ids 0 to `clips` - 1, each of a source of its own."""
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(clips)]
    pts = list(range(FRAMES))
    refs = [
        ClipRef(
            number,
            name[:24],
            f"file:///{number}.mp4",
            name,
            name[:32],
            0,
            OVERLAP,
            pts,
            1,
            30,
            30,
            1,
            1920,
            1080,
            0,
        )
        for number, name in enumerate(names)
    ]
    return to_table(refs, ClipRef)


def packed(clips: pa.Table) -> bytes:
    """A table as Arrow IPC bytes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, clips.schema) as writer:
        writer.write_table(clips)
    return sink.getvalue().to_pybytes()


def unpacked(data: bytes) -> pa.Table:
    """What `packed` took."""
    return pa.ipc.open_stream(data).read_all()


def busy_times(folder: str, stage: str = "regenerate") -> np.ndarray:
    """float64 [clips,2]: from when to when the stage's models were busy, by the end."""
    lines = [
        line.split() for path in Path(folder).glob(f"{stage}-*") for line in path.read_text().splitlines()
    ]
    times = np.array(lines, np.float64).reshape(-1, 2)
    return times[np.argsort(times[:, 1])]


def busy_share(times: np.ndarray, begin: float, end: float, gpus: int) -> float:
    """What part of `gpus` x (`end` - `begin`) seconds was busy."""
    overlap = np.minimum(times[:, 1], end) - np.maximum(times[:, 0], begin)
    return float(np.clip(overlap, 0, None).sum() / (gpus * (end - begin)))
