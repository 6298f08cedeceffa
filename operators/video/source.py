"""A source's identity: the digest of its bytes, and a stamp that is cheap to ask for and changes with them."""

import hashlib
from functools import lru_cache

from operators import stamps, storage
from schemas.clip import ClipRef

_CHUNK = 1 << 22  # bytes


def digest(uri: str) -> str:
    """blake2b-128 in hex of the file's bytes; empty if it has none."""
    total, size = hashlib.blake2b(digest_size=16), 0
    with storage.open_file(uri) as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            size += len(chunk)
    return total.hexdigest() if size else ""


def is_as_planned(ref: ClipRef) -> bool:
    """Whether the source still has the bytes that the plan saw. Raises what the store does.

    By its stamp; where that is another one, by all of its bytes, as a copy or a touched file has a stamp of its own.
    """
    stamp = stamps.stamp(ref.uri)
    return bool(stamp) and (stamp == ref.stamp or _digest_at(ref.uri, stamp) == ref.source_digest)


@lru_cache(64)
def _digest_at(uri: str, stamp: str) -> str:
    """Once for all clips of a source."""
    return digest(uri)
