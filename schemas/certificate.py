"""What is said about a clip, and by which measure: gates and the certificate that a release carries."""

from dataclasses import dataclass
from typing import Literal

Variant = Literal["structhuman", "structall"]
Rung = Literal["other seed", "larger mask", "opaque fill"]


@dataclass(frozen=True)
class Gate:
    """One check of one clip. `score` and `threshold` are in the unit that `measure` names."""

    name: str
    measure: str
    score: float
    threshold: float
    passed: bool


@dataclass(frozen=True)
class Step:
    """Something done differently for one clip, because a gate refused it before or a reviewer asked for it.

    `by` is empty, or the reviewer's name. `accept` waives what the policy lets a reviewer waive, for the video whose
    sha256 is `output_sha256` and for no other.
    """

    name: Literal["other seed", "larger mask", "opaque fill", "accept"]
    reason: str
    by: str = ""
    output_sha256: str = ""


@dataclass(frozen=True)
class Certificate:
    """Everything needed to check a released clip later, from the output alone. Holds no source name.

    `steps` led to this output, in order; none for most clips. `frames` counts released frames; digests are sha256 in
    hex. `seed_commitment` is the sha256 of the seeds used: it proves a later claim about them without making the look
    predictable now.
    """

    clip_id: int
    key: str
    variant: Variant
    frames: int
    people: int
    tracks: int
    diffusion_calls: int
    gates: list[Gate]
    steps: list[Step]
    output_sha256: str
    source_digest: str
    weights_digest: str
    profile_digest: str
    policy_digest: str
    code_version: str
    seed_commitment: str
