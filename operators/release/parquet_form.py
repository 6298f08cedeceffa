"""The one form in which tables are written here, so that no page, footer or padding of theirs holds anything else.

Parquet has room for what no reader shows: metadata, columns nobody asks for, bytes between and behind the pages. A file
is read, written anew and compared. Arrow writes its version into it (`created_by`), which alone may be another one: it
tells of the machines that made a dataset what `code_version` and requirements.txt tell anyway, and of no source.
"""

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq

_ARROW = re.compile(r"parquet-cpp-arrow version [1-9][0-9]?\.[0-9]\.[0-9]")  # as all releases since 1.0.0


def written(table: pa.Table) -> bytes:
    """A table of the dataset as a file."""
    return _file(table, "zstd")


def commit_record(clip_ids: pa.ChunkedArray) -> bytes:
    """A commit record as Ray's checkpoints write it: the ids of a shard's clips, int64, in order."""
    ids = clip_ids.cast(pa.int64()).combine_chunks()
    return _file(pa.table({"clip_id": ids}), "snappy")


def same(data: bytes, due: bytes) -> bool:
    """Whether a file is, but for the version of Arrow that it names, to the byte the one that is `due`."""
    if data == due:
        return True
    try:
        theirs = pq.read_metadata(io.BytesIO(data)).created_by
    except (OSError, ValueError):
        return False
    ours = pq.read_metadata(io.BytesIO(due)).created_by
    if not _ARROW.fullmatch(theirs) or due.count(_text(ours)) != 1:
        return False
    body = due[:-8].replace(_text(ours), _text(theirs))
    size = int.from_bytes(due[-8:-4], "little") + len(theirs) - len(ours)  # of the footer
    return data == body + size.to_bytes(4, "little") + due[-4:]


def _file(table: pa.Table, compression: str) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=compression)
    return buffer.getvalue()


def _text(words: str) -> bytes:
    """As Thrift's compact protocol writes a string of less than 128 bytes."""
    return bytes([len(words)]) + words.encode()
