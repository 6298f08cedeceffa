"""How long an MP4 in fragments was, if it is cut short: each fragment lists its own frames, so of those that are not
there only an index of all (sidx), or the duration of all (mehd), can tell.
"""

import struct
from fractions import Fraction
from typing import IO

from operators.video.boxes import Box, boxes_of, content


def lasts_in_fragments(file: IO[bytes], size: int, track: int) -> tuple[Fraction, int]:
    """Seconds from the first frame of a track to the end of all its fragments, 0 if all are there or nothing tells; and
    1 if the file ends within the list of a fragment's frames, of which there was one at least, else 0."""
    boxes = list(boxes_of(file, 0, size))
    movie = next((box for box in boxes if box.kind == b"moov"), None)
    whole = _duration(file, movie) if movie else None
    if whole is None:
        return Fraction(0), 0
    within = boxes[-1].kind == b"moof" and boxes[-1].stop > size
    first, ends = None, [whole] if boxes[-1].stop > size else []
    for box in boxes:
        if box.kind == b"sidx" and (said := _index(content(file, box), track)):
            begins, lasts, reach = said
            first = begins if first is None else first
            if box.stop + reach > size:
                ends += [begins + lasts - first, whole]
    return max(ends, default=Fraction(0)), int(within)


def _duration(file: IO[bytes], movie: Box) -> Fraction | None:
    """Seconds of all fragments, 0 if that is not said; None if the file has no fragments."""
    inside = {box.kind: box for box in boxes_of(file, movie.first, movie.stop)}
    if b"mvex" not in inside:
        return None
    extends = {box.kind: box for box in boxes_of(file, inside[b"mvex"].first, inside[b"mvex"].stop)}
    if b"mehd" not in extends or b"mvhd" not in inside:
        return Fraction(0)
    said, head = content(file, extends[b"mehd"]), content(file, inside[b"mvhd"])
    try:
        (units,) = struct.unpack_from(">Q" if said[0] else ">I", said, 4)
        (scale,) = struct.unpack_from(">I", head, 20 if head[0] else 12)
        return Fraction(units, scale)
    except (IndexError, ZeroDivisionError, struct.error):
        return Fraction(0)


def _index(data: bytes, track: int) -> tuple[Fraction, Fraction, int] | None:
    """When a track's fragments begin and how long they last, in seconds, and how many bytes behind the index they end;
    None if it is another track's, or no index."""
    try:
        whose, scale = struct.unpack_from(">II", data, 4)
        begins, offset = struct.unpack_from(">QQ" if data[0] else ">II", data, 12)
        at = 28 if data[0] else 20
        (count,) = struct.unpack_from(">H", data, at + 2)
        parts = [struct.unpack_from(">II", data, at + 4 + 12 * number) for number in range(count)]
    except (IndexError, struct.error):
        return None
    if whose != track or not scale:
        return None
    lasts = sum(units for _, units in parts)
    return (
        Fraction(begins, scale),
        Fraction(lasts, scale),
        offset + sum(one & (1 << 31) - 1 for one, _ in parts),
    )
