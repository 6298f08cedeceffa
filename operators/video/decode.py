"""Ranged decode: exactly the frames that a clip reference names, as displayed."""

import contextlib
from collections.abc import Iterator

import av
import numpy as np
from av.container import InputContainer

from operators import storage
from operators.video.encode import to_rgb
from operators.video.source import is_as_planned
from schemas.clip import ClipRef


class DecodeError(Exception):
    """The source does not give the planned frames. `reason` and `remedy` name no file: they are published."""

    def __init__(
        self, reason: str, remedy: str = "Repair or replace the source file and plan it again"
    ) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


# Demuxers of the file types that planning takes. Others are playlists and session descriptions: whatever such a file
# is called, FFmpeg would open the files, addresses and sockets that stand in it.
DEMUXERS = ("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "asf", "flv")


@contextlib.contextmanager
def open_video(uri: str) -> Iterator[InputContainer]:
    """A source's container. Its tags may be in any encoding: they are of no interest here, and never an error."""
    only = {"format_whitelist": ",".join(DEMUXERS)}
    with (
        storage.open_file(uri) as file,
        av.open(file, metadata_errors="replace", container_options=only) as container,
    ):
        yield container


def decode_clip(ref: ClipRef) -> np.ndarray:
    """uint8 [T,H,W,3] RGB: the frames at `ref.pts`, rotated for display.

    Frames are found by timestamp, so a variable frame rate or a lost frame cannot shift the clip.
    Raises DecodeError if a frame is missing, is of another size, or the source cannot be read, or has changed since it
    was planned: then it is another one, under the digest of the first.
    """
    if ref.problem:
        raise DecodeError(ref.problem, ref.remedy)
    frames = np.empty((len(ref.pts), ref.height, ref.width, 3), np.uint8)
    wanted = {pts: index for index, pts in enumerate(ref.pts)}
    try:
        same = is_as_planned(ref)
        if same:
            _fill(frames, wanted, ref, seek=True)
        if same and wanted:  # where there is no index, seeking may land behind the clip: then from the start
            _fill(frames, wanted, ref, seek=False)
        if not same or not is_as_planned(ref):  # not while it was read either
            raise DecodeError("the source has changed since it was planned", "Plan it again")
    except (OSError, av.error.FFmpegError) as error:
        raise DecodeError(f"the source cannot be decoded ({type(error).__name__})") from None
    if wanted:
        raise DecodeError(f"{len(wanted)} of {len(ref.pts)} frames cannot be decoded")
    return frames


def _fill(frames: np.ndarray, wanted: dict[int, int], ref: ClipRef, seek: bool) -> None:
    """Put each wanted timestamp's picture at its index, and take it off the list."""
    with open_video(ref.uri) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if seek:
            with contextlib.suppress(av.error.FFmpegError):
                container.seek(ref.pts[0], stream=stream)
        for frame in container.decode(stream):
            if frame.pts in wanted:
                picture = as_displayed(to_rgb(frame), ref.rotation)
                if picture.shape != frames.shape[1:]:
                    size = f"{picture.shape[1]}x{picture.shape[0]}"
                    raise DecodeError(
                        f"the picture size changes to {size}", "Split the source where it changes"
                    )
                frames[wanted.pop(frame.pts)] = picture
            # Frames come in order of display: nothing wanted comes after the clip's last.
            if not wanted or (frame.pts is not None and frame.pts > ref.pts[-1]):
                break


def as_displayed(picture: np.ndarray, rotation: int) -> np.ndarray:
    """Turn [H,W,3] counter-clockwise by `rotation` degrees, a multiple of 90."""
    return np.rot90(picture, rotation // 90) if rotation else picture
