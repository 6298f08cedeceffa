"""Getting weights: from the Hugging Face hub, or from a bucket where there is no internet; and into that bucket.

Nothing takes its place before its digest has been compared, and nothing is loaded here.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import weights_lock
from operators import storage
from schemas.errors import UserError

_NEVER = re.compile(r"\.(?:bin|pt|pth|pkl|pickle|ckpt|py)$")  # pickles and code run when loaded


def fetch(path: str, entry: dict[str, Any], mirror: str = "", pin: bool = False) -> dict[str, Any]:
    """Bring what the lock lists as `path`, unless it is there already.

    From `mirror` (folder or object store's prefix), or else from the hub. Returns what is now known of it: revision,
    sha256, bytes. An entry without a digest is brought only to `pin` it. Raises UserError, leaving no file behind.
    """
    if not entry.get("sha256") and not pin:
        remedy = (
            "Run fetch --pin, which writes the digest of what comes into the lock, and have that reviewed"
        )
        raise UserError(
            path, f"has no digest in {weights_lock.LOCK.name}, so it cannot be told from another", remedy
        )
    if Path(path).exists() and entry.get("sha256"):
        weights_lock.verify(path, {path: entry})
        return entry
    if "by_hand" in entry and not mirror:
        return {**entry, "sha256": _brought(path, entry), "bytes": size(path)}
    with _beside(Path(path)) as partial:
        if mirror:
            revision = entry.get("revision")
            _from_mirror(path, mirror, partial)
        else:
            revision = _from_hub(path, entry, partial)
        found = weights_lock.digest(partial)
        if entry.get("sha256") and entry["sha256"] != found:
            raise UserError(
                path,
                f"what came has the digest {found}, not {entry['sha256']} as {weights_lock.LOCK.name} says",
                "It was thrown away. Find out who changed it; do not use it",
            )
        _replace(partial, Path(path))
    return {**entry, "revision": revision, "sha256": found, "bytes": size(path)}


def upload(path: str, mirror: str) -> None:
    """Copy a file or folder of weights into `mirror`, under its path."""
    storage.copy(path, _within(mirror, path))


def size(path: str | Path) -> int:
    """Bytes of a file or of all files in a folder."""
    path = Path(path)
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def record(path: str, entry: dict[str, Any]) -> None:
    """Write revision, digest and size of `entry` into the lock, leaving everything else in it as it stands."""
    lines = weights_lock.LOCK.read_text().splitlines()
    start = lines.index(f"{path}:") + 1
    end = next((i for i in range(start, len(lines)) if lines[i][:1] not in (" ", "")), len(lines))
    kept = [line for line in lines[start:end] if not re.match(r"  (revision|sha256|bytes):", line)]
    while kept and not kept[-1].strip():
        kept.pop()
    known = [f"  {name}: {entry[name]}" for name in ("revision", "sha256", "bytes") if entry.get(name)]
    weights_lock.LOCK.write_text("\n".join([*lines[:start], *kept, *known, *lines[end:]]) + "\n")


def _within(mirror: str, path: str) -> str:
    return f"{mirror.rstrip('/')}/{path.lstrip('/')}"


def _from_mirror(path: str, mirror: str, partial: Path) -> None:
    try:
        storage.copy(_within(mirror, path), str(partial))
    except FileNotFoundError:
        remedy = "Fill the mirror with python -m jobs.weights mirror, where there is internet"
        raise UserError(f"{mirror}/{path}", "is not there", remedy) from None


def _brought(path: str, entry: dict[str, Any]) -> str:
    """The digest of a file that somebody put there. Raises UserError unless it begins as its authors say."""
    if not Path(path).is_file():
        raise UserError(path, "has to be brought by hand", f"Put it there: {entry['by_hand']}")
    found = weights_lock.digest(path)
    if not found.startswith(entry["begins"]):
        problem = f"has the digest {found}, which its authors say begins with {entry['begins']}"
        raise UserError(path, problem, "Do not use it; find out where it comes from")
    return found


def _from_hub(path: str, entry: dict[str, Any], partial: Path) -> str:
    """The commit that was fetched. Only files that the entry's patterns name; a pickle only by its own name."""
    if "hub" not in entry:
        raise UserError(path, "comes from no hub", "Restore it from the repository, or from a mirror")
    os.environ["HF_HUB_OFFLINE"] = "0"  # fetching is what was asked for; every other job stays offline
    from huggingface_hub import HfApi, snapshot_download

    endpoint, folder = os.environ.get("HF_ENDPOINT"), partial.with_name(f"{partial.name}.hub")
    try:
        commit = HfApi(endpoint=endpoint).model_info(entry["hub"], revision=entry.get("revision")).sha
        snapshot_download(
            entry["hub"], revision=commit, allow_patterns=entry["files"], local_dir=folder, endpoint=endpoint
        )
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        files = [file for file in folder.rglob("*") if file.is_file()]
        if not files:
            raise UserError(entry["hub"], f"has none of {', '.join(entry['files'])}", "Mend the lock's entry")
        for file in files:
            if _NEVER.search(file.name) and file.name not in entry["files"]:
                raise UserError(
                    f"{entry['hub']}/{file.name}", "runs code when loaded", "Name safetensors only"
                )
        shutil.move(files[0] if Path(path).suffix else folder, partial)
    except UserError:
        raise
    except Exception as error:  # of the network, the hub, or a gated model
        problem = f"cannot be fetched ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        remedy = "Check the network and HF_TOKEN (a gated model wants its licence accepted), or fetch from a mirror"
        raise UserError(f"hub {entry['hub']}", problem, remedy) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return str(commit)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A place next to `path` that is gone afterwards, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    _remove(partial)
    try:
        yield partial
    finally:
        _remove(partial)


def _replace(partial: Path, path: Path) -> None:
    _remove(path)
    partial.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
