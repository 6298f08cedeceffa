"""Failing closed: what becomes of a clip when a stage raises."""

import hashlib
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operators.models.known_answer import Blind
from operators.recovery.attempts import Attempts, Exhausted, Unrecorded
from operators.recovery.escalation import Ladder
from operators.recovery.keyed import in_public
from operators.video.decode import DecodeError
from schemas.certificate import Gate, Rung, Step, require_gates
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip

log = logging.getLogger("recast")


class Rejected(Exception):
    """A gate says no. The message becomes the quarantine's reason, so it names no source.

    `gates` are all scores of the clip known by then; rungs of the ladder in `vain` would not help it.
    """

    def __init__(self, reason: str, gates: list[Gate], vain: frozenset[Rung] = frozenset()) -> None:
        super().__init__(reason)
        require_gates(gates)
        self.gates, self.vain = gates, vain


def each(
    stage: str,
    process: Callable[[Any], Any],
    rows: list[Any],
    attempts: Attempts,
    ladder: Ladder | None = None,
) -> list[Any]:
    """`process` every row, each as one of its attempts; clips that already ended pass by.

    A source that cannot be read, or a clip whose attempts are used up, is a failed clip, everything else that
    goes wrong a quarantined one. Neither holds a pixel. A clip that a gate refuses is left out of the result while
    the ladder has a rung for it: it has no verdict yet. Condition, which begins anew anyway, tries again at once.
    An unexpected exception's message may quote file names or data, so the record only says what was raised and
    where in our code. Raises Unrecorded: a clip is not tried without a
    record; and Blind: of a clip that nobody saw there is nothing to say.
    """
    results = []
    for row in rows:
        ended = isinstance(row, QuarantinedClip | FailedClip)
        result = row if ended else _one(stage, process, row, attempts, ladder)
        results += [] if result is None else [result]
    return results


def _one(
    stage: str, process: Callable[[Any], Any], row: Any, attempts: Attempts, ladder: Ladder | None
) -> Any | None:
    """What becomes of one row; None if it is to be tried again."""
    ref, evidence = getattr(row, "ref", row), getattr(row, "evidence", None)
    seconds = evidence.seconds if evidence else {}
    try:
        with attempts.attempt(stage, ref.clip_id):
            return process(row)
    except (Blind, Unrecorded):
        raise
    except Exhausted as error:
        remedy = "See the workers' logs; give the stage more memory or time, or leave the source out"
        return FailedClip(ref, stage, str(error), remedy, seconds)
    except DecodeError as error:
        return FailedClip(ref, stage, error.reason, error.remedy, seconds)
    except Exception as error:
        steps = evidence.steps if evidence else _due(ref, ladder)
        if isinstance(error, Rejected):
            reason, gates = str(error), error.gates
            if ladder and ladder.climb(ref.clip_id, steps, stage, reason, error.vain):
                # The first stage has all that it takes to try again, and its detectors remember what they were shown.
                return _one(stage, process, row, attempts, ladder) if stage == "condition" else None
        else:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            gates = evidence.gates if evidence else []
            log.error("clip %d quarantined in %s: %s", ref.clip_id, stage, reason)
        digest = in_public(_digest(row), attempts.vouching)
        return QuarantinedClip(ref, stage, reason, gates, steps, seconds, digest)


def _digest(row: Any) -> str:
    """sha256 in hex of a candidate's video; empty for a clip that was none yet."""
    return hashlib.sha256(row.video).hexdigest() if isinstance(row, CandidateClip) else ""


def _due(ref: ClipRef, ladder: Ladder | None) -> list[Step]:
    """The steps of a clip that is only a reference yet, and carries none itself."""
    return ladder.steps(ref.clip_id) if ladder else []
