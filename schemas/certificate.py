"""What is said about a clip, and by which measure: gates and the certificate that a release carries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Variant = Literal["structhuman", "structall"]
Timing = Literal["source", "nominal"]
Rung = Literal["other seed", "larger mask", "opaque fill"]


@dataclass(frozen=True)
class Gate:
    """One check of one clip. `score` and `threshold` are in the unit that `measure` names."""

    name: str
    measure: str
    score: float
    threshold: float
    passed: bool

    @staticmethod
    def at_most(name: str, measure: str, score: float, threshold: float) -> "Gate":
        """Passes up to the threshold. NaN compares false, so what could not be computed does not pass."""
        return Gate(name, measure, float(score), threshold, bool(score <= threshold))

    @staticmethod
    def at_least(name: str, measure: str, score: float, threshold: float) -> "Gate":
        """Passes from the threshold on; NaN does not."""
        return Gate(name, measure, float(score), threshold, bool(score >= threshold))


@dataclass(frozen=True)
class Step:
    """Something done differently for one clip, because a gate refused it before or a reviewer asked for it.

    `by` is empty, or the reviewer's name; `output_sha256` is then the video that was looked at, empty if there was
    none. `accept` waives the gates `waives`, for that very video and for no other.
    """

    name: Literal["other seed", "larger mask", "opaque fill", "accept"]
    reason: str
    by: str = ""
    output_sha256: str = ""
    waives: list[str] = field(default_factory=list)


def refused(gates: Sequence[Gate], steps: Sequence[Step], output_sha256: str) -> list[str]:
    """Names of the gates that the video did not pass and that no named reviewer waived for it.

    A score that could not be computed cannot be waived: nobody knows what is.
    """
    accepted = [step for step in steps if step.name == "accept" and step.by.strip() and output_sha256]
    waived = {name for step in accepted if step.output_sha256 == output_sha256 for name in step.waives}
    return [
        gate.name
        for gate in gates
        if not (gate.passed or (gate.name in waived and math.isfinite(gate.score)))
    ]


def margin(gates: Sequence[Gate]) -> float:
    """How close the closest gate was: the score's distance to its threshold as a share of the larger of the two.

    1 is far on the good side, 0 at the threshold, below 0 beyond it; -1 if a score is no number, or nothing is known.
    A count that must be 0, and is, tells nothing.
    """
    return min((_distance(gate) for gate in gates), default=-1.0)


def _distance(gate: Gate) -> float:
    if not math.isfinite(gate.score):
        return -1.0
    largest = max(abs(gate.score), abs(gate.threshold))
    away = min(1.0, abs(gate.score - gate.threshold) / largest) if largest else 1.0
    return away if gate.passed else -away


@dataclass(frozen=True)
class Certificate:
    """Everything needed to check a released clip later, from the output alone. Holds no source name.

    `steps` led to this output, in order; none for most clips. `frames` counts released frames; digests are sha256 in
    hex. `seed_commitment` is the sha256 of the seeds used: it proves a later claim about them without making the look
    predictable now. `source_hmac` is one under the plan's release key of the source's digest: without the key nobody
    can tell by it which file a clip was made of. `timing` is where the distances between timestamps come from;
    `conditioning_published` says that poses and depth were meant to be seen beside the video.
    """

    clip_id: int
    key: str
    variant: Variant
    timing: Timing
    conditioning_published: bool
    frames: int
    people: int
    tracks: int
    diffusion_calls: int
    gates: list[Gate]
    steps: list[Step]
    output_sha256: str
    source_hmac: str
    weights_digest: str
    profile_digest: str
    policy_digest: str
    code_version: str
    seed_commitment: str
