"""What an mp4 holds beside its video: every box that is not on the allow-list, down to single bytes.

Boxes are those of ISO/IEC 14496-12. Readers of video skip what they do not know, so it takes this to find a picture, a
name or a track that somebody left in a file which plays as it should.
"""

import struct
from collections.abc import Iterator

C2PA = "c2pa"  # the one uuid box that may be asked for, see operators/release/c2pa_mark.py
_C2PA_TYPE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PARENTS = {"moov", "moov/trak", "moov/trak/edts", "moov/trak/mdia", "moov/trak/mdia/minf"}
_PARENTS |= {"moov/trak/mdia/minf/dinf", "moov/trak/mdia/minf/stbl"}
_TABLES = ("stsd", "stts", "stss", "stsc", "stsz", "stco", "co64", "ctts")
_ALLOWED = {"ftyp", "moov", "mdat", "moov/mvhd", "moov/trak", "moov/trak/tkhd", "moov/trak/edts"}
_ALLOWED |= {"moov/trak/edts/elst", "moov/trak/mdia"}
_ALLOWED |= {f"moov/trak/mdia/{name}" for name in ("mdhd", "hdlr", "minf", "minf/vmhd", "minf/dinf")}
_ALLOWED |= {"moov/trak/mdia/minf/dinf/dref", "moov/trak/mdia/minf/stbl"}
_ALLOWED |= {f"moov/trak/mdia/minf/stbl/{name}" for name in _TABLES}
# FFmpeg's muxer never leaves these out: a padding box without content, and a list of tags without tags.
_EMPTY = {"free": b"", "moov/udta": bytes.fromhex("000000356d657461" + "00" * 7 + "2168646c72" + "00" * 8)}
_EMPTY["moov/udta"] += b"mdirappl" + bytes(9) + bytes.fromhex("00000008") + b"ilst"


def foreign_boxes(data: bytes) -> list[str]:
    """Names of all boxes that an encoded clip has no need of, such as `moov/udta`, `uuid` or `c2pa`; sorted.

    `mdat` is among them if it holds more than the samples that the index lists, `rest` if bytes belong to no box.
    """
    found, payload, samples = set[str](), 0, 0
    for path, content in _walk(data, ""):
        if path == "uuid" and content[:16] == _C2PA_TYPE:
            found.add(C2PA)
        elif path in _EMPTY:
            found |= {path} if content != _EMPTY[path] else set()
        elif path not in _ALLOWED:
            found.add(path)
        elif path == "mdat":
            payload += len(content)
        elif path.endswith("/stsz"):
            samples += _sizes(content)
    return sorted(found | ({"mdat"} if payload != samples else set()))


def _walk(data: bytes, parent: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of every box, those within others after them."""
    at = 0
    while at < len(data):
        head, size = 8, int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            head, size = 16, int.from_bytes(data[at + 8 : at + 16], "big")
        if size < head or at + size > len(data):
            yield f"{parent}rest", data[at:]
            return
        path = parent + data[at + 4 : at + 8].decode("latin-1")
        content = data[at + head : at + size]
        yield path, content
        if path in _PARENTS:
            yield from _walk(content, f"{path}/")
        at += size


def _sizes(content: bytes) -> int:
    """Bytes of all samples that an `stsz` box lists; -1 if it cannot be read."""
    if len(content) < 12:
        return -1
    each, count = struct.unpack(">II", content[4:12])
    if each:
        return each * count
    listed = content[12:]
    return sum(struct.unpack(f">{count}I", listed)) if len(listed) == 4 * count else -1
