"""The one door to files: a local path, file://, s3://, gs://, az:// or abfs://, each used the same way.

Arrow does the work, for itself and for Ray; s3fs what Arrow cannot. Who is asked, and by which credentials: stores.py.
"""

import contextlib
import errno
import io
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

from botocore.exceptions import BotoCoreError
from pyarrow import fs

from operators import on_disk
from operators.stores import arrow_of, place, s3fs
from schemas.errors import UserError

# Bytes asked of a store at once: with s3fs's 5 MiB, four seconds of a long video fetched over 100 MB.
RANGE = 1 << 20
PARTIAL = on_disk.PARTIAL

T = TypeVar("T")


def arrow_filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """Arrow's view: the file system of `uri` and the path within it, without a trailing slash.

    Raises UserError for a scheme that is none of those of stores.py.
    """
    scheme, path = place(uri)
    return arrow_of(scheme, uri), path


def absolute(uri: str) -> str:
    """`uri` as every worker understands it, wherever it runs, and without a trailing slash."""
    return uri.rstrip("/") if "://" in uri else str(Path(uri).expanduser().absolute())


def keep_apart(output: str, private: str, what: str) -> None:
    """Raises UserError if one of the two lies inside the other: `what` never sits beside what is published."""
    places = [f"{'/'.join(place(_resolved(uri)))}/" for uri in (output, private)]
    if places[0].startswith(places[1]) or places[1].startswith(places[0]):
        remedy = f"Give a place outside the output: {what} never sit beside what is published"
        raise UserError(private, f"lies in or around the output {output}", remedy)


def _resolved(uri: str) -> str:
    """Without links, if it is local: a place may have two names."""
    scheme, path = place(uri)
    return str(Path(path).resolve()) if scheme == "file" else uri


def is_below(name: str) -> bool:
    """Whether a path leads to something below the folder that it is joined to, and to nothing else."""
    return not {"", ".", ".."} & set(name.split("/"))


def require_below(name: str) -> None:
    """Raises UserError for a path that leads elsewhere."""
    if not is_below(name):
        raise UserError(name, "has a part that is empty, . or ..", "Rename it, and plan again")


def join(uri: str, name: str) -> str:
    """The place of `name` below `uri`."""
    return f"{uri.rstrip('/')}/{name}"


@contextmanager
def reaching(uri: str, size: int = 0) -> Iterator[None]:
    """A file that is not there is the caller's matter; a place that cannot be reached, or has no room for `size` bytes
    (0: unknown), is the user's."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, BotoCoreError) as error:
        if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
            what = f"{-(-size // 1024)} KiB" if size else "what is to be written"
            problem = f"is on a disk, or in a quota, without room for {what}"
            raise UserError(uri, problem, "Free some, and run the same command again") from None
        remedy = "Check the path, the permissions or the variables that name store and credentials"
        raise UserError(uri, f"cannot be reached ({' '.join(str(error).split())})", remedy) from None


def open_file(uri: str) -> IO[bytes]:
    """A seekable stream of a file; of an object only what is read is fetched. Raises what the store does."""
    scheme, path = place(uri)
    if scheme == "file":
        return open(path, "rb")
    if scheme == "s3":
        return s3fs().open(path, "rb", block_size=RANGE, cache_type="readahead")
    return io.BufferedReader(arrow_filesystem(uri)[0].open_input_file(path), RANGE)


def open_output(uri: str, name: str) -> IO[bytes]:
    """A stream into the file `name` below `uri`, in a folder that is there; until it is closed, half of it may be."""
    filesystem, root = arrow_filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        on_disk.require_way(root, name)
    return filesystem.open_output_stream(f"{root}/{name}", compression=None)


def make_folders(uri: str, names: Sequence[str]) -> None:
    """Make the folders `names` below `uri`, which an object store does without."""
    filesystem, root = arrow_filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        with reaching(uri):
            for name in names:
                Path(root, name).mkdir(parents=True, exist_ok=True)


def files_below(uri: str) -> Iterator[tuple[str, fs.FileInfo]]:
    """Every file below `uri`, by its path relative to it."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return ((info.path[len(root) + 1 :], info) for info in found if info.type == fs.FileType.File)


def list_files(uri: str) -> dict[str, int]:
    """Size in bytes of every file below `uri`, by its path relative to it; empty if there is none."""
    return {path: info.size for path, info in files_below(uri)}


