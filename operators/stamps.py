"""A file's stamp: short, and another one when its content changes; so a changed source is known without being read."""

from collections.abc import Callable
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs

from operators.storage import arrow_filesystem, files_below
from operators.stores import place, s3fs

_LISTED: dict[str, Callable[[], fsspec.AbstractFileSystem]] = {"file": LocalFileSystem, "s3": s3fs}


def look(uri: str) -> tuple[dict[str, str], list[str]]:
    """The files in the folder `uri` by name, each with a stamp that changes with its content, and the folders in it.

    gs and az have no folders: all files below come at once, by their paths. Raises FileNotFoundError.
    """
    scheme, root = place(uri)
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
    found = _LISTED[scheme]().find(root, detail=True)
    return {path[len(root) + 1 :]: _stamp(entry) for path, entry in found.items()}


def stamp(uri: str) -> str:
    """That of one file; empty if `uri` is none."""
    scheme, path = place(uri)
    if scheme not in _LISTED:
        info = arrow_filesystem(uri)[0].get_file_info(path)
        return f"{info.size}-{info.mtime_ns}" if info.type == fs.FileType.File else ""
    files = _LISTED[scheme]()
    return _stamp(files.info(path)) if files.isfile(path) else ""


def _stamp(entry: dict[str, Any]) -> str:
    """Of fsspec's description of a file. On disk a file's time can be set back after a change, its inode's cannot."""
    known = (
        entry["size"],
        entry.get("mtime", entry.get("LastModified")),
        entry.get("created"),
        entry.get("ino"),
    )
    return str(entry.get("ETag") or "-".join(map(str, known)))
