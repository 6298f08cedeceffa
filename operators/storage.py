"""Where data lies: a local path or an s3:// URI, opened the same way.

Credentials, region and endpoint come from the usual chain (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE,
instance roles, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL), on every machine anew: no secret travels with a task.
RECAST_S3_SSE has the store encrypt what is written (see operators/video/decode.py).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pyarrow import fs

from operators.video.decode import filesystem_of
from schemas.errors import UserError


def arrow_filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """The Arrow file system of `uri` and the path within it, without a trailing slash.

    Raises UserError for a scheme other than s3:// and file://.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme == "file":
        return fs.LocalFileSystem(), str(Path(rest if separator else uri).expanduser().absolute())
    if scheme != "s3":
        raise UserError(
            uri,
            f"{scheme}:// is not a place that can be read or written",
            "Give a local path or s3://BUCKET/PREFIX",
        )
    if os.environ.get("RECAST_S3_SSE"):  # which Arrow's own cannot ask for
        files, path = filesystem_of(uri)
        return fs.PyFileSystem(fs.FSSpecHandler(files)), path.strip("/")
    # Region and endpoint are given, as Arrow would otherwise ask AWS itself where a bucket lies.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    # Arrow's own 3 attempts take half a second; with 9 a store may be away, or ask for patience, for 20 s and more.
    retries = fs.AwsStandardS3RetryStrategy(max_attempts=9)
    options: dict[str, Any] = {"region": region, "retry_strategy": retries}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        options |= dict(zip(("scheme", "endpoint_override"), endpoint.rstrip("/").split("://"), strict=True))
    return fs.S3FileSystem(**options), rest.strip("/")


def absolute(uri: str) -> str:
    """`uri` as every worker understands it, wherever it runs, and without a trailing slash."""
    return uri.rstrip("/") if "://" in uri else str(Path(uri).expanduser().absolute())


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """A file that is not there is the caller's matter; a place that cannot be reached is the user's."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        remedy = "Check the path, the permissions or the AWS_... variables"
        raise UserError(uri, f"cannot be reached ({' '.join(str(error).split())})", remedy) from None


def list_files(uri: str) -> dict[str, int]:
    """Size in bytes of every file below `uri`, by its path relative to it; empty if there is none."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return {info.path[len(root) + 1 :]: info.size for info in found if info.type == fs.FileType.File}


def modified(uri: str) -> dict[str, datetime]:
    """When every file below `uri` was last written, by its path relative to it."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri):
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return {info.path[len(root) + 1 :]: info.mtime for info in found if info.type == fs.FileType.File}


def read_bytes(uri: str, name: str) -> bytes:
    """The whole file `name` below `uri`. Raises FileNotFoundError."""
    filesystem, root = arrow_filesystem(uri)
    with reaching(uri), filesystem.open_input_stream(f"{root}/{name}") as file:
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
    local = isinstance(filesystem, fs.LocalFileSystem)
    written = f"{root}/{name}.partial" if local else f"{root}/{name}"
    with reaching(uri):
        if local:
            filesystem.create_dir(str(Path(root, name).parent))
        with filesystem.open_output_stream(written) as file:
            file.write(data)
        if local:
            filesystem.move(written, f"{root}/{name}")


def delete(uri: str, names: list[str]) -> None:
    """Delete the files `names` below `uri`; one that is gone already is fine."""
    filesystem, root = arrow_filesystem(uri)
    present = filesystem.get_file_info([f"{root}/{name}" for name in names])
    for info in present:
        if info.type == fs.FileType.File:
            filesystem.delete_file(info.path)
