"""Failing closed: what becomes of a clip when a stage raises."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operators.attempts import Attempts, Exhausted, Unrecorded
from operators.decode import DecodeError
from schemas.certificate import Gate
from schemas.clip import FailedClip, QuarantinedClip

log = logging.getLogger("recast")


class Rejected(Exception):
    """A gate says no. The message becomes the quarantine's reason, so it names no source.

    `gates` are all scores of the clip known by then.
    """

    def __init__(self, reason: str, gates: list[Gate]) -> None:
        super().__init__(reason)
        self.gates = gates


def each(stage: str, process: Callable[[Any], Any], rows: list[Any], attempts: Attempts) -> list[Any]:
    """`process` every row, each as one of its attempts; clips that already ended pass by.

    A source that cannot be read, or a clip whose attempts are used up, is a failed clip, everything else that
    goes wrong a quarantined one. Neither holds a pixel. An unexpected exception's message may quote file names
    or data, so the record only says what was raised and where in our code. Raises Unrecorded: a clip is not
    tried without a record.
    """
    results = []
    for row in rows:
        if isinstance(row, QuarantinedClip | FailedClip):
            results.append(row)
            continue
        ref = getattr(row, "ref", row)
        seconds = getattr(row, "seconds", {})
        try:
            with attempts.attempt(stage, ref.clip_id):
                results.append(process(row))
        except Unrecorded:
            raise
        except Exhausted as error:
            remedy = "See the workers' logs; give the stage more memory or time, or leave the source out"
            results.append(FailedClip(ref, stage, str(error), remedy, seconds))
        except DecodeError as error:
            results.append(FailedClip(ref, stage, error.reason, error.remedy, seconds))
        except Rejected as rejected:
            results.append(QuarantinedClip(ref, stage, str(rejected), rejected.gates, seconds))
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            log.error("clip %d quarantined in %s: %s", ref.clip_id, stage, reason)
            results.append(QuarantinedClip(ref, stage, reason, getattr(row, "gates", []), seconds))
    return results
