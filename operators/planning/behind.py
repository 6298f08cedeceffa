"""What lies behind the end of a recording, where no player looks: another one, as of two files in one."""

import re
from itertools import islice
from typing import IO

from operators import storage
from operators.video.boxes import boxes_of

_CHUNK = 1 << 22  # bytes
_LONGEST = 32  # bytes of a beginning, at most
# How files begin of which nothing is shown from a second beginning on. Of Matroska, AVI and streams it is.
_FLV = re.compile(rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0{4}")
_ASF = re.compile(re.escape(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")))


def bytes_behind(uri: str, format_name: str) -> int:
    """Bytes of a file of FFmpeg's format `format_name` from its second beginning on; 0 if there is none."""
    formats = set(format_name.split(","))
    with storage.open_file(uri) as file:
        size = file.seek(0, 2)
        if "mp4" in formats:
            begins = _second_mp4(file, size)
        else:
            begins = (
                _second(file, _FLV) if "flv" in formats else _second(file, _ASF) if "asf" in formats else None
            )
    return 0 if begins is None else size - begins


def _second_mp4(file: IO[bytes], size: int) -> int | None:
    """An MP4 has one list of its contents; what begins another file stands once, or comes with another list."""
    seen = set[bytes]()
    for box in boxes_of(file, 0, size):
        if box.kind in seen and box.kind in (b"ftyp", b"moov"):
            return box.at
        seen.add(box.kind)
    return None


def _second(file: IO[bytes], beginning: re.Pattern[bytes]) -> int | None:
    file.seek(0)
    at, held = 0, b""
    while chunk := file.read(_CHUNK):
        held += chunk
        for found in islice(beginning.finditer(held), 2):
            if at + found.start():
                return at + found.start()
        at += max(0, len(held) - _LONGEST)
        held = held[-_LONGEST:]
    return None
