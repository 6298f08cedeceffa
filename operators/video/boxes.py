"""The boxes of an MP4 and its kin, as they lie behind each other: ISO/IEC 14496-12."""

from collections.abc import Iterator
from typing import IO, NamedTuple


class Box(NamedTuple):
    """Where the content of a box begins and ends, which may be beyond the end of the file; `at`: its header."""

    kind: bytes
    at: int
    first: int
    stop: int


def boxes_of(file: IO[bytes], first: int, stop: int) -> Iterator[Box]:
    """Every box from `first` on whose header lies before `stop`; none behind what is no box."""
    while first + 8 <= stop:
        file.seek(first)
        head = file.read(16)
        size, kind, begins = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, begins = int.from_bytes(head[8:16], "big"), 16
        size = size or stop - first  # 0 is up to the end
        if size < begins:
            return
        yield Box(kind, first, first + begins, first + size)
        first += size


def content(file: IO[bytes], box: Box) -> bytes:
    """Its bytes, as many as the file has."""
    file.seek(box.first)
    return file.read(box.stop - box.first)


def whole_boxes(file: IO[bytes]) -> int:
    """Bytes of a file before a box that it is too short for; all of them if there is none."""
    size = file.seek(0, 2)
    return next((box.at for box in boxes_of(file, 0, size) if box.stop > size), size)
