"""A file's stamp: short, and another one when its content changes; so a changed source is known without being read."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs

from operators.storage import arrow_filesystem, files_below
from operators.stores import place, s3fs

_LOST = "a link that leads nowhere"
_LISTED: dict[str, Callable[[], fsspec.AbstractFileSystem]] = {"file": LocalFileSystem, "s3": s3fs}


def look(uri: str) -> tuple[dict[str, str], list[str]]:
    """The files in the folder `uri` by name, each with a stamp that changes with its content, and the folders in it.

    gs and az have no folders: all files below come at once, by their paths. Raises FileNotFoundError.
    """
    scheme, root = place(uri)
    if scheme == "file":
        files, linked = _on_disk(root)
        return files, list(linked)
    if scheme not in _LISTED:
        return below(uri), []
    entries = {entry["name"][len(root) + 1 :]: entry for entry in _LISTED[scheme]().ls(root, detail=True)}
    folders = [name for name, entry in entries.items() if name and entry["type"] == "directory"]
    return {name: _stamp(entries[name]) for name in entries if name and name not in folders}, folders


def below(uri: str) -> dict[str, str]:
    """The stamp of every file below `uri`, by its path relative to it; empty if there is none."""
    scheme, root = place(uri)
    if scheme not in _LISTED:
        return {path: f"{info.size}-{info.mtime_ns}" for path, info in files_below(uri)}
    if scheme == "file":
        return dict(_all_on_disk(root))
    found = _LISTED[scheme]().find(root, detail=True)
    return {path[len(root) + 1 :]: _stamp(entry) for path, entry in found.items()}


def _on_disk(folder: str) -> tuple[dict[str, str], dict[str, str]]:
    """As `look`, and of linked folders where they lead. They are folders, unless they are or hold one that the path
    leads through: that would have no end. Hidden ones are not. A pipe is listed as files are: who probes it tells."""
    files, folders = dict[str, str](), dict[str, str]()
    local = LocalFileSystem()
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_lost(entry.path):  # asked first: of a link to itself nothing else can be asked
                files[entry.name] = _LOST
            elif entry.is_dir():
                leads = os.path.realpath(entry.path) if entry.is_symlink() else ""
                if not entry.name.startswith(".") and not (leads and _is_around(leads, folder)):
                    folders[entry.name] = leads
            else:
                with contextlib.suppress(FileNotFoundError):  # gone since
                    files[entry.name] = _stamp(local.info(entry.path))
    return files, folders


def _is_around(place: str, folder: str) -> bool:
    """Whether a real path is or holds a folder that the path `folder` leads through."""
    way = accumulate(os.path.abspath(folder).split("/"), "{}/{}".format)
    return any(f"{os.path.realpath(part)}/".startswith(f"{place.rstrip('/')}/") for part in way if part)


def _all_on_disk(root: str) -> Iterator[tuple[str, str]]:
    """Every file below, by the path with the fewest folders to each linked one, which is looked into once: folders that
    are linked with each other have no end of paths."""
    followed, waiting = set[str](), deque([""])
    while waiting:
        inside = waiting.popleft()
        try:
            files, folders = _on_disk(os.path.join(root, inside))
        except FileNotFoundError:
            continue
        yield from ((f"{inside}{name}", stamp) for name, stamp in files.items())
        waiting += [f"{inside}{name}/" for name, leads in folders.items() if leads not in followed]
        followed |= set(folders.values()) - {""}


def stamp(uri: str) -> str:
    """That of one file; empty if `uri` is none."""
    scheme, path = place(uri)
    if scheme not in _LISTED:
        info = arrow_filesystem(uri)[0].get_file_info(path)
        return f"{info.size}-{info.mtime_ns}" if info.type == fs.FileType.File else ""
    if scheme == "file" and _is_lost(path):
        return _LOST
    files = _LISTED[scheme]()
    return _stamp(files.info(path)) if files.isfile(path) else ""


def _is_lost(path: str) -> bool:
    """Whether a path on disk is a link that leads nowhere, as to what git-annex or DVC has not fetched: its name says
    that there is something, so it counts, and whoever reads it is told."""
    return os.path.islink(path) and not os.path.exists(path)


def _stamp(entry: dict[str, Any]) -> str:
    """Of fsspec's description of a file. On disk a file's time can be set back after a change, its inode's cannot."""
    known = (
        entry["size"],
        entry.get("mtime", entry.get("LastModified")),
        entry.get("created"),
        entry.get("ino"),
    )
    return str(entry.get("ETag") or "-".join(map(str, known)))
