"""Does a row say anything but what may be said in public? Of what is not released words tell: schemas/words.py."""

import math
import re
from collections.abc import Iterable, Mapping

from operators.release.json_form import parsed
from operators.release.shard_writer import gates_text
from operators.stopwatch import STAGE_OF, STEPS
from schemas import words
from schemas.certificate import Gate, Step
from schemas.manifest import ManifestRow, QuarantineRow

_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
_DIGESTS = ("sha256", "record_sha256", "condition_sha256", "labels_sha256")
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
# Numbers beyond are no clip's: whatever they were, nobody compares them with anything.
_LEAST = {"first_frame": 0, "frames": 0, "window": 0, "width": 0, "height": 0, "fps_num": 1, "fps_den": 1}
_MOST = {"window": 1 << 20, "width": 1 << 16, "height": 1 << 16}
_MOST_COUNTED = 1 << 31


def unsayable(row: ManifestRow) -> list[str]:
    """Fields of a row of the manifest that hold other words than theirs."""
    if row.verdict == "released":
        plain = {"stage": not row.stage, "reason": not row.reason}
    else:
        plain = {"stage": row.stage in words.STAGES, "reason": words.reason(row.reason) == row.reason}
        plain |= {name: not getattr(row, name) for name in _OF_RELEASED}
    plain |= {"steps": not unsayable_steps(row.steps), "seconds": _spent(row.seconds)}
    plain |= {
        name: least <= getattr(row, name) < _MOST.get(name, _MOST_COUNTED) for name, least in _LEAST.items()
    }
    plain["frames"] &= row.frames <= row.window
    plain["fps_den"] &= math.gcd(row.fps_num, row.fps_den) == 1
    digests = {name: bool(_DIGEST.fullmatch(getattr(row, name))) for name in _DIGESTS}
    plain |= {name: holds and plain.get(name, True) for name, holds in digests.items()}
    plain |= {"source_hmac": bool(re.fullmatch(r"(?:[0-9a-f]{32})?", row.source_hmac))}
    return [name for name, holds in plain.items() if not holds]


def unsayable_held(row: QuarantineRow) -> list[str]:
    """The same of a row of the quarantine; what it repeats of the manifest's is compared with that."""
    plain = {
        "remedy": words.remedy(row.remedy) == row.remedy,
        "gates": not row.gates or _again(row.gates) == row.gates,
        "output_hmac": bool(_DIGEST.fullmatch(row.output_hmac)),
    }
    return [name for name, holds in plain.items() if not holds]


def unsayable_steps(steps: Iterable[Step]) -> bool:
    """Whether one of the steps gives another reason than a rung can have, or a person's words that lead to a file."""
    return not all(
        _DIGEST.fullmatch(step.output_sha256)
        and (words.written(step.reason) and words.written(step.by) if step.by else words.climbed(step.reason))
        for step in steps
    )


def _spent(seconds: Mapping[str, float]) -> bool:
    """Whether these may be seconds by step and stage."""
    return set(seconds) <= {*STEPS, *STAGE_OF} and all(0 <= each < _MOST_COUNTED for each in seconds.values())


def gates_of(text: str) -> list[Gate]:
    """The gates that a row of the quarantine holds. Raises ValueError and the like for what it does not."""
    return [Gate.read(gate) for gate in parsed(text or "[]")]


def _again(gates: str) -> str:
    """As it would be written anew; empty if it cannot be read."""
    try:
        return gates_text(gates_of(gates))
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
