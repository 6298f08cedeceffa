"""One run at a time on one output: OUT/lease.json says whose it is, and until when.

A run renews its lease as long as it lives, and lets go of it at its end. One that died, with its machine or without a
word, loses it after LASTS seconds, or at once if the next one is where it can see that the process is gone. Who finds
it taken over stops, and its workers commit nothing more. On disk a file is made by one alone; a store in which the last
to write wins is asked again after a pause who that was.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from operators import storage
from operators.on_disk import REMEDY
from operators.release import json_form
from operators.release.layout import LEASE
from schemas.errors import UserError

LASTS, RENEWED, PAUSE = (
    600.0,
    60.0,
    2.0,
)  # s: without news of its owner, between renewals, until all have written

_HERE: set[str] = set()


@contextmanager
def held(output: str, lasts: float = LASTS, renewed: float = RENEWED) -> Iterator[str]:
    """Hold the output's lease; gives its owner, a random number. Raises UserError if another run does."""
    owner, ended = secrets.token_hex(16), threading.Event()
    _take(output, owner, lasts)
    _HERE.add(owner)

    def renew() -> None:
        while not ended.wait(renewed):
            with suppress(OSError, UserError):  # not to be reached now: it lasts for some more tries
                if _read(output)[0] != owner:
                    return
                storage.write_bytes(output, LEASE, _written(owner, lasts))

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield owner
    finally:
        ended.set()
        thread.join()
        _HERE.discard(owner)
        with suppress(OSError, UserError):
            if _read(output)[0] == owner:
                storage.delete(output, [LEASE])


def is_held_here(owner: str) -> bool:
    """Whether this process is within `held` as that owner, whatever stands in the output."""
    return owner in _HERE


def standing(output: str) -> tuple[str, float]:
    """Whose the output's lease is, if anybody's, and until when, in seconds since 1970; 0 if its process is gone."""
    return _read(output)


def require(output: str, owner: str) -> None:
    """Raises UserError unless the lease is `owner`'s. Empty, as in tests of the ledger alone, asks for none."""
    found = _read(output)[0] if owner else owner
    if found == owner:
        return
    if not found:
        problem = f"lost its {LEASE}: somebody removed it, and another run may have begun"
        raise UserError(output, problem, "Run the same command again: it keeps what this one committed")
    problem = "was taken over by another run, as nothing was heard of this one"
    raise UserError(output, problem, "Let that one finish: it keeps what this one committed")


def _take(output: str, owner: str, lasts: float) -> None:
    stale = _refuse_other(output, owner)
    if "://" in output or stale:
        storage.write_bytes(output, LEASE, _written(owner, lasts))
        time.sleep(PAUSE)
    else:
        _make(Path(output, LEASE), _written(owner, lasts))
    _refuse_other(output, owner, mine=True)


def _make(path: Path, data: bytes) -> None:
    """Write the file, if there is none; one that cannot be written whole is nobody's."""
    if os.path.lexists(path) and not path.is_file():
        raise UserError(str(path), "is no file: a folder, a link or a pipe", REMEDY)
    with storage.reaching(str(path.parent), len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        with suppress(FileExistsError), open(os.open(path, mode, 0o666), "wb", buffering=0) as file:
            try:
                file.write(data)
            except OSError:
                path.unlink(missing_ok=True)
                raise


def _refuse_other(output: str, owner: str, mine: bool = False) -> str:
    """Raises UserError if another run's lease stands; and if it is to be `mine`, unless it is. Returns whose it was."""
    found, until = _read(output)
    if found != owner and (mine or until > time.time()):
        moment = datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S UTC")
        remedy = f"Let it finish, or stop it; if it has died, its lease ends at {moment}"
        if found == "?":  # by a clock that cannot be trusted, perhaps
            remedy += f". If no run works there, remove its {LEASE}, which none has written so"
        raise UserError(output, "is being written by another run", remedy)
    return found


def _read(output: str) -> tuple[str, float]:
    """Owner and end, in seconds since 1970. What is there but cannot be read is somebody's, of when it was written: a
    run that lives renews it, and writes it whole."""
    try:
        held = json_form.parsed(storage.read_bytes(output, LEASE))
        until, own = float(held["until"]), bool(_here()) and held["place"] == _here()
        if own and not _lives(int(held["process"])):
            return str(held["owner"]), 0.0  # whatever the clock was then
        # Beyond it is as no run writes it: it would be nobody's turn ever again.
        if not 0 <= until <= time.time() + 2 * LASTS:
            raise ValueError("no moment up to which a lease lasts")
        return str(held["owner"]), until
    except FileNotFoundError:
        return "", 0.0
    except (ArithmeticError, KeyError, OSError, TypeError, ValueError):
        return "?", _since(output) + LASTS


def _lives(process: int) -> bool:
    """Whether there is such a process, also one that /proc hides as somebody else's."""
    try:
        if process > 0:
            os.kill(process, 0)  # nothing is sent
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return process > 0


def _since(output: str) -> float:
    """When the file was last written; now, if nobody knows or a clock has jumped."""
    with suppress(OSError, UserError):
        filesystem, root = storage.arrow_filesystem(output)
        written = filesystem.get_file_info(f"{root}/{LEASE}").mtime
        return min(time.time(), written.timestamp()) if written else time.time()
    return time.time()


def _written(owner: str, lasts: float) -> bytes:
    until = round(time.time() + lasts, 3)
    return json.dumps({"owner": owner, "until": until, "place": _here(), "process": os.getpid()}).encode()


def _here() -> str:
    """This machine since it was started, and which processes are seen on it; a random number that names neither."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
