"""The real job with stages that load nothing and are long at every clip: `python -m tests.jobs.slow_stages ...`, as
`python -m jobs.anonymize ...`. For what becomes of a run that is told something meanwhile."""

import runpy
import time

import pyarrow as pa

import operators.audit
import operators.condition
import operators.regenerate
from operators.recovery.attempts import Attempts
from operators.recovery.fail_closed import each
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning


class Slow:
    """In place of Condition."""

    def __init__(self, _profile: object, _policy: object, _key: bytes, attempts: Attempts, _: object) -> None:
        self.attempts = attempts

    def __call__(self, clips: pa.Table) -> pa.Table:
        rows = each("condition", self.slowly, from_table(clips, ClipRef), self.attempts)
        return to_table(rows, Conditioning, QuarantinedClip, FailedClip)

    def slowly(self, ref: ClipRef) -> Conditioning:
        time.sleep(120)
        raise TimeoutError(f"clip {ref.clip_id} was not stopped")


class Passing:
    """In place of Regenerate and of Audit."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, clips: pa.Table) -> pa.Table:
        return clips


if __name__ == "__main__":
    operators.condition.Condition = Slow  # type: ignore[assignment, misc]
    operators.regenerate.Regenerate = operators.audit.Audit = Passing  # type: ignore[assignment, misc]
    runpy.run_module("jobs.anonymize", run_name="__main__")
