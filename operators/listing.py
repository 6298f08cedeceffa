"""Inputs -> videos: what lies below a folder or prefix, wherever that is."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import fsspec

from operators.decode import filesystem_of
from schemas.errors import UserError

EXTENSIONS = (
    ".mp4",
    ".mov",
    ".m4v",
    ".mkv",
    ".webm",
    ".avi",
    ".ts",
    ".mts",
    ".m2ts",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
)
LISTINGS = 32  # at the same time


@dataclass(frozen=True)
class Source:
    """A video: where it lies, its name below the input, and a stamp that changes with its content (the store's ETag,
    or size and time of the last change)."""

    uri: str
    name: str
    stamp: str


@dataclass(frozen=True)
class Listing:
    """Videos, and how many other files lie beside them."""

    videos: list[Source]
    others: int


def list_sources(inputs: list[str]) -> Listing:
    """Every video of every input once; names that two inputs share gain the last part of their input.

    Raises UserError as `list_videos`, or if two videos still share a name: keys derive from names.
    """
    listings = {prefix: list_videos(prefix) for prefix in inputs}
    shared = Counter(
        video.name for video in {video for listing in listings.values() for video in listing.videos}
    )
    found: dict[str, Source] = {}
    for prefix, listing in listings.items():
        last = prefix.rstrip("/").rsplit("/", 1)[-1]
        for video in listing.videos:
            name = video.name if shared[video.name] == 1 else f"{last}/{video.name}"
            found.setdefault(video.uri, replace(video, name=name))
    for name, count in Counter(video.name for video in found.values()).items():
        if count > 1:
            raise UserError(
                name, f"names {count} videos of different inputs", "Give the folder that holds them all"
            )
    videos = sorted(found.values(), key=lambda video: video.uri)
    return Listing(videos, sum(listing.others for listing in listings.values()))


def list_videos(prefix: str) -> Listing:
    """Every video at or below a local path or s3:// prefix, sorted. Hidden files are not videos.

    Raises UserError if the prefix does not exist, cannot be read, or holds no video.
    """
    try:
        fs, path = filesystem_of(prefix)
        fs.invalidate_cache()  # of an earlier listing in this process
        found = {path: fs.info(path)} if fs.isfile(path) else _find(fs, path)
    except Exception as error:  # every backend raises its own; whichever it is, nothing was listed
        reason = f"cannot be listed ({type(error).__name__})"
        raise UserError(prefix, reason, "Check the address, AWS_ENDPOINT_URL and the credentials") from None
    if not found:
        remedy = "Give a video file, a folder or an s3:// prefix"
        raise UserError(prefix, "does not exist, is empty, or may not be read", remedy)
    if list(found) == [path]:
        return Listing([Source(_uri(fs, path, prefix), path.rsplit("/", 1)[-1], _stamp(found[path]))], 0)
    videos = sorted(filter(_is_video, found))
    if not videos:
        raise UserError(
            prefix, f"holds {len(found)} files but no video", f"Known endings: {' '.join(EXTENSIONS)}"
        )
    start = len(path.rstrip("/")) + 1
    sources = [Source(_uri(fs, file, prefix), file[start:], _stamp(found[file])) for file in videos]
    return Listing(sources, len(found) - len(videos))


def _find(fs: fsspec.AbstractFileSystem, path: str) -> dict[str, dict[str, Any]]:
    """Every file below `path` with its facts, listed side by side, as a store gives 1000 names at once.

    Folders are opened level by level until there are enough for that; then each is listed with all below it.
    """
    found: dict[str, dict[str, Any]] = {}
    folders = [path] if fs.exists(path) else []
    with ThreadPoolExecutor(LISTINGS) as threads:
        while 0 < len(folders) < LISTINGS:
            entries = list(chain.from_iterable(threads.map(partial(fs.ls, detail=True), folders)))
            found |= {entry["name"]: entry for entry in entries if entry["type"] != "directory"}
            folders = [entry["name"] for entry in entries if entry["type"] == "directory"]
        for part in threads.map(partial(fs.find, detail=True), folders):
            found |= part
    return found


def _stamp(info: dict[str, Any]) -> str:
    return str(info.get("ETag") or f"{info['size']}-{info.get('mtime', info.get('LastModified'))}")


def _is_video(path: str) -> bool:
    return path.lower().endswith(EXTENSIONS) and not path.rsplit("/", 1)[-1].startswith(".")


def _uri(fs: fsspec.AbstractFileSystem, path: str, prefix: str) -> str:
    return str(fs.unstrip_protocol(path)) if "://" in prefix else path
