"""Does a row say anything but what may be said in public? Of what is not released words tell: schemas/words.py."""

import json
import re
from collections.abc import Iterable

from operators.release.shard_writer import gates_text
from operators.stopwatch import STAGE_OF, STEPS
from schemas import words
from schemas.certificate import Gate, Step
from schemas.manifest import ManifestRow, QuarantineRow

_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
_DIGESTS = ("sha256", "record_sha256", "condition_sha256")
_OF_RELEASED: tuple[str, ...] = (
    "people",
    "regenerated",
    "filled",
    "frames_masked",
    "frames_painted",
    "tracks",
    "diffusion_calls",
)
_OF_RELEASED += ("bypassed", "video_bytes", *_DIGESTS)


def unsayable(row: ManifestRow) -> list[str]:
    """Fields of a row of the manifest that hold other words than theirs."""
    if row.verdict == "released":
        plain = {"stage": not row.stage, "reason": not row.reason}
    else:
        plain = {"stage": row.stage in words.STAGES, "reason": words.reason(row.reason) == row.reason}
        plain |= {name: not getattr(row, name) for name in _OF_RELEASED}
    plain |= {"steps": not unsayable_steps(row.steps), "seconds": set(row.seconds) <= {*STEPS, *STAGE_OF}}
    digests = {name: bool(_DIGEST.fullmatch(getattr(row, name))) for name in _DIGESTS}
    plain |= {name: holds and plain.get(name, True) for name, holds in digests.items()}
    plain |= {"source_hmac": bool(re.fullmatch(r"(?:[0-9a-f]{32})?", row.source_hmac))}
    return [name for name, holds in plain.items() if not holds]


def unsayable_held(row: QuarantineRow) -> list[str]:
    """The same of a row of the quarantine; what it repeats of the manifest's is compared with that."""
    plain = {
        "remedy": words.remedy(row.remedy) == row.remedy,
        "gates": not row.gates or _again(row.gates) == row.gates,
        "output_sha256": bool(_DIGEST.fullmatch(row.output_sha256)),
    }
    return [name for name, holds in plain.items() if not holds]


def unsayable_steps(steps: Iterable[Step]) -> bool:
    """Whether one of the steps gives another reason than a rung can have, or a person's words that lead to a file."""
    return not all(
        _DIGEST.fullmatch(step.output_sha256)
        and (words.written(step.reason) and words.written(step.by) if step.by else words.climbed(step.reason))
        for step in steps
    )


def _again(gates: str) -> str:
    """As it would be written anew; empty if it cannot be read."""
    try:
        return gates_text([Gate.read(gate) for gate in json.loads(gates)])
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
