"""The one door to files: a local path, file://, s3://, gs://, az:// or abfs://, each used the same way.

Credentials come from the store's usual chain, on every machine anew: no secret travels with a task.
    s3    AWS_ACCESS_KEY_ID, AWS_PROFILE, instance roles; AWS_DEFAULT_REGION, AWS_ENDPOINT_URL
    gs    GOOGLE_APPLICATION_CREDENTIALS, workload identity; STORAGE_EMULATOR_HOST is an emulator, asked anonymously
    az    AZURE_STORAGE_ACCOUNT names the account; AZURE_CLIENT_ID and the like, workload or managed identity

RECAST_S3_SSE (AES256 or aws:kms) and RECAST_S3_SSE_KMS_KEY_ID have S3 encrypt what is written; without them it does as
its bucket says, as the other stores always do. A store that is away is asked again for about a minute: a clip that is
read or written while it restarts must not fail.

Arrow does the work, for itself and for Ray; s3fs what Arrow cannot: encryption, small ranges, ETags, deletes.
"""

import contextlib
import io
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, TypeVar

import fsspec
from botocore.exceptions import BotoCoreError
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs

from schemas.errors import UserError

SCHEMES = {"file": "file", "s3": "s3", "gs": "gs", "az": "az", "abfs": "az"}
PATIENCE = timedelta(minutes=1)
# Bytes asked of a store at once: with s3fs's 5 MiB, four seconds of a long video fetched over 100 MB.
RANGE = 1 << 20

T = TypeVar("T")


def arrow_filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """Arrow's view: the file system of `uri` and the path within it, without a trailing slash.

    Raises UserError for a scheme that is none of SCHEMES.
    """
    scheme, path = _place(uri)
    match scheme:
        case "s3" if os.environ.get("RECAST_S3_SSE"):  # which Arrow's own cannot ask for
            return fs.PyFileSystem(fs.FSSpecHandler(_s3fs())), path
        case "s3":
            return _arrow_s3(tuple(item for item in os.environ.items() if item[0].startswith("AWS_"))), path
        case "gs":
            return _gcs(os.environ.get("STORAGE_EMULATOR_HOST", "")), path
        case "az":
            if account := os.environ.get("AZURE_STORAGE_ACCOUNT"):
                return _azure(account), path
            raise UserError(uri, "lies in no account", "Name it in AZURE_STORAGE_ACCOUNT")
    return fs.LocalFileSystem(), path


def absolute(uri: str) -> str:
    """`uri` as every worker understands it, wherever it runs, and without a trailing slash."""
    return uri.rstrip("/") if "://" in uri else str(Path(uri).expanduser().absolute())


