"""Does a slice go on behind its end, or count what nobody asks for? A decoder stops at the last macroblock and does not
ask what follows, nor by which number a frame calls itself.

FFmpeg's tells if it is asked to be strict, but only of slices in CAVLC: where one in CABAC ends nobody can say who has
not decoded it. This is why clips are encoded in CAVLC, which takes 11 and 13 % more bytes
for two real clips.
"""

from collections.abc import Sequence

import av

from operators.video.bits import Bits
from operators.video.h264_sets import unescaped

_HEAD = 32  # bytes in which a slice's first fields end
_INTER, _INTRA = 5, 7  # of a picture all of whose slices are so
_STRICT = {"err_detect": "aggressive+explode", "ec": "0"}


def overlong(config: bytes, units: Sequence[bytes]) -> bool:
    """Whether one of these NAL units, a slice for each frame, is longer than its picture, or cannot be decoded.

    `config` is the content of avcC.
    """
    context = av.CodecContext.create("h264", "r")
    context.extradata, context.options, context.thread_count = config, _STRICT, 1
    try:
        return any(len(context.decode(av.Packet(len(unit).to_bytes(4, "big") + unit))) != 1 for unit in units)
    except av.error.FFmpegError:
        return True


def misnumbered(frame_bits: int, units: Sequence[bytes]) -> bool:
    """Whether one of these NAL units is not the only slice of its frame, or not of the frame that is due after the last
    key frame, as it says in `frame_bits`. ITU-T H.264, 7.3.3."""
    number = 0
    try:
        for unit in units:
            key = unit[0] & 31 == 5
            number = 0 if key else number + 1
            _check_head(Bits(unescaped(unit[:_HEAD])[1:]), key, number % (1 << frame_bits), frame_bits)
    except ValueError:
        return True
    return False


def _check_head(bits: Bits, key: bool, number: int, frame_bits: int) -> None:
    """Raises ValueError for another slice than that of the frame `number`."""
    bits.ue(1)  # begins with the first macroblock
    kind = bits.ue(_INTRA + 1)
    if kind != _INTRA and (key or kind != _INTER):
        raise ValueError("an unknown kind of slice")
    bits.ue(1)
    bits.due(frame_bits, number)
    if key:
        bits.ue(2)  # key frames are told from their neighbours by turns
        bits.due(2)
    elif kind == _INTRA:
        bits.due(1)
