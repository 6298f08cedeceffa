"""Does a slice go on behind its end? A decoder stops at the last macroblock and does not ask what follows.

FFmpeg's tells if it is asked to be strict, but only of slices in CAVLC: where one in CABAC ends nobody can say who has
not decoded it. This is why clips are encoded in CAVLC, which takes 11 and 13 % more bytes
for two real clips.
"""

from collections.abc import Sequence

import av

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
