"""Attempts at a clip, counted across processes, machines and runs: whatever ends its worker is not tried for ever."""

import contextlib
import faulthandler
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from operators import storage
from operators.recovery.keyed import Keyed
from operators.recovery.mark import mark_of
from schemas.errors import UserError

LIMIT = 3  # attempts at a clip by one stage whose worker died on this machine, while its run lived
LOST = 10  # and of any kind: with machines and runs that ended without a word, which may have nothing to do with a clip
FOLDER = "attempts"
_ENDS: dict[object, float] = {}  # of the limits that hold now
_LOCK = Lock()


class Exhausted(Exception):
    """Every attempt at the clip ended the process that made it. The message names no source."""


class Unrecorded(Exception):
    """An attempt cannot be recorded, as its place cannot be reached: nothing is known of the clip itself."""


class Attempts:
    """At most LIMIT attempts at a clip by a stage, each of at most `max_seconds`, and LOST with those of other runs.

    While a stage works on a clip, OUTPUT/attempts/CLIP.STAGE.N stands there, with `run` and the machine: it is written
    before and removed after, however that ended; a run that is told to stop removes what its workers leave (`stopped`).
    So what is found there is of a process that died over this clip, or with its machine or run. Without an `output`, as
    in training, nothing is counted. With a `vouching` only marks count that were written with it, for this very clip:
    others may write in the output, and would have any clip given up untried.
    """

    def __init__(
        self, max_seconds: float, output: str = "", run: str = "", vouching: Keyed | None = None
    ) -> None:
        self.max_seconds, self.output, self.run, self.vouching = max_seconds, output, run, vouching

    @contextlib.contextmanager
    def attempt(self, stage: str, *clip_ids: int) -> Iterator[None]:
        """One attempt at each of some clips, with the time of all.

        Raises Exhausted if too many attempts at one have ended badly, Unrecorded if this one's mark cannot be written.
        """
        marks: list[str] = []
        try:
            for clip_id in clip_ids if self.output else ():
                marks += self._mark(stage, clip_id)
            with time_limit(self.max_seconds * len(clip_ids)):
                yield
        finally:
            # A mark that stays counts against the clip only, and once.
            with contextlib.suppress(OSError, UserError):
                storage.delete(self.output, marks)

    def ended_badly(self, stage: str, clip_id: int) -> bool:
        """Whether an earlier attempt did; raises Unrecorded if that cannot be known."""
        return bool(self.output) and bool(self.made(_name(stage, clip_id)))

    def made(self, name: str) -> dict[str, Any]:
        """The marks that stand of attempts at a clip by a stage, in order, with what each says. Raises Unrecorded."""
        found = dict[str, Any]()
        for number in range(1, LOST + 1):
            mark = f"{name}.{number}"
            try:
                held = _read(storage.read_bytes(self.output, mark))
            except FileNotFoundError:
                break
            except Exception as error:  # every backend raises its own
                raise Unrecorded(type(error).__name__) from None
            own = held if isinstance(held, dict) else {}
            said = {word: own.get(word) for word in ("run", "place")}
            if self.vouching and not self.vouching.has_signed(
                "attempt", {"mark": mark, **said}, own.get("by")
            ):
                break
            found[mark] = said
        return found

    def _mark(self, stage: str, clip_id: int) -> list[str]:
        """Write this attempt's mark, over one that does not count; returns it after those of earlier ones."""
        name, own = _name(stage, clip_id), {"run": self.run, "place": place()}
        made = self.made(name)
        here = sum(said == own for said in made.values())
        if here < LIMIT and len(made) < LOST:
            mark = f"{name}.{len(made) + 1}"
            by = {"by": self.vouching.sign("attempt", {"mark": mark, **own})} if self.vouching else {}
            try:
                storage.write_bytes(self.output, mark, json.dumps(own | by).encode())
            except Exception as error:
                raise Unrecorded(type(error).__name__) from None
            return [*made, mark]
        problem = f"{LIMIT} attempts ended with the worker: a crash, out of memory, a lost machine"
        if here < LIMIT:
            problem = f"{LOST} attempts ended with their worker, machine or run"
        raise Exhausted(f"{problem}, or more than {self.max_seconds:g} s")


def _name(stage: str, clip_id: int) -> str:
    return f"{FOLDER}/{mark_of(clip_id)}.{stage}"


def _read(data: bytes) -> Any:
    with contextlib.suppress(RecursionError, ValueError):
        return json.loads(data)
    return None


def stopped(output: str, run: str, vouching: Keyed | None = None) -> None:
    """Take away what the workers of a run that was told to stop leave: of each clip and stage the last mark, if it is
    this run's. Those before are of workers that died while it lived."""
    attempts = Attempts(0, output, run, vouching)
    for name in {name.rpartition(".")[0] for name in storage.list_files(storage.join(output, FOLDER))}:
        made = attempts.made(f"{FOLDER}/{name}")
        if made and (last := list(made)[-1]) and made[last]["run"] == run:
            storage.delete(output, [last])


def place() -> str:
    """This machine since it was started: a random number that does not name it; empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def forget(output: str, folder: str = FOLDER) -> None:
    """Remove all marks below `output`."""
    storage.delete_folder(storage.join(output, folder))


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End this process if it takes longer: nothing less interrupts a native decoder that hangs.

    Who runs the stage starts it anew, tries again, and records the clip as failed if that ends alike. Threads may have
    limits at once: the process has one alarm, set to whichever ends first.
    """
    own = object()
    with _LOCK:
        _ENDS[own] = monotonic() + seconds
        _set_alarm()
    try:
        yield
    finally:
        with _LOCK:
            del _ENDS[own]
            _set_alarm()


def _set_alarm() -> None:
    if not _ENDS:
        return faulthandler.cancel_dump_traceback_later()
    left = max(1e-3, min(_ENDS.values()) - monotonic())
    # Standard error by its number: tests and notebooks replace it.
    return faulthandler.dump_traceback_later(left, exit=True, file=2)
