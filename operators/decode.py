"""Ranged decode: exactly the frames that a clip reference names, as displayed."""

import contextlib
from typing import IO, Any

import av
import fsspec
import numpy as np

from operators.encode import to_rgb
from schemas.clip import ClipRef


class DecodeError(Exception):
    """The source does not give the planned frames. `reason` and `remedy` name no file: they are published."""

    def __init__(
        self, reason: str, remedy: str = "Repair or replace the source file and plan it again"
    ) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def open_source(uri: str) -> IO[Any]:
    """A seekable stream of a local file or object; of an object only what is read is fetched.

    With s3fs's default block size, four seconds of a long video fetched over 100 MB; with this, 2 MB.
    """
    options = (
        {"block_size": 1 << 20, "cache_type": "readahead"}
        if "://" in uri and not uri.startswith("file:")
        else {}
    )
    return fsspec.open(uri, "rb", **options).open()


def decode_clip(ref: ClipRef) -> np.ndarray:
    """uint8 [T,H,W,3] RGB: the frames at `ref.pts`, rotated for display.

    Frames are found by timestamp, so a variable frame rate or a lost frame cannot shift the clip.
    Raises DecodeError if a frame is missing, is of another size, or the source cannot be read.
    """
    frames: dict[int, np.ndarray] = {}
    try:
        for seek in (
            True,
            False,
        ):  # where there is no index, seeking may land behind the clip: then from the start
            if len(frames) < len(ref.pts):
                with open_source(ref.uri) as file, av.open(file) as container:
                    frames |= _collect(container, ref, set(ref.pts) - set(frames), seek)
    except (OSError, av.error.FFmpegError) as error:
        raise DecodeError(f"the source cannot be decoded ({type(error).__name__})") from None
    if len(frames) < len(ref.pts):
        raise DecodeError(f"{len(ref.pts) - len(frames)} of {len(ref.pts)} frames cannot be decoded")
    return np.stack([frames[pts] for pts in ref.pts])


def _collect(container: Any, ref: ClipRef, wanted: set[int], seek: bool) -> dict[int, np.ndarray]:
    """The wanted frames by timestamp, decoded from the keyframe before the clip or from the start."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    if seek:
        with contextlib.suppress(av.error.FFmpegError):
            container.seek(ref.pts[0], stream=stream)
    frames: dict[int, np.ndarray] = {}
    for frame in container.decode(stream):
        if frame.pts in wanted:
            picture = as_displayed(to_rgb(frame), ref.rotation)
            if picture.shape != (ref.height, ref.width, 3):
                raise DecodeError(f"the picture size changes to {picture.shape[1]}x{picture.shape[0]}")
            frames[frame.pts] = picture
        # Frames come in order of display: nothing wanted comes after the clip's last.
        if len(frames) == len(wanted) or (frame.pts is not None and frame.pts > ref.pts[-1]):
            break
    return frames


def as_displayed(picture: np.ndarray, rotation: int) -> np.ndarray:
    """Turn [H,W,3] counter-clockwise by `rotation` degrees, a multiple of 90."""
    return np.rot90(picture, rotation // 90) if rotation else picture
