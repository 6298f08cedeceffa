"""Does an mp4 hold anything beside its video? It is read, written anew from what was read, and compared byte for byte.

Boxes are those of ISO/IEC 14496-12 and 14496-15. Readers of video skip what they do not know, and do not look behind
the last field of what they know, so a picture, a name or a track fits into a file which plays as it should. What is
read are the moments of the frames, the frames themselves (one slice each, and no byte behind its end) and the two
parameter sets; mp4_layout.py makes all else of them, so no other byte is free.
"""

import struct
from collections.abc import Iterator

from operators.video import mp4_layout
from operators.video.h264_sets import check_picture, plainly_escaped, read_sequence
from operators.video.h264_slices import misnumbered, overlong
from operators.video.mp4_layout import Layout

C2PA = "c2pa"  # the one uuid box that may be asked for, see operators/release/c2pa_mark.py
_C2PA_TYPE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PARENTS = {"moov", "moov/trak", "moov/trak/edts", "moov/trak/mdia", "moov/trak/mdia/minf"}
_PARENTS |= {"moov/trak/mdia/minf/dinf", "moov/trak/mdia/minf/stbl"}
_TABLES = "moov/trak/mdia/minf/stbl"
_SLICES = (
    b"\x41\x65"  # the first byte of NAL units: a slice of a frame, of a key frame; ITU-T H.264, table 7-1
)


def foreign_boxes(data: bytes) -> list[str]:
    """Names of all boxes that are not, to the byte, what a clip encoded here has: `moov/udta`, `uuid`; sorted.

    `c2pa` is a C2PA manifest where one is due, `mdat` holds other than a slice for each frame, `rest` are bytes of no
    box. Which of a table's neighbours are named beside it, if the table is not to be understood, is left open.
    """
    found, boxes = set[str](), list(_walk(data, ""))
    held = _marks(boxes)
    if held:
        found.add(C2PA)
    try:
        layout = _read(boxes)
        due = mp4_layout.write(layout, held[:1])
        if due == data and _strange(layout):
            found.add("mdat")
    except (IndexError, KeyError, ValueError, struct.error) as error:
        found.add(str(error) if isinstance(error, _Foreign) else "rest")
        due = b""
    if due == data:
        return sorted(found)
    return sorted(found | _different(boxes, due) | ({"rest"} if due else set()))


def _strange(layout: Layout) -> bool:
    """Whether its slices hold, or say, more than their pictures."""
    config, slices = mp4_layout.config(layout), layout.slices
    return misnumbered(layout.sequence.frame_bits, slices) or overlong(config, slices)


def layout_of(data: bytes) -> Layout:
    """What is free in a clip's video: parameter sets, durations and slices. Raises ValueError if it is not one written
    here, to the byte; a C2PA manifest may be in it."""
    boxes = list(_walk(data, ""))
    try:
        layout = _read(boxes)
        if mp4_layout.write(layout, _marks(boxes)[:1]) == data:
            return layout
    except (IndexError, KeyError, struct.error):
        pass
    raise ValueError("a video that was not written here")


def last_duration(data: bytes) -> int | None:
    """How long the last frame is shown, in units of the track's time; None if nothing says it."""
    try:
        return _durations(dict(reversed(list(_walk(data, ""))))[f"{_TABLES}/stts"])[-1]
    except (IndexError, KeyError, ValueError):
        return None


def marks(data: bytes) -> list[bytes]:
    """The contents of all C2PA manifests' boxes."""
    return _marks(list(_walk(data, "")))


def _marks(boxes: list[tuple[str, bytes]]) -> list[bytes]:
    return [content for path, content in boxes if path == "uuid" and content[:16] == _C2PA_TYPE]


class _Foreign(ValueError):
    """The message is the box that is not to be understood."""


def _different(boxes: list[tuple[str, bytes]], due: bytes) -> set[str]:
    """Paths of boxes that are not the next one due, parents only if nothing in them is; all but `mdat` and marks."""
    wanted: dict[str, list[bytes]] = {}
    for path, content in _walk(due, ""):
        wanted.setdefault(path, []).append(content)
    different = set[str]()
    for path, content in boxes:
        left = wanted.get(path, [])
        same = bool(left) and (path in _PARENTS or left[0] == content)
        if left:
            left.pop(0)
        if not same and (path != "uuid" or content[:16] != _C2PA_TYPE):
            different.add(path)
    return different if due else different - mp4_layout.NAMES


def _walk(data: bytes, parent: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of every box, those within others after them."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            yield f"{parent}rest", data[at:]
            return
        path = parent + data[at + 4 : at + 8].decode("latin-1")
        content = data[at + 8 : at + size]
        yield path, content
        if path in _PARENTS:
            yield from _walk(content, f"{path}/")
        at += size


def _read(boxes: list[tuple[str, bytes]]) -> Layout:
    """What is free in a file. Raises _Foreign, or ValueError and the like for what is no such file."""
    held = dict(reversed(boxes))  # of two, the first
    try:
        sps, pps = _parameter_sets(held[f"{_TABLES}/stsd"])
        sequence = read_sequence(sps)
        check_picture(pps)
    except (IndexError, ValueError):
        raise _Foreign(f"{_TABLES}/stsd") from None
    durations = _durations(held[f"{_TABLES}/stts"])
    slices = _slices(held["mdat"])
    if len(slices) != len(durations):
        raise _Foreign("mdat")
    if sequence.scale % 2 or not sequence.tick or any(each % sequence.tick for each in durations[:-1]):
        raise _Foreign(f"{_TABLES}/stsd")
    return Layout(sequence, sps, pps, durations, slices)


def _parameter_sets(stsd: bytes) -> tuple[bytes, bytes]:
    """SPS and PPS in a box of sample descriptions."""
    at = stsd.index(b"avcC") + 10
    size = int.from_bytes(stsd[at : at + 2], "big")
    sps, at = stsd[at + 2 : at + 2 + size], at + 3 + size
    size = int.from_bytes(stsd[at : at + 2], "big")
    return sps, stsd[at + 2 : at + 2 + size]


def _durations(stts: bytes) -> list[int]:
    """Of each frame, in units of the track's time."""
    made: list[int] = []
    for at in range(8, len(stts) - 7, 8):
        count, duration = struct.unpack(">II", stts[at : at + 8])
        if len(made) + count > mp4_layout.MOST_FRAMES:
            raise _Foreign(f"{_TABLES}/stts")
        made += [duration] * count
    return made


def _slices(mdat: bytes) -> list[bytes]:
    """One NAL unit for each frame, without its length: slices, and nothing else. Raises _Foreign."""
    units, at = [], 0
    while at < len(mdat):
        size = int.from_bytes(mdat[at : at + 4], "big")
        unit = mdat[at + 4 : at + 4 + size]
        if (
            size < 2
            or len(unit) != size
            or unit[0] not in _SLICES
            or not unit[-1]
            or not plainly_escaped(unit)
        ):
            raise _Foreign("mdat")
        units.append(unit)
        at += 4 + size
    return units
