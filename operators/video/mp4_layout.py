"""The one way in which a clip's video is laid out as an mp4: what FFmpeg's muxer makes of one H.264 track, index first.

ISO/IEC 14496-12; all that is not a frame, a moment or a parameter set follows from those, or is the same in every file.
"""

import struct
from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass
from itertools import groupby

from operators.video.h264_sets import Sequence

MOST_FRAMES = 1 << 20
_CHUNK = 1 << 20  # bytes of frames that the muxer lists as one
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_HIGH = (100, 244)
NAMES = {"ftyp", "moov", "mdat", "free", "moov/mvhd", "moov/udta", "moov/trak", "moov/trak/tkhd"}
NAMES |= {"moov/trak/edts", "moov/trak/edts/elst", "moov/trak/mdia"}
NAMES |= {
    f"moov/trak/mdia/{name}" for name in ("mdhd", "hdlr", "minf", "minf/vmhd", "minf/dinf", "minf/stbl")
}
NAMES |= {"moov/trak/mdia/minf/dinf/dref"}
NAMES |= {f"moov/trak/mdia/minf/stbl/{name}" for name in ("stsd", "stts", "stss", "stsc", "stsz", "stco")}


@dataclass(frozen=True)
class Index:
    """What differs between files, but for the frames: parameter sets with what the first says; of each frame its
    duration, its bytes (a slice and its length), and whether it is a key frame."""

    sequence: Sequence
    sps: bytes
    pps: bytes
    durations: list[int]
    sizes: list[int]
    keys: list[bool]


@dataclass(frozen=True)
class Layout:
    """What differs between files: parameter sets with what the first says, and duration and slice of each frame."""

    sequence: Sequence
    sps: bytes
    pps: bytes
    durations: list[int]
    slices: list[bytes]

    @property
    def sizes(self) -> list[int]:
        """Bytes of each sample: a slice and its length."""
        return [len(unit) + 4 for unit in self.slices]

    @property
    def keys(self) -> list[bool]:
        """Which samples are key frames."""
        return [unit[0] & 31 == 5 for unit in self.slices]

    @property
    def index(self) -> Index:
        """All but the slices."""
        return Index(self.sequence, self.sps, self.pps, self.durations, self.sizes, self.keys)


def write(layout: Layout, marks: Many[bytes] = ()) -> bytes:
    """The file, with the contents `marks` of uuid boxes before its index. Raises struct.error for what is too large."""
    return head(layout.index, marks) + b"".join(samples(layout.slices))


def samples(slices: Many[bytes]) -> Iterator[bytes]:
    """Each slice behind its length, as it lies in a file."""
    return (struct.pack(">I", len(unit)) + unit for unit in slices)


def head(index: Index, marks: Many[bytes] = ()) -> bytes:
    """The file up to its first frame. Offsets have 64 bits in one that 32 do not suffice for."""
    ftyp = _box("ftyp", b"isom", (0x200,), b"isomiso2avc1mp41")
    before = ftyp + b"".join(_box("uuid", content) for content in marks)
    size = sum(index.sizes)
    if len(before) + len(_moov(index, 0, "Q")) + 8 + 8 + size < 1 << 32:
        offset, mdat = "I", _box("free") + struct.pack(">I4s", 8 + size, b"mdat")
    else:
        offset, mdat = "Q", struct.pack(">I4sQ", 1, b"mdat", 16 + size)
    start = len(before) + len(_moov(index, 0, offset)) + len(mdat)
    return before + _moov(index, start, offset) + mdat


def _box(name: str, *parts: bytes | tuple[int, ...]) -> bytes:
    """A box of bytes, and of numbers of 32 bits."""
    content = b"".join(
        part if isinstance(part, bytes) else struct.pack(f">{len(part)}I", *part) for part in parts
    )
    return struct.pack(">I", 8 + len(content)) + name.encode() + content


