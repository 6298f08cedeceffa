"""Weights are looked at where they are loaded, in the process that loads them: `vouched(path)` stands in every loader.

An actor is told what its run was begun with, and loads nothing else: the file that the driver saw may be another one on
the actor's machine, or by now. What runs code when it is loaded has to stand in weights.lock itself, in any process.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import UserError

LOCK = Path(__file__).parent.parent / "cluster/weights.lock"
PICKLES = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}
_REMEDY = "Restore the file on this machine, or begin a run with the new one"
_expected: list[Mapping[str, str]] = []  # one, or none in a process that no run has begun


def expect(digests: Mapping[str, str]) -> None:
    """From now on this process loads what stands in `digests` (sha256 by path), and nothing else."""
    _expected[:] = [dict(digests)]
    _digest_once.cache_clear()


def vouched(path: str | Path, name: str = "") -> Path:
    """The same path, if what lies there may be loaded. Raises UserError if not.

    `name` is what a file that comes with a package is called in the digests and in the lock.
    """
    name = name or str(path)
    if Path(path).suffix in PICKLES:
        listed = lock().get(name, {}).get("sha256")
        if not listed or digest(path) != listed:
            problem = f"runs code when it is loaded, and is not what {LOCK.name} lists under that name"
            raise UserError(
                str(path), problem, "Have it reviewed and pinned there, or use safetensors or ONNX"
            )
    if not _expected:
        return Path(path)
    (expected,) = _expected
    for place, known in ((Path(path), name), *((parent, str(parent)) for parent in Path(path).parents)):
        if known in expected:
            if _digest_once(str(place)) != expected[known]:
                raise UserError(str(path), "is not what the run was begun with", _REMEDY)
            return Path(path)
    raise UserError(str(path), "is nothing that the run was begun with", "Name it in the profile")


@cache
def lock() -> dict[str, dict[str, Any]]:
    """The entries of weights.lock by path."""
    return yaml.safe_load(LOCK.read_text()) or {}


def digest(path: str | Path) -> str:
    """sha256 in hex of a file, or of a folder's files in order of name (their names included)."""
    path, total = Path(path), hashlib.sha256()
    if path.is_file():
        return _digest_of_file(path)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        total.update(f"{file.relative_to(path)}:{_digest_of_file(file)}\n".encode())
    return total.hexdigest()


@cache
def _digest_once(path: str) -> str:
    """A folder is read once, though a model and its processor come from it."""
    return digest(path)


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:  # it may be larger than memory
        return hashlib.file_digest(file, "sha256").hexdigest()
