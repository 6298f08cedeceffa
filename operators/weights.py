"""Weights are looked at where they are loaded, in the process that loads them: `vouched(path)` stands in every loader.

An actor is told what its run was begun with, and loads nothing else: the file that the driver saw may be another one on
the actor's machine, or by now. Only what holds numbers and words and nothing else may be anybody's; all other formats
may run code when they are loaded, and have to stand in weights.lock, in any process.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from schemas.config import parsed
from schemas.errors import UserError

LOCK = Path(__file__).parent.parent / "cluster/weights.lock"
# Formats of which no reader runs anything. Without a suffix: a licence, .gitattributes, which nothing reads.
DATA = {".safetensors", ".onnx"}
BESIDE = {".jinja", ".json", ".md", ".model", ".txt", ""}  # in a folder of a model: settings, words, notes
_SETTLED = 2 * 10**9  # ns: coarser than any file system's clock
_REMEDY = "Restore the file on this machine, or begin a run with the new one"
_expected: list[Mapping[str, str]] = []  # one, or none in a process that no run has begun


def expect(digests: Mapping[str, str]) -> None:
    """From now on this process loads what stands in `digests` (sha256 by path), and nothing else."""
    _expected[:] = [dict(digests)]


def found(path: str | Path) -> Path:
    """The same path, as seen from here; or from the folder that Recast lies in, if it is there alone."""
    shipped = LOCK.parents[1] / path
    return shipped if path and not Path(path).exists() and shipped.exists() else Path(path)


def vouched(path: str | Path, name: str = "") -> Path:
    """Where a path is `found`, if what lies there may be loaded. Raises UserError if not.

    `name` is what a file that comes with a package is called in the digests and in the lock.
    """
    name, path = name or name_of(path), found(path)
    listed = lock().get(name, {}).get("sha256")
    running = next(_may_run_code(Path(path)), None)
    if running and (not listed or digest(path) != listed):
        problem = f"may run code when it is loaded, and is not what {LOCK.name} lists under that name"
        raise UserError(
            str(running), problem, "Have it reviewed and pinned there, or use safetensors or ONNX"
        )
    if not _expected:
        return Path(path)
    (expected,) = _expected
    for place, known in ((Path(path), name), *((parent, name_of(parent)) for parent in Path(path).parents)):
        if known in expected:
            if digest(place) != expected[known]:
                raise UserError(str(path), "is not what the run was begun with", _REMEDY)
            return Path(path)
    raise UserError(str(path), "is nothing that the run was begun with", "Name it in the profile")


def _may_run_code(path: Path) -> Iterator[Path]:
    """The file itself, or those in a folder, that are in no format of which it is known that nothing runs."""
    if not path.is_dir():
        if path.suffix not in DATA:
            yield path
        return
    for folder, folders, files in os.walk(path):
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())
        yield from (Path(folder, name) for name in files if Path(name).suffix not in DATA | BESIDE)


def name_of(path: str | Path) -> str:
    """What the lock calls a path, however it is written and whatever links lead there; if nothing, the path."""
    known, root = lock(), LOCK.parents[1]
    for place in (os.path.abspath(path), os.path.realpath(path)):
        if str(path) not in known and (name := os.path.relpath(place, root)) in known:
            return name
    return str(path if str(path) in known else Path(path))


@cache
def lock() -> dict[str, dict[str, Any]]:
    """The entries of weights.lock by path."""
    return parsed(LOCK.read_text(), LOCK.name) or {}


def digest(path: str | Path) -> str:
    """sha256 in hex of a file, or of a folder's files in order of name (their names included).

    Raises UserError for a folder that is a link within a folder: it is not looked into, and what it holds is loaded;
    and for a name of more than one line, which could say what a digest says.
    """
    path, total = Path(path), hashlib.sha256()
    if path.is_file():
        return _digest_of_file(path)
    inside = sorted(path.rglob("*"))
    if link := next((one for one in inside if one.is_dir() and one.is_symlink()), None):
        raise UserError(
            str(link), "is a link to a folder, in a folder of weights", "Put the folder itself there"
        )
    if lines := next((one for one in inside if "\n" in one.name), None):
        raise UserError(repr(str(lines)), "has a name of more than one line", "Give it a plain name")
    for file in (file for file in inside if file.is_file()):
        total.update(f"{file.relative_to(path)}:{_digest_of_file(file)}\n".encode())
    return total.hexdigest()


def _digest_of_file(path: Path) -> str:
    """A job asks several times: a file is read once while its stamps stay what they are. One that has changed just now
    may do so again within one tick of the stamps' clock, and is read each time."""
    now = path.stat()
    if time.time_ns() - now.st_ctime_ns <= _SETTLED:
        return _read(path)
    return _read_once(path, now.st_size, now.st_ino, now.st_mtime_ns, now.st_ctime_ns)


@lru_cache(maxsize=4096)
def _read_once(path: Path, *stamps: int) -> str:
    return _read(path)


def _read(path: Path) -> str:
    with path.open("rb") as file:  # it may be larger than memory
        return hashlib.file_digest(file, "sha256").hexdigest()
