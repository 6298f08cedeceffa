"""What a dataset says about its clips: rows of OUT/manifest and OUT/quarantine. No source name, no pixel."""

from dataclasses import dataclass
from typing import Literal

from schemas.certificate import Step

Verdict = Literal["released", "quarantined", "failed"]


@dataclass(frozen=True)
class ManifestRow:
    """One clip of any verdict.

    `frames` counts the frames that the clip stands for, released or not; `window` also those of its overlap with
    the clip before. `steps` led to the verdict, in order; `margin` is that of `certificate.margin`.
    `people`, `regenerated`, `filled`, `frames_masked`, `frames_painted` as in the certificate; 0 unless released.
    `bypassed`: released as it is, with nobody and nothing to replace or paint over. Digests are sha256 in hex, empty
    where there is nothing: of KEY.mp4, KEY.json, KEY.condition.mp4 and the clip's labels. `stage` and `reason` are
    empty for released clips.
    """

    clip_id: int
    key: str
    verdict: Verdict
    shard: str
    stage: str
    reason: str
    source_hmac: str
    first_frame: int
    frames: int
    window: int
    width: int
    height: int
    fps_num: int
    fps_den: int
    people: int
    regenerated: int
    filled: int
    frames_masked: int
    frames_painted: int
    tracks: int
    diffusion_calls: int
    steps: list[Step]
    margin: float
    bypassed: bool
    video_bytes: int
    sha256: str
    record_sha256: str
    condition_sha256: str
    labels_sha256: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class QuarantineRow:
    """One clip that was not released: where it stopped, why, and what to do. `gates` is JSON.

    `output_hmac` tells which candidate was refused, which is nowhere in the dataset, to whoever has the plan's key (of
    64 hex digits, keyed.py); empty if there was none.
    """

    clip_id: int
    key: str
    verdict: Verdict
    stage: str
    reason: str
    remedy: str
    gates: str
    output_hmac: str


@dataclass(frozen=True)
class Breach:
    """Something about a dataset that is not as it must be: where, what, and what to do."""

    where: str
    problem: str
    remedy: str
