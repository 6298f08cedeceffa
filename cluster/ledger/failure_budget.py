"""Stopping early: a run in which too much fails is ended, before it has spent days on failing.

The shards that stand in OUT/stats are what is counted, those of earlier runs of the same command included.
"""

import json
import threading
import time
from functools import partial
from typing import Any

from ray.data import DataContext
from ray.data._internal.execution.execution_callback import ExecutionCallback

from operators import storage
from operators.release.shard_writer import total
from schemas.errors import UserError
from schemas.policy import Failures

PAUSE = 5.0  # s between two looks at the output, at least


def stop_above(limits: Failures, output: str) -> None:
    """Every execution made after, in this process, ends with UserError when `output` goes beyond `limits`."""
    DataContext.get_current().custom_execution_callback_classes = [partial(_Watch, limits, output)]


def require(limits: Failures, output: str, stats: list[dict[str, Any]]) -> None:
    """Raises UserError if the shards that `stats` tell of are beyond a limit."""
    if problem := check(limits, stats):
        remedy = "See OUT/quarantine for the reasons, mend the cause and begin anew, or raise policy.failures"
        raise UserError(output, f"stopped: {problem}", remedy)


def check(limits: Failures, stats: list[dict[str, Any]]) -> str:
    """Which limit these shards are beyond, in words; empty if none."""
    for shard in stats:
        if (share := _share(shard, "failed")) > limits.in_shard:
            return (
                f"{share:.0%} of the clips of shard {shard['name']} failed (in_shard: {limits.in_shard:.0%})"
            )
    done = total(stats)
    if done["planned"]["clips"] >= limits.after_clips:
        for verdict in ("failed", "quarantined"):
            limit = getattr(limits, verdict)
            if (share := _share(done, verdict)) > limit:
                clips = f"{done[verdict]['clips']} of {done['planned']['clips']} clips"
                return f"{share:.0%} of the clips so far {verdict} ({clips}; {verdict}: {limit:.0%})"
    return ""


def _share(counts: dict[str, Any], verdict: str) -> float:
    return counts[verdict]["clips"] / max(counts["planned"]["clips"], 1)


class _Watch(ExecutionCallback):
    """Looks from a thread of its own: listing a large output takes seconds, in which nothing may stand still."""

    def __init__(self, limits: Failures, output: str) -> None:
        self.limits, self.output = limits, output
        self.problem: UserError | None = None
        self.ended = threading.Event()

    def before_execution_starts(self, executor: Any) -> None:
        threading.Thread(target=self._look, daemon=True).start()

    def on_execution_step(self, executor: Any) -> None:
        """Raises UserError once the limits are passed."""
        if self.problem:
            raise self.problem

    def after_execution_succeeds(self, executor: Any) -> None:
        self.ended.set()

    def after_execution_fails(self, executor: Any, error: Exception) -> None:
        self.ended.set()

    def _look(self) -> None:
        seen: dict[str, dict[str, Any]] = {}
        pause = 0.0
        while not self.ended.wait(pause):
            pause, start = PAUSE, time.monotonic()
            try:
                for path in storage.list_files(f"{self.output}/stats"):
                    if path not in seen:
                        seen[path] = json.loads(storage.read_bytes(f"{self.output}/stats", path))
            except (OSError, UserError, ValueError):  # not to be read now: the next look will
                continue
            try:
                require(self.limits, self.output, list(seen.values()))
            except UserError as error:
                self.problem = error
            pause = max(PAUSE, 20 * (time.monotonic() - start))