def _moov(layout: Index, start: int, offset: str) -> bytes:
    """The index of frames that begin at the byte `start`; an `offset` is I, of 32 bits, or Q, of 64."""
    total = sum(layout.durations)
    timescale = layout.sequence.scale // 2
    lasts = -(-1000 * total // timescale)  # ms
    sides = layout.sequence.width << 16, layout.sequence.height << 16
    mvhd = _box("mvhd", (0, 0, 0, 1000, lasts, 1 << 16, 1 << 24, 0, 0), _MATRIX, (0,) * 6, (2,))
    tkhd = _box("tkhd", (3, 0, 0, 1, 0, lasts, 0, 0, 0, 0), _MATRIX, sides)
    edts = _box("edts", _box("elst", (0, 1, lasts, 0, 1 << 16)))
    mdhd = _box("mdhd", _times(timescale, total), (0x55C4 << 16,))
    hdlr = _box("hdlr", (0, 0), b"vide", bytes(12), b"VideoHandler\0")
    vmhd, dinf = _box("vmhd", (1, 0, 0)), _box("dinf", _box("dref", (0, 1), _box("url ", (1,))))
    minf = _box("minf", vmhd, dinf, _tables(layout, start, offset))
    handler = _box("hdlr", (0, 0), b"mdirappl", bytes(9))
    udta = _box("udta", _box("meta", (0,), handler, _box("ilst")))
    return _box("moov", mvhd, _box("trak", tkhd, edts, _box("mdia", mdhd, hdlr, minf)), udta)


def _times(timescale: int, total: int) -> tuple[int, ...]:
    """Version, no moment of making or changing, unit and duration: in 64 bits where 31 do not suffice."""
    if total < 1 << 31:
        return (0, 0, 0, timescale, total)
    return (1 << 24, 0, 0, 0, 0, timescale, total >> 32, total % (1 << 32))


def _tables(layout: Index, start: int, offset: str) -> bytes:
    """How frames are coded, how long each lasts, which are key frames, and where they lie."""
    sizes, keys = layout.sizes, [number for number, key in enumerate(layout.keys, 1) if key]
    times = [(len(list(same)), each) for each, same in groupby(layout.durations)]
    chunks, at = _chunks(sizes), start
    counts, places = list[tuple[int, int, int]](), list[int]()
    for number, chunk in enumerate(chunks, 1):
        places.append(at)
        at += sum(chunk)
        if not counts or counts[-1][1] != len(chunk):
            counts.append((number, len(chunk), 1))
    same = sizes[0] if len(set(sizes)) == 1 else 0
    return _box(
        "stbl",
        _box("stsd", (0, 1), _avc1(layout)),
        _box("stts", (0, len(times)), *times),
        _box("stss", (0, len(keys), *keys)) if len(keys) < len(sizes) else b"",
        _box("stsc", (0, len(counts)), *counts),
        _box("stsz", (0, same, len(sizes)), tuple(sizes) if not same else ()),
        _box(
            "stco" if offset == "I" else "co64",
            (0, len(places)),
            struct.pack(f">{len(places)}{offset}", *places),
        ),
    )


def config(layout: Layout | Index) -> bytes:
    """What a decoder is told before the first frame: the content of avcC."""
    sps, pps, sequence = layout.sps, layout.pps, layout.sequence
    made = b"\1" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    made += b"\1" + struct.pack(">H", len(pps)) + pps
    if sequence.profile in _HIGH:
        made += bytes([0xFC | sequence.chroma, 0xF8, 0xF8, 0])
    return made


def _avc1(layout: Index) -> bytes:
    """The one description of samples: H.264 of this size, in BT.709 with limited range."""
    total = sum(layout.durations)
    rate = sum(layout.sizes) * 8 * (layout.sequence.scale // 2) // total if total else 0
    sides = struct.pack(">HH", layout.sequence.width, layout.sequence.height)
    entry = (0, 1, 0, 0, 0, 0), sides, (72 << 16, 72 << 16, 0), b"\0\1", bytes(32), b"\0\x18\xff\xff"
    colours = _box("colr", b"nclx", struct.pack(">3HB", 1, 1, 1, 0))
    aspect = layout.sequence.aspect
    pixels = _box("pasp", (aspect.numerator, aspect.denominator)) if aspect != 1 else b""
    bits = _box("btrt", (0, rate, 0)) if rate else b""
    return _box("avc1", *entry, _box("avcC", config(layout)), colours, pixels, bits)


def _chunks(sizes: list[int]) -> list[list[int]]:
    """Neighbours together, as many as stay below _CHUNK."""
    made: list[list[int]] = []
    held = 0
    for size in sizes:
        if made and held + size < _CHUNK:
            made[-1].append(size)
            held += size
        else:
            made.append([size])
            held = size
    return made