def join(uri: str, name: str) -> str:
    """The place of `name` below `uri`."""
    return f"{uri.rstrip('/')}/{name}"


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """A file that is not there is the caller's matter; a place that cannot be reached is the user's."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, BotoCoreError) as error:
        remedy = "Check the path, the permissions or the variables that name store and credentials"
        raise UserError(uri, f"cannot be reached ({' '.join(str(error).split())})", remedy) from None


def open_file(uri: str) -> IO[bytes]:
    """A seekable stream of a file; of an object only what is read is fetched. Raises what the store does."""
    scheme, path = _place(uri)
    if scheme == "file":
        return open(path, "rb")
    if scheme == "s3":
        return _s3fs().open(path, "rb", block_size=RANGE, cache_type="readahead")
    return io.BufferedReader(arrow_filesystem(uri)[0].open_input_file(path), RANGE)


def open_output(uri: str, name: str) -> IO[bytes]:
    """A stream into the file `name` below `uri`, in a folder that is there; until it is closed, half of it may be."""
    filesystem, root = arrow_filesystem(uri)
    return filesystem.open_output_stream(f"{root}/{name}", compression=None)


def make_folders(uri: str, names: Sequence[str]) -> None:
    """Make the folders `names` below `uri`, which an object store does without."""
    filesystem, root = arrow_filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        with reaching(uri):
            for name in names:
                Path(root, name).mkdir(parents=True, exist_ok=True)


def list_files(uri: str) -> dict[str, int]:
    """Size in bytes of every file below `uri`, by its path relative to it; empty if there is none."""
    return {path: info.size for path, info in _below(uri)}


def entries(uri: str) -> dict[str, str]:
    """All that lies below `uri`, nothing followed: `file`, `folder`, or `other` such as a link or a pipe, by path."""
    scheme, root = _place(uri)
    if scheme == "file":
        with reaching(uri):
            return dict(_on_disk(root, ""))
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    kinds = {fs.FileType.File: "file", fs.FileType.Directory: "folder"}
    return {info.path[len(root) + 1 :]: kinds.get(info.type, "other") for info in found}


def _on_disk(root: str, below: str) -> Iterator[tuple[str, str]]:
    """A folder that cannot be listed raises; it is not taken for empty."""
    with os.scandir(os.path.join(root, below)) as found:
        for entry in found:
            path = f"{below}/{entry.name}".lstrip("/")
            if entry.is_dir(follow_symlinks=False):
                yield path, "folder"
                yield from _on_disk(root, path)
            else:
                yield path, "file" if entry.is_file(follow_symlinks=False) else "other"


def modified(uri: str) -> dict[str, datetime]:
    """When every file below `uri` was last written, by its path relative to it."""
    return {path: info.mtime for path, info in _below(uri)}


def look(uri: str) -> tuple[dict[str, str], list[str]]:
    """The files in the folder `uri` by name, each with a stamp that changes with its content, and the folders in it.

    gs and az have no folders: all files below come at once, by their paths. Raises FileNotFoundError.
    """
    scheme, root = _place(uri)
    if scheme not in _LISTED:
        return stamps(uri), []
    entries = {entry["name"][len(root) + 1 :]: entry for entry in _LISTED[scheme]().ls(root, detail=True)}
    folders = [name for name, entry in entries.items() if name and entry["type"] == "directory"]
    return {name: _stamp(entries[name]) for name in entries if name and name not in folders}, folders


def stamps(uri: str) -> dict[str, str]:
    """The stamp of every file below `uri`, by its path relative to it; empty if there is none."""
    scheme, root = _place(uri)
    if scheme not in _LISTED:
        return {path: f"{info.size}-{info.mtime_ns}" for path, info in _below(uri)}
    found = _LISTED[scheme]().find(root, detail=True)
    return {path[len(root) + 1 :]: _stamp(entry) for path, entry in found.items()}


def stamp(uri: str) -> str:
    """That of one file; empty if `uri` is none."""
    scheme, path = _place(uri)
    if scheme not in _LISTED:
        info = arrow_filesystem(uri)[0].get_file_info(path)
        return f"{info.size}-{info.mtime_ns}" if info.type == fs.FileType.File else ""
    files = _LISTED[scheme]()
    return _stamp(files.info(path)) if files.isfile(path) else ""


def exists(uri: str, name: str) -> bool:
    """Whether there is a file `name` below `uri`."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        return bool(filesystem.get_file_info(f"{root}/{name}").type == fs.FileType.File)


def read_bytes(uri: str, name: str) -> bytes:
    """The whole file `name` below `uri`. Raises FileNotFoundError, for a pipe as well: it may never end."""
    filesystem, root = arrow_filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem) and not Path(root, name).is_file():
        raise FileNotFoundError(f"{root}/{name}")
    with reaching(uri), filesystem.open_input_stream(f"{root}/{name}", compression=None) as file:
        return bytes(file.read())


def read_file(uri: str) -> bytes:
    """A whole file that the user names. Raises UserError if it cannot be read."""
    folder, _, name = absolute(uri).rpartition("/")
    try:
        return read_bytes(folder, name)
    except FileNotFoundError:
        raise UserError(uri, "is not there", "Give the path of a file") from None


