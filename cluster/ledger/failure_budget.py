"""Stopping early: a run in which too much fails, or that lost its output, is ended, before it has spent days on it.

The shards that stand in OUT/stats are what is counted, those of earlier runs of the same command included.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ray.data import DataContext

from cluster.ledger import lease
from cluster.ledger.events import Events
from cluster.ray_internals import ExecutionCallback
from operators import storage
from operators.release import json_form, reader
from operators.release.accounts import Total
from operators.release.stats_form import well_formed
from schemas.errors import UserError
from schemas.policy import Failures

T = TypeVar("T")
ROOM = 64 << 20  # bytes that have to be free on the output's disk, or twice the largest shard
PAUSE = 5.0  # s between two looks at the output, at least


def _any(_: dict[str, Any]) -> bool:
    return True


def stop_above(
    limits: Failures, output: str, owner: str = "", own: Callable[[dict[str, Any]], bool] = _any
) -> None:
    """Every execution made after, in this process, ends with UserError when `output` goes beyond `limits`, or when its
    lease is no more `owner`'s, and tells of each shard that is written. Only shards whose stats are its `own` count:
    others may write there, and say that all has failed."""
    watch = partial(_Watch, limits, output, Events(output), owner, own)
    DataContext.get_current().custom_execution_callback_classes = [watch]


def require_space(output: str) -> None:
    """Raises UserError if a local output's disk has no room for a shard: whatever is tried then is lost."""
    if "://" in output:
        return
    folder = Path(storage.absolute(output))
    there = next(path for path in (folder, *folder.parents) if path.exists())
    sizes = storage.list_files(storage.join(output, "shards")).values()
    free, needed = shutil.disk_usage(there).free, max(ROOM, 2 * max(sizes, default=0))
    if free < needed:
        problem = f"has {free / 2**20:.0f} MiB of free space left, and {needed / 2**20:.0f} MiB are needed for a shard"
        raise UserError(
            output, problem, "Free some, and run the same command again: nothing that is finished is lost"
        )


class Budget:
    """What may fail, and the shards so far. They are added up and not kept."""

    def __init__(self, limits: Failures) -> None:
        self.limits, self.done, self._in_shard = limits, Total(), ""

    def add(self, shard: dict[str, Any]) -> None:
        """Add a shard's stats."""
        self.done.add(shard)
        share = shard["failed"]["clips"] / max(shard["planned"]["clips"], 1)
        if share > self.limits.in_shard and not self._in_shard:
            limit = f"in_shard: {self.limits.in_shard:.0%}"
            self._in_shard = f"{share:.0%} of the clips of shard {shard['name']} failed ({limit})"

    def over(self, shards: Iterable[tuple[dict[str, Any], T]]) -> Iterator[tuple[dict[str, Any], T]]:
        """The same shards, with whatever comes with each, added as they pass."""
        for shard, digest in shards:
            self.add(shard)
            yield shard, digest

    def problem(self) -> str:
        """Which limit the shards are beyond, in words; empty if none."""
        planned = self.done.clips("planned")
        if self._in_shard or planned < self.limits.after_clips:
            return self._in_shard
        for verdict in ("failed", "quarantined"):
            limit, clips = getattr(self.limits, verdict), self.done.clips(verdict)
            if (share := clips / max(planned, 1)) > limit:
                so_far = f"{clips} of {planned} clips; {verdict}: {limit:.0%}"
                return f"{share:.0%} of the clips so far {verdict} ({so_far})"
        return ""

    def require(self, output: str) -> None:
        """Raises UserError if the shards are beyond a limit."""
        if problem := self.problem():
            remedy = (
                "See OUT/quarantine for the reasons, mend the cause and begin anew, or raise policy.failures"
            )
            raise UserError(output, f"stopped: {problem}", remedy)


class _Watch(ExecutionCallback):
    """Looks from a thread of its own: listing a large output takes seconds, in which nothing may stand still."""

    def __init__(
        self,
        limits: Failures,
        output: str,
        events: Events,
        owner: str = "",
        own: Callable[[dict[str, Any]], bool] = _any,
    ) -> None:
        self.budget, self.output, self.events, self.owner = Budget(limits), output, events, owner
        self.own = own
        self.problem: UserError | None = None
        self.ended, self.seen = threading.Event(), set[str]()
        self.looking = threading.Thread(target=self._look, daemon=True)

    def before_execution_starts(self, executor: Any) -> None:
        self.looking.start()

    def on_execution_step(self, executor: Any) -> None:
        """Raises UserError once the limits are passed or the lease is lost: Ray goes on when a task raises."""
        if self.problem:
            raise self.problem

    def after_execution_succeeds(self, executor: Any) -> None:
        """Tells what has come since the last look."""
        self.ended.set()
        self.looking.join()
        with contextlib.suppress(OSError, UserError):
            self._count()

    def after_execution_fails(self, executor: Any, error: Exception) -> None:
        self.ended.set()

    def _look(self) -> None:
        pause = 0.0
        while not self.ended.wait(pause):
            pause, start = PAUSE, time.monotonic()
            with contextlib.suppress(OSError, UserError):  # not to be listed now: the next look will
                self._count()
            try:
                if lease.is_held_here(self.owner):  # and not of what the process does after its run
                    lease.require(self.output, self.owner)
                self.budget.require(self.output)
                require_space(self.output)
            except UserError as error:
                self.problem = error
            pause = max(PAUSE, 20 * (time.monotonic() - start))

    def _count(self) -> None:
        """The shards that have come since. One that cannot be read now keeps no other from being counted."""
        folder = storage.join(self.output, "stats")
        for path in sorted({*reader.stats_files(self.output)} - self.seen):
            try:
                stats = json_form.parsed(storage.read_bytes(folder, path))
            except (OSError, UserError, ValueError):
                continue
            if not well_formed(stats) or not self.own(stats):
                continue
            self.budget.add(stats)
            self.seen.add(path)
            with contextlib.suppress(
                Exception
            ):  # what cannot be told stops neither the run nor who watches it
                self.events.tell(path, stats)
