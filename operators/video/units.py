"""Video that comes frame by frame, each in a message of its own: Annex B units of H.264 and H.265, VP9 and AV1.

As foxglove.CompressedVideo has it: a message is one frame, shown in the order in which it comes, and a key frame brings
all that it needs.
"""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags, ThreadType

from operators.video.mp4_boxes import layout_of

CODECS = {"h264": "h264", "h265": "hevc", "vp9": "vp9", "av1": "libdav1d"}
_ENCODERS = {"h265": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
_OPTIONS = {
    "h265": {
        "crf": "20",
        "preset": "fast",
        "x265-params": "bframes=0:repeat-headers=1:log-level=none:info=0",
    },
    "vp9": {"crf": "24", "b": "0", "deadline": "realtime", "lag-in-frames": "0", "auto-alt-ref": "0"},
    "av1": {"crf": "28", "preset": "9", "svtav1-params": "pred-struct=1:lookahead=0"},
}
os.environ.setdefault("SVT_LOG", "1")  # of AV1's encoder: errors alone
_START, _KEY = b"\0\0\0\1", 0x65  # before each unit; the first byte of a key frame's slice


class UnitDecoder:
    """Decodes messages one by one. What it gives after one that it could not decode leans on what is missing, until the
    next key frame: that is for the caller to know."""

    def __init__(self, codec: str) -> None:
        """`codec` is one of CODECS."""
        self._context = av.CodecContext.create(CODECS[codec], "r")
        self._context.thread_type, self._context.thread_count = ThreadType.NONE, 1
        self._context.flags |= Flags.low_delay  # what is decoded is given at once
        self._number = 0

    def frame(self, data: bytes) -> av.VideoFrame | None:
        """The one frame that a message holds; None if it holds none, several or a damaged one."""
        packet = av.Packet(data)
        packet.pts = packet.dts = self._number
        self._number += 1
        try:
            frames = self._context.decode(packet)
        except av.error.FFmpegError:
            return None
        if len(frames) != 1 or frames[0].pts != packet.pts or frames[0].is_corrupt:
            return None
        return frames[0] if isinstance(frames[0], av.VideoFrame) else None


def decoded(messages: Iterable[tuple[str, bytes]]) -> Iterator[av.VideoFrame | None]:
    """A frame, or None, for each codec and data."""
    decoder, before = None, ""
    for codec, data in messages:
        if codec not in CODECS:
            yield None
            continue
        if decoder is None or codec != before:
            decoder, before = UnitDecoder(codec), codec
        yield decoder.frame(data)


def encoded(video: bytes, frames: np.ndarray, codec: str) -> list[bytes]:
    """A clip's video (mp4, as it was written here, of which `frames` uint8 [T,H,W,3] were decoded) -> a message's data
    for each frame, the first a key frame. H.264 is not encoded again. Raises ValueError unless each has one."""
    units = _annex_b(video) if codec == "h264" else _again(frames, codec)
    if len(units) != len(frames):
        raise ValueError(f"{len(units)} units for {len(frames)} frames")
    return units


def _annex_b(video: bytes) -> list[bytes]:
    """The slices that the mp4 holds, before each key frame's the parameter sets."""
    layout = layout_of(video)
    sets = _START + layout.sps + _START + layout.pps
    return [(sets if unit[0] == _KEY else b"") + _START + unit for unit in layout.slices]


def _again(frames: np.ndarray, codec: str) -> list[bytes]:
    context = av.VideoCodecContext.create(_ENCODERS[codec], "w")
    context.height, context.width = frames.shape[1:3]
    context.pix_fmt = (
        "yuv444p" if codec == "h265" and (context.width % 2 or context.height % 2) else "yuv420p"
    )
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.thread_count, context.options, context.gop_size = 1, _OPTIONS[codec], len(frames)
    context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1
    packets = []
    for number, picture in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(format=context.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return [bytes(packet) for packet in packets]
