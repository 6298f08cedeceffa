"""Weights are pinned: what `weights.lock` lists must have the digest it states."""

import hashlib
from pathlib import Path

import yaml

from schemas.config import Settings
from schemas.errors import UserError
from schemas.profile import Profile

LOCK = Path(__file__).parent / "weights.lock"


def digest(path: str | Path) -> str:
    """sha256 in hex of a file, or of a folder's files in order of name (their names included)."""
    path, total = Path(path), hashlib.sha256()
    if not path.exists():
        remedy = "Name existing weights in the profile; paths are relative to the repository's root"
        raise UserError(str(path), "weights not found", remedy)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        total.update(f"{file.relative_to(path)}:{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def named(settings: Settings, prefix: str = "") -> dict[str, str]:
    """Everything that a profile loads: path by dotted field name."""
    found: dict[str, str] = {}
    for field in type(settings).model_fields:
        value = getattr(settings, field)
        if field in ("weights", "adapter", "distilled", "vae") and value:
            found[prefix + field] = value
        for number, part in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(part, Settings):
                inner = f"{field}.{number}" if isinstance(value, list) else field
                found |= named(part, f"{prefix}{inner}.")
    return found


def check(profile: Profile) -> str:
    """Digest over all weights that the profile names; raises UserError where one differs from the lock.

    Weights that the lock does not list are the user's own: their digest goes into every certificate.
    """
    lock = yaml.safe_load(LOCK.read_text()) or {}
    found = {}
    for name in named(profile).values():
        found[name] = digest(name)
        if name in lock and lock[name]["sha256"] != found[name]:
            raise UserError(
                name,
                f"is not what {LOCK.name} lists",
                "Restore the file, or update its entry if you retrained",
            )
    return hashlib.sha256(
        "".join(f"{name}:{value}\n" for name, value in sorted(found.items())).encode()
    ).hexdigest()


def code_version() -> str:
    """sha256 in hex over the Python sources that decide what is released."""
    root, total = Path(__file__).parent.parent, hashlib.sha256()
    for file in sorted(
        file
        for folder in ("schemas", "operators", "jobs", "cluster")
        for file in (root / folder).glob("*.py")
    ):
        total.update(file.read_bytes())
    return total.hexdigest()