def write_bytes(uri: str, name: str, data: bytes) -> None:
    """Write the file `name` below `uri`: on local disk complete or not at all, as an object store does it."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        if isinstance(filesystem, fs.LocalFileSystem):
            partial = Path(root, f"{name}.partial")
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            partial.replace(Path(root, name))
        else:
            with filesystem.open_output_stream(f"{root}/{name}", compression=None) as file:
                file.write(data)


def delete(uri: str, names: Sequence[str]) -> None:
    """Delete the files `names` below `uri`; one that is gone already is fine."""
    scheme, root = _place(uri)
    # Arrow would put an empty object into S3 in the folder's place.
    delete_file = _s3fs().rm_file if scheme == "s3" else arrow_filesystem(uri)[0].delete_file
    with reaching(uri):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                delete_file(f"{root}/{name}")


def delete_folder(uri: str) -> None:
    """Delete `uri` with all files below; if it is gone already that is fine."""
    delete(uri, list(list_files(uri)))
    scheme, root = _place(uri)
    if scheme == "file" and Path(root).exists():
        with reaching(uri):
            shutil.rmtree(root)


def copy(source: str, target: str) -> None:
    """Copy a file, or a folder and all below it, from anywhere to anywhere. Raises FileNotFoundError."""
    (one, path), (other, to) = arrow_filesystem(source), arrow_filesystem(target)
    with reaching(target if "://" in target else source):
        if isinstance(other, fs.LocalFileSystem):
            folder = one.get_file_info(path).type == fs.FileType.Directory
            for name in list_files(source) if folder else [""]:
                Path(to, name).parent.mkdir(parents=True, exist_ok=True)
        fs.copy_files(path, to, one, other)


def again(act: Callable[[], T], passing: Sequence[str], attempts: int = 10) -> T:
    """What `act` returns, done again after a growing pause while what it raises holds one of the words `passing`."""
    for pause in range(attempts - 1):
        try:
            return act()
        except Exception as error:
            if not any(word in f"{type(error).__name__}: {error}" for word in passing):
                raise
        time.sleep(min(2**pause, 32) * random.uniform(0.5, 1))
    return act()


def _place(uri: str) -> tuple[str, str]:
    """What kind of store `uri` names, and the path in it."""
    scheme, separator, rest = uri.partition("://")
    if not separator and not uri.startswith("data:"):
        scheme, rest = "file", uri
    if scheme not in SCHEMES:
        problem = f"{scheme.partition(':')[0]}: is not a place that can be read or written"
        remedy = "Give a local path, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
        raise UserError(uri, problem, remedy)
    return SCHEMES[scheme], str(Path(rest).expanduser().absolute()) if scheme == "file" else rest.strip("/")


def _below(uri: str) -> Iterator[tuple[str, fs.FileInfo]]:
    """Every file below `uri`, by its path relative to it."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return ((info.path[len(root) + 1 :], info) for info in found if info.type == fs.FileType.File)


def _stamp(entry: dict[str, Any]) -> str:
    """Of fsspec's description of a file. On disk a file's time can be set back after a change, its inode's cannot."""
    known = (
        entry["size"],
        entry.get("mtime", entry.get("LastModified")),
        entry.get("created"),
        entry.get("ino"),
    )
    return str(entry.get("ETag") or "-".join(map(str, known)))


def _s3fs() -> fsspec.AbstractFileSystem:
    encryption = {
        parameter: os.environ[name]
        for name, parameter in (
            ("RECAST_S3_SSE", "ServerSideEncryption"),
            ("RECAST_S3_SSE_KMS_KEY_ID", "SSEKMSKeyId"),
        )
        if os.environ.get(name)
    }
    return fsspec.filesystem(
        "s3",
        config_kwargs={"retries": {"max_attempts": 8, "mode": "standard"}},
        s3_additional_kwargs=encryption,
        use_listings_cache=False,
    )


_LISTED: dict[str, Callable[[], fsspec.AbstractFileSystem]] = {"file": LocalFileSystem, "s3": _s3fs}


@lru_cache(4)
def _arrow_s3(environment: tuple[tuple[str, str], ...]) -> fs.FileSystem:
    """Made anew only if the environment has changed: finding credentials may take a request."""
    # Region and endpoint are given, as Arrow would otherwise ask AWS itself where a bucket lies.
    # Its own 3 attempts take half a second, 9 about PATIENCE. A small file is one request if its opening is delayed.
    named = dict(environment)
    options: dict[str, Any] = {
        "region": named.get("AWS_REGION") or named.get("AWS_DEFAULT_REGION") or "us-east-1",
        "retry_strategy": fs.AwsStandardS3RetryStrategy(max_attempts=9),
        "allow_delayed_open": True,
    }
    endpoint = named.get("AWS_ENDPOINT_URL_S3") or named.get("AWS_ENDPOINT_URL")
    if endpoint:
        options |= dict(zip(("scheme", "endpoint_override"), endpoint.rstrip("/").split("://"), strict=True))
    return fs.S3FileSystem(**options)


@cache
def _gcs(emulator: str) -> fs.FileSystem:
    if not emulator:
        return fs.GcsFileSystem(retry_time_limit=PATIENCE)
    scheme, _, host = emulator.rpartition("://")
    return fs.GcsFileSystem(
        anonymous=True, scheme=scheme or "http", endpoint_override=host, retry_time_limit=PATIENCE
    )


@cache
def _azure(account: str) -> fs.FileSystem:
    return fs.AzureFileSystem(account)
