"""What is said about a clip, and by which measure: gates and the certificate that a release carries."""

import math
import numbers
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.listed import Listed
from schemas.measures import MEASURES
from schemas.rules import Treatment

Variant = Literal["structhuman", "structall"]
Timing = Literal["source", "nominal"]
Rung = Literal["other seed", "larger mask", "opaque fill"]
Direction = Literal["at most", "at least"]


def is_number(value: object) -> bool:
    """Neither a word that reads like one, nor a yes or no: False would be below every limit."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def number(value: object) -> float:
    """Raises TypeError for what is none."""
    if not is_number(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Gate:
    """One check of one clip. `score` and `threshold` are in the unit that `measure` names, see measures.py."""

    name: str
    measure: str
    score: float
    threshold: float
    direction: Direction

    def __post_init__(self) -> None:
        """Raises TypeError for what is no number: a stage that says nothing has failed, and so has its clip."""
        if not is_number(self.score) or not is_number(self.threshold):
            raise TypeError(f"gate {self.name}: score and threshold are numbers")
        if type(self) is not Gate:
            raise TypeError(f"gate {self.name}: whether it passed is for no other class to say")
        for name in ("score", "threshold"):  # plain ones: a number of another class might compare as it likes
            object.__setattr__(self, name, float(getattr(self, name)) + 0.0)  # and of zeros the one

    @property
    def passed(self) -> bool:
        """Computed whenever it is asked for, and stored nowhere; a score that is no finite number has not passed."""
        if not math.isfinite(self.score) or not math.isfinite(self.threshold):
            return False
        match self.direction:
            case "at most":
                return self.score <= self.threshold
            case "at least":
                return self.score >= self.threshold
        return False

    @classmethod
    def at_most(cls, name: str, score: float, threshold: float) -> "Gate":
        """Passes up to the threshold. Raises KeyError for a gate that there is not."""
        return cls(name, MEASURES[name], number(score), number(threshold), "at most")

    @classmethod
    def at_least(cls, name: str, score: float, threshold: float) -> "Gate":
        """Passes from the threshold on. Raises KeyError for a gate that there is not."""
        return cls(name, MEASURES[name], number(score), number(threshold), "at least")

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Gate":
        """From JSON, in which a score that is no number is a word."""
        return cls(**{**written, "score": float(written["score"])})


def require_gates(gates: Sequence[Gate]) -> None:
    """Raises TypeError for anything but gates: what a stage says by mistake ends its clip, and not the stage."""
    if strange := [type(one).__name__ for one in gates if type(one) is not Gate]:
        raise TypeError(f"a {strange[0]} where a gate is due")


@dataclass(frozen=True)
class Step:
    """Something done differently for one clip, because a gate refused it before or a reviewer asked for it.

    `by` is empty, or the reviewer's name; `output_sha256` is then the video that was looked at, empty if there was
    none, and of one that was refused and is not accepted what it is called in public (keyed.py). `accept` waives the
    gates `waives`, for that very video and for no other.
    """

    name: Literal["other seed", "larger mask", "opaque fill", "accept"]
    reason: str
    by: str = ""
    output_sha256: str = ""
    waives: list[str] = field(default_factory=list)


def refused(
    gates: Sequence[Gate], steps: Sequence[Step], output_sha256: str, may_waive: Collection[str]
) -> list[str]:
    """Names of the gates that the video did not pass and that no named reviewer waived for it.

    A step that waives anything else than `may_waive` waives nothing. A score that could not be computed cannot be
    waived: nobody knows what is.
    """
    accepted = [step for step in steps if step.name == "accept" and step.by.strip() and output_sha256]
    waived = {
        name
        for step in accepted
        if step.output_sha256 == output_sha256 and set(step.waives) <= set(may_waive)
        for name in step.waives
    }
    return [
        gate.name
        for gate in gates
        if not (gate.passed or (gate.name in waived and math.isfinite(gate.score)))
    ]


def filled(steps: Sequence[Step]) -> bool:
    """Whether these steps ask for a flat fill in place of generated people; "other seed" after it takes it back."""
    fills = [step.name == "opaque fill" for step in steps if step.name in ("opaque fill", "other seed")]
    return bool(fills) and fills[-1]


def generated(tracks: int, steps: Sequence[Step]) -> bool:
    """Whether a clip shows anything generated or drawn: somebody or something was replaced, and not by a flat fill."""
    return tracks > 0 and not filled(steps)


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

    `people` were `regenerated` or `filled`, that is, made a flat shape or background, or disguised as `treatment` says,
    each once however often a detector saw them. `frames_masked` and `frames_painted` are the released frames in which
    anything was made anew or disguised, or painted over. `steps` led to this output, in order; none for most clips.
    `frames` counts released frames; digests are sha256 in hex. `marked`: the video carries a C2PA manifest.
    `seed_commitment` is the sha256 of the seeds used: it proves a later claim about them without making the look
    predictable now. `source_hmac` is one under the plan's release key of the source's digest: without the key nobody
    can tell by it which file a clip was made of. `excepted` is who stayed as they are, in which released frames, where,
    by which consent and whose word. `timing` is where the distances between timestamps come from;
    `conditioning_published` says that poses and depth were meant to be seen beside the video, `labels_published` that
    labels of the generated people lie beside it.
    """

    clip_id: int
    key: str
    variant: Variant
    treatment: Treatment
    timing: Timing
    conditioning_published: bool
    labels_published: bool
    frames: int
    people: int
    regenerated: int
    filled: int
    frames_masked: int
    frames_painted: int
    tracks: int
    diffusion_calls: int
    marked: bool
    gates: list[Gate]
    steps: list[Step]
    output_sha256: str
    source_hmac: str
    weights_digest: str
    profile_digest: str
    policy_digest: str
    code_version: str
    seed_commitment: str
    excepted: list[Listed] = field(default_factory=list)
