"""Frames <-> H.264, built anew from an allow-list: one video stream, no audio, no tags, no creation time."""

import io
import math
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from operators.video.mp4_boxes import foreign_boxes, last_duration


@dataclass(frozen=True)
class ContainerFacts:
    """What written bytes really hold. `streams` are types; `tags` are names of metadata found anywhere, `boxes` of
    boxes that an mp4 written here would not have; `last` is for how long its last frame is shown, in units of
    `time_base`, None if nothing says it."""

    streams: list[str]
    tags: list[str]
    boxes: list[str]
    pts: list[int]
    last: int | None
    time_base: Fraction
    width: int
    height: int
    sample_aspect: Fraction


_CONDITIONING_SIDE = 640  # px; the conditioning video is for looking at
# What the mp4 format itself demands and no muxer leaves out; none of it comes from the source.
_STRUCTURAL_TAGS = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "language",
    "handler_name",
    "vendor_id",
}


def encode_video(
    frames: np.ndarray,
    pts: list[int],
    time_base: Fraction,
    fps: Fraction,
    crf: int,
    preset: str,
    sample_aspect: Fraction = Fraction(1),
) -> bytes:
    """uint8 [T,H,W,3] RGB -> mp4 bytes; the same input gives the same bytes.

    `pts` in units of `time_base` keep their spacing exactly and start at 0. Odd sizes cannot be subsampled
    in H.264, so they are coded as 4:4:4 and keep their size; others as 4:2:0. A pixel is `sample_aspect` as wide as
    high; nothing is said of square ones.
    """
    if len(frames) != len(pts) or frames.dtype != np.uint8:
        raise ValueError(f"{len(frames)} frames of {frames.dtype} with {len(pts)} timestamps")
    file = io.BytesIO()
    # To put the index first, the muxer reads back what it has written.
    with av.open(
        file, "w", format="mp4", options=_muxing(time_base), io_open=lambda *_: io.BytesIO(file.getvalue())
    ) as out:
        stream = out.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        _settings(stream, time_base, crf, preset, sample_aspect)
        packets = []
        for picture, moment in zip(frames, pts, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = moment - pts[0], time_base
            packets += stream.encode(frame)
        packets += stream.encode()
        # Unit 6 is a comment in which x264 names itself and its settings.
        strip = BitStreamFilterContext("filter_units=remove_types=6", stream)
        for packet in packets:
            out.mux(strip.filter(packet))
    return file.getvalue()


def _muxing(time_base: Fraction) -> dict[str, str]:
    """Of the muxer: nothing of the moment or the machine, the index first, times as given."""
    return {
        "fflags": "+bitexact",
        "movflags": "+faststart",
        "video_track_timescale": str(time_base.denominator),
    }


def _settings(
    stream: av.VideoStream, time_base: Fraction, crf: int, preset: str, sample_aspect: Fraction
) -> None:
    """Of the encoder: one thread, so that the same input gives the same bytes; and no macroblock tree, with which some
    one in eight hundred of the same small videos came out otherwise, by up to 40 levels (x264 165, 9 of 7,500; 0 of
    12,700 without)."""
    stream.time_base = stream.codec_context.time_base = time_base
    stream.pix_fmt = "yuv444p" if stream.width % 2 or stream.height % 2 else "yuv420p"
    # No B-frames: a first timestamp other than 0 needs an edit list, which not every reader applies.
    stream.options = {"crf": str(crf), "preset": preset, "threads": "1", "bf": "0", "flags": "+bitexact"}
    stream.options |= {"mbtree": "0"}
    stream.options |= {"coder": "cavlc"}  # so that nothing can follow a slice: h264_slices.py
    _declare_bt709(stream.codec_context)
    if sample_aspect != 1:
        stream.codec_context.sample_aspect_ratio = sample_aspect


def _declare_bt709(context: av.VideoCodecContext) -> None:
    """Limited range, BT.709 matrix, primaries and transfer: what the conversion from RGB uses."""
    context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1


def conditioning_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the conditioning video of a clip of this size: even, small enough for a page; in pixels."""
    scale = min(1.0, _CONDITIONING_SIDE / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def due_last(fps: Fraction, time_base: Fraction) -> int:
    """For how long the last frame of a video that is encoded here is shown: a frame's distance, to the nearest of the
    units that an mp4 has, one part of a second in as many as `time_base` has."""
    return math.floor(time_base.denominator / fps + Fraction(1, 2))


def encode_lossless(frames: np.ndarray, container_format: str = "matroska") -> bytes:
    """uint8 [T,H,W,3] RGB -> H.264 RGB bytes that decode to exactly these frames."""
    file = io.BytesIO()
    with av.open(file, "w", format=container_format, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264rgb", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        stream.options = {"qp": "0", "preset": "ultrafast", "threads": "1"}
        for picture in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
            )
        container.mux(stream.encode())
    return file.getvalue()


def decode_bytes(data: bytes) -> np.ndarray:
    """Every frame of the first video stream, uint8 [T,H,W,3] RGB."""
    with av.open(io.BytesIO(data)) as container:
        return np.stack([to_rgb(frame) for frame in container.decode(video=0)])


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 [H,W,3], with the colour matrix that the frame declares (unknown: as the decoder assumes)."""
    return frame.to_ndarray(format="rgb24")


def inspect_video(data: bytes) -> ContainerFacts:
    """Read back a written mp4. Raises ValueError unless there is a video stream."""
    with av.open(io.BytesIO(data)) as container:
        tags = [*container.metadata, *(tag for stream in container.streams for tag in stream.metadata)]
        streams = [stream.type for stream in container.streams]
        if "video" not in streams:
            raise ValueError("no video stream")
        video = container.streams.video[0]
        # Decoded, not demuxed: a frame that cannot be decoded is no frame.
        pts = [frame.pts for frame in container.decode(video)]
        if None in pts or video.time_base is None:
            raise ValueError("frames without timestamps")
        foreign = [tag for tag in tags if tag not in _STRUCTURAL_TAGS]
        shape = (video.width, video.height, Fraction(video.sample_aspect_ratio or 1))
        return ContainerFacts(
            streams, foreign, foreign_boxes(data), pts, last_duration(data), video.time_base, *shape
        )
