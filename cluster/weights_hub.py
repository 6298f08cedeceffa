"""Getting weights: from the Hugging Face hub, or from a bucket where there is no internet; and into that bucket.

Nothing takes its place before its digest has been compared, and nothing is loaded here.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster import weights_lock
from operators import storage
from schemas.errors import UserError

_PARTS = ".parts"  # of files that were cut off, by their digests
_NEVER = re.compile(r"\.(?:bin|pt|pth|pkl|pickle|ckpt|py)$")  # pickles and code run when loaded


def fetch(path: str, entry: dict[str, Any], mirror: str = "", pin: bool = False) -> dict[str, Any]:
    """Bring what the lock lists as `path`, unless it is there already.

    From `mirror` (folder or object store's prefix), or else from the hub. Returns what is now known of it: revision,
    sha256, bytes. An entry without a digest is brought only to `pin` it. Raises UserError, and leaves nothing there.
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
    """The commit that was fetched. Only files that the entry's patterns name; a pickle only by its own name.

    What came of it stays in `NAME.hub` until all is there: the same command goes on with the shard that was cut off.
    """
    if "hub" not in entry:
        raise UserError(path, "comes from no hub", "Restore it from the repository, or from a mirror")
    os.environ["HF_HUB_OFFLINE"] = "0"  # fetching is what was asked for; every other job stays offline
    endpoint, folder = os.environ.get("HF_ENDPOINT"), Path(f"{path}.hub")
    with _explained(entry["hub"], folder):
        commit, files = _listed(entry, endpoint)
        _require_space(folder, files)
        for name, stated in files.items():
            if not (folder / name).exists():
                _bring(entry["hub"], commit, stated, folder, endpoint)
            _compare(folder, entry["hub"], name, stated)
    _remove(folder / _PARTS)
    for file in [one for one in folder.rglob("*") if one.is_file()]:
        if str(file.relative_to(folder)) not in files:  # what an older commit left
            file.unlink()
    shutil.move(folder / next(iter(files)) if Path(path).suffix else folder, partial)
    _remove(folder)
    return commit


def _listed(entry: dict[str, Any], endpoint: str | None) -> tuple[str, dict[str, Any]]:
    """The commit, and of each of its files that the entry's patterns name what the hub states. Raises UserError."""
    from huggingface_hub import HfApi

    revision = entry.get("revision")
    model = HfApi(endpoint=endpoint).model_info(entry["hub"], revision=revision, files_metadata=True)
    stated = {file.rfilename: file for file in model.siblings or []}
    files = {name: stated[name] for name in stated if any(fnmatch(name, one) for one in entry["files"])}
    if not files:
        raise UserError(entry["hub"], f"has none of {', '.join(entry['files'])}", "Mend the lock's entry")
    for name in files:
        if _NEVER.search(name) and name not in entry["files"]:
            raise UserError(f"{entry['hub']}/{name}", "runs code when loaded", "Name safetensors only")
    return str(model.sha), files


def _require_space(folder: Path, files: dict[str, Any]) -> None:
    """Raises OSError (ENOSPC) if what is still to come does not fit on the disk."""
    wanted, there = sum(file.size or 0 for file in files.values()), size(folder)
    free = shutil.disk_usage(folder.parent).free
    if wanted - there > free:
        missing = f"{(wanted - there) / 1e9:.1f} GB are to come, {free / 1e9:.1f} GB are free"
        raise OSError(errno.ENOSPC, missing)


def _bring(hub: str, commit: str, stated: Any, folder: Path, endpoint: str | None) -> None:
    """One file, from where it was cut off. The hub's own client begins a file anew in every process."""
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
    from huggingface_hub.file_download import http_get

    name, digest = stated.rfilename, stated.lfs.sha256 if stated.lfs else stated.blob_id
    part = folder / _PARTS / str(digest)
    part.parent.mkdir(parents=True, exist_ok=True)
    url = hf_hub_url(hub, name, revision=commit, endpoint=endpoint)
    place = get_hf_file_metadata(url, endpoint=endpoint).location
    token = get_token()
    ours = (
        urlsplit(place).netloc == urlsplit(url).netloc
    )  # a token is for the hub, not for where it stores files
    if part.exists() and stated.size is not None and part.stat().st_size > stated.size:
        part.unlink()  # no beginning of it, and the hub has no rest to send
    with part.open("ab") as file:
        http_get(
            place,
            file,
            resume_size=file.tell(),
            headers={"authorization": f"Bearer {token}"} if token and ours else {},
            expected_size=stated.size,
            displayed_filename=name,
        )
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    part.rename(folder / name)


def _compare(folder: Path, hub: str, name: str, stated: Any) -> None:
    """Raises UserError, and throws that file away, unless it is what the hub says: by sha256 if it is stored as LFS."""
    file = folder / name
    if stated.lfs:
        found, expected = weights_lock.digest(file), stated.lfs.sha256
    elif stated.blob_id:
        data = file.read_bytes()
        found = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        expected = stated.blob_id
    else:
        problem, remedy = (
            "comes without a digest from the hub",
            "Fetch it from the hub itself, not from a proxy",
        )
        raise UserError(f"{hub}/{name}", problem, remedy)
    if found != expected:
        file.unlink()
        problem = f"came with the digest {found}, and the hub states {expected}"
        remedy = "It was thrown away. Run the same command again, which brings it anew and keeps the others"
        raise UserError(f"{hub}/{name}", problem, remedy)


@contextmanager
def _explained(hub: str, folder: Path) -> Iterator[None]:
    """What goes wrong with the network, the hub, the disk or a gated model, as a UserError that says what came."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        kept = f"What came lies in {folder}: run the same command again, and it goes on there"
        message = " ".join(str(error).split())
        full = next((one for one in _causes(error) if getattr(one, "errno", 0) == errno.ENOSPC), None)
        if full:
            problem = f"does not fit: the disk is full ({full})"
            raise UserError(f"hub {hub}", problem, f"Free space there. {kept}") from None
        problem = f"cannot be fetched ({type(error).__name__}: {message})"
        remedy = "Check the network and HF_TOKEN (a gated model wants its licence accepted), or fetch from a mirror"
        raise UserError(f"hub {hub}", problem, f"{remedy}. {kept}") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


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