def entries(uri: str) -> dict[str, str]:
    """All that lies below `uri`, nothing followed: `file`, `folder`, or `other` such as a link or a pipe, by path.

    On disk `labelled` is what carries attributes of somebody's beside its bytes; `uri` itself, as `.`, if it does.
    """
    scheme, root = place(uri)
    if scheme == "file":
        with reaching(uri):
            found = {".": "labelled"} if _is_labelled(root) else {}
            return found | dict(_on_disk(root, ""))
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        listed = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    kinds = {fs.FileType.File: "file", fs.FileType.Directory: "folder"}
    return {info.path[len(root) + 1 :]: kinds.get(info.type, "other") for info in listed}


def _on_disk(root: str, below: str) -> Iterator[tuple[str, str]]:
    """A folder that cannot be listed raises; it is not taken for empty."""
    with os.scandir(os.path.join(root, below)) as found:
        for entry in found:
            path = f"{below}/{entry.name}".lstrip("/")
            labelled = "labelled" if _is_labelled(entry.path) else ""
            if entry.is_dir(follow_symlinks=False):
                yield path, labelled or "folder"
                yield from _on_disk(root, path)
            else:
                yield path, (labelled or "file") if entry.is_file(follow_symlinks=False) else "other"


def _is_labelled(path: str) -> bool:
    """Whether it has extended attributes that users write; those of the system's own are the machine's matter."""
    try:
        return any(name.startswith("user.") for name in os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return False  # a file system without any


def modified(uri: str) -> dict[str, datetime]:
    """When every file below `uri` was last written, by its path relative to it."""
    return {path: info.mtime for path, info in files_below(uri)}


def exists(uri: str, name: str) -> bool:
    """Whether there is a file `name` below `uri`."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        return bool(filesystem.get_file_info(f"{root}/{name}").type == fs.FileType.File)


def read_bytes(uri: str, name: str) -> bytes:
    """The whole file `name` below `uri`. Raises FileNotFoundError, for a pipe as well: it may never end."""
    filesystem, root = arrow_filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem):  # of whose files Arrow takes 256 KiB a time, however small
        with reaching(uri):
            if not Path(root, name).is_file():
                raise FileNotFoundError(f"{root}/{name}")
            return Path(root, name).read_bytes()
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
    with reaching(uri, len(data)):
        if isinstance(filesystem, fs.LocalFileSystem):
            with on_disk.written(root, name) as file:
                file.write(data)
        else:
            with filesystem.open_output_stream(f"{root}/{name}", compression=None) as stream:
                stream.write(data)


def write_stream(uri: str, name: str, source: IO[bytes]) -> None:
    """The same with what is left to read of `source`, some of it in memory at a time."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        if isinstance(filesystem, fs.LocalFileSystem):
            with on_disk.written(root, name) as file:
                shutil.copyfileobj(source, file, RANGE)
            return
        try:
            with filesystem.open_output_stream(f"{root}/{name}", compression=None) as out:
                shutil.copyfileobj(source, out, RANGE)
        except BaseException:  # closing has made an object of what had come by then
            delete(uri, [name])
            raise


def delete(uri: str, names: Sequence[str]) -> None:
    """Delete the files `names` below `uri`; one that is gone already is fine."""
    scheme, root = place(uri)
    # Arrow would put an empty object into S3 in the folder's place.
    delete_file = s3fs().rm_file if scheme == "s3" else arrow_filesystem(uri)[0].delete_file
    with reaching(uri):
        for name in names:
            if scheme == "file":
                on_disk.require_way(root, name)
            with contextlib.suppress(FileNotFoundError):
                delete_file(f"{root}/{name}")


def delete_folder(uri: str) -> None:
    """Delete `uri` with all files below; if it is gone already that is fine. No link is followed."""
    scheme, root = place(uri)
    if scheme != "file":
        return delete(uri, list(list_files(uri)))
    with reaching(uri):
        return on_disk.delete_folder(root)


def require_own_folders(uri: str, flat: Sequence[str] = ()) -> None:
    """Raises UserError if a folder below `uri` is a link, or lies in one of those that are to be `flat`: others may
    write there, and a run writes and deletes."""
    scheme, root = place(uri)
    if scheme == "file":
        on_disk.require_folders(root)
        for folder in flat:
            on_disk.require_flat(os.path.join(root, folder))


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
