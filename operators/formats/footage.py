"""Whether a file is a picture, a video or a recording: what is never given back as it is."""

import io

import av

from operators.video.decode import DEMUXERS
from operators.video.still import Unusable, facts

# Beside what planning takes; no playlists, as FFmpeg would open what stands in them.
_MORE = [
    "h264",
    "hevc",
    "av1",
    "obu",
    "ivf",
    "mjpeg",
    "yuv4mpegpipe",
    "ogg",
    "mxf",
    "dv",
    "rm",
    "gif",
    "wtv",
    "nut",
]
_MORE += [
    f"{kind}_pipe" for kind in ("jpeg", "png", "webp", "bmp", "tiff", "gif", "j2k", "jpegxl", "jpegls", "dds")
]


def is_footage(media_type: str, data: bytes) -> bool:
    """By what it is said to be, and by what it can be opened as."""
    if media_type.partition("/")[0].lower() in ("image", "video"):
        return True
    try:
        facts(data)
    except Unusable as error:
        return str(error) != "cannot be decoded" or _holds_video(data)
    return True


def _holds_video(data: bytes) -> bool:
    """What FFmpeg finds pictures in, of whatever name; an MP4 without its index; a recording in the recording."""
    if data[4:8] in (b"ftyp", b"mdat", b"moov") or data.startswith((b"\x89MCAP0\r\n", b"SQLite format 3\0")):
        return True
    try:
        only = {"format_whitelist": ",".join((*DEMUXERS, *_MORE))}
        with av.open(io.BytesIO(data), metadata_errors="replace", container_options=only) as container:
            return bool(container.streams.video)
    except (av.error.FFmpegError, ValueError):
        return False
