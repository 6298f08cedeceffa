"""What is said about a clip, and by which measure: gates and the certificate that a release carries."""

from dataclasses import dataclass
from typing import Literal

Variant = Literal["structhuman", "structall"]


@dataclass(frozen=True)
class Gate:
    """One check of one clip. `score` and `threshold` are in the unit that `measure` names."""

    name: str
    measure: str
    score: float
    threshold: float
    passed: bool


@dataclass(frozen=True)
class Certificate:
    """Everything needed to check a released clip later, from the output alone. Holds no source name.

    `frames` counts released frames; digests are sha256 in hex. `seed_commitment` is the sha256 of the
    seeds used: it proves a later claim about them without making the look predictable now.
    """

    clip_id: int
    key: str
    variant: Variant
    frames: int
    people: int
    tracks: int
    diffusion_calls: int
    gates: list[Gate]
    output_sha256: str
    source_digest: str
    weights_digest: str
    profile_digest: str
    policy_digest: str
    code_version: str
    seed_commitment: str
