"""Test videos of every awkward kind, written with PyAV."""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np


def pictures(frames: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Smooth moving colours, no two frames alike: uint8 [T,H,W,3]."""
    return _pictures(frames, height, width).copy()


@lru_cache(32)
def _pictures(frames: int, height: int, width: int) -> np.ndarray:
    """Asked for again and again: sines of every pixel take longer than to encode them."""
    y, x, t = np.meshgrid(np.arange(height), np.arange(width), np.arange(frames), indexing="ij")
    channels = [np.sin(x / 9 + t / 3), np.cos(y / 7 - t / 4), np.sin((x + y) / 11 + t)]
    return np.ascontiguousarray((np.stack(channels, -1) * 100 + 128).astype(np.uint8).transpose(2, 0, 1, 3))


def write(
    path: Path,
    frames: np.ndarray,
    *,
    pts: list[int] | None = None,
    time_base: Fraction = Fraction(1, 10),
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    rotation: int = 0,
    options: dict[str, str] | None = None,
    title: str = "",
    rate: Fraction = Fraction(10),
) -> Path:
    """A video of `frames`; the container follows from the ending of `path`."""
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": title} if title else {})
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base
        stream.options = (
            {"crf": "12", "g": "12", "preset": "ultrafast", "threads": "1", **(options or {})}
            if codec == "libx264"
            else {}
        )
        if rotation:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = (pts or range(len(frames)))[number], time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path: Path) -> Path:
    """Half a second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for number in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
