"""Ranged decode: exactly the frames that a clip reference names, as displayed."""

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import IO

import av
import numpy as np
from av.container import InputContainer

from operators import storage
from operators.bags.local import NO_ROOM, NoRoom
from operators.bags.messages import picture_of
from operators.bags.read import Gone, fetch
from operators.video.boxes import whole_boxes
from operators.video.clipped import Clipped
from operators.video.decoding import Decoding
from operators.video.picture import Unshowable, as_displayed, orientation, picture, without_comb
from operators.video.source import is_as_planned
from operators.video.still import Unusable, pixels
from operators.video.tone import transfer
from operators.video.units import decoded
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.policy import Sources


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


_READERS = 4  # of a folder's pictures, at the same time: a store's answers are waited for together


@contextlib.contextmanager
def open_video(uri: str) -> Iterator[InputContainer]:
    """A source's container. Its tags may be in any encoding: they are of no interest here, and never an error.

    FFmpeg opens no MP4 that is cut within the list of a fragment's frames: that one is left away.
    """
    with storage.open_file(uri) as file:
        try:
            container = _opened(file)
        except av.error.EOFError:
            container = _opened(Clipped(file, whole_boxes(file)))
        with container:
            yield container


def _opened(file: IO[bytes] | Clipped) -> InputContainer:
    only = {"format_whitelist": ",".join(DEMUXERS)}
    return av.open(file, metadata_errors="replace", container_options=only)


def decode_clip(ref: ClipRef) -> np.ndarray:
    """uint8 [T,H,W,3] RGB: what `decode` gives, without what it found out."""
    return decode(ref)[0]


def decode(ref: ClipRef, sources: Sources | None = None) -> tuple[np.ndarray, ClipRef]:
    """The clip's frames as players show them, uint8 [T,H,W,3] RGB, and the reference with what was done to them.

    Frames are found by timestamp, so a variable frame rate or a lost frame cannot shift the clip; those of a source
    whose clock starts again (`ref.counted`) by their number. Interlaced ones are deinterlaced, those of a wider range
    mapped into BT.709, wherever in the source that begins: planning has only looked at its first frames.
    Raises DecodeError if a frame is missing, is of another size, or the source cannot be read, or has changed since it
    was planned: then it is another one, under the digest of the first; also if `sources` refuse what it is.
    """
    if ref.problem:
        raise DecodeError(ref.problem, ref.remedy)
    _require(ref, sources or Sources())
    if ref.topic:
        return _messages(ref), ref
    if ref.images:
        return _images(ref), ref
    clip = _Clip(ref)
    try:
        same = is_as_planned(ref)
        if same and not ref.counted:
            clip.fill(seek=True)
        if (
            same and clip.wanted
        ):  # where there is no index, seeking may land behind the clip: then from the start
            clip.fill(seek=False)
        if not same or not is_as_planned(ref):  # not while it was read either
            raise DecodeError("the source has changed since it was planned", "Plan it again")
    except Unshowable as error:
        raise DecodeError(str(error)) from None
    except (OSError, av.error.FFmpegError) as error:
        raise DecodeError(f"the source cannot be decoded ({type(error).__name__})") from None
    if clip.wanted:
        raise DecodeError(f"{len(clip.wanted)} of {len(ref.pts)} frames cannot be decoded")
    _require(clip.ref, sources or Sources())
    return clip.frames, clip.ref


def _images(ref: ClipRef) -> np.ndarray:
    """The pictures of a folder that a clip's frames are, each by its name and with the bytes that the plan saw."""
    frames = np.empty((len(ref.pts), ref.height, ref.width, 3), np.uint8)

    def put(index: int) -> None:
        file = ref.images[index]
        data = storage.read_bytes(ref.uri, file.name)
        if hashlib.blake2b(data, digest_size=16).hexdigest() != file.digest:
            raise DecodeError("the source has changed since it was planned", "Plan it again")
        frames[index] = pixels(data)

    try:
        with ThreadPoolExecutor(_READERS) as readers:
            list(readers.map(put, range(len(ref.pts))))
    except (OSError, UserError, Unusable) as error:
        raise DecodeError(f"the source cannot be decoded ({type(error).__name__})") from None
    return frames


def _messages(ref: ClipRef) -> np.ndarray:
    """The pictures that a clip's messages hold."""
    frames = np.empty((len(ref.pts), ref.height, ref.width, 3), np.uint8)
    try:
        for index, shown in enumerate(_in_messages(ref)):
            if shown.shape != frames.shape[1:]:
                raise Gone
            frames[index] = shown
    except Gone:
        raise DecodeError("the source has changed since it was planned", "Plan it again") from None
    except NoRoom:
        raise DecodeError(*NO_ROOM) from None
    except Exception as error:  # the store's, and those of three libraries
        raise DecodeError(f"the source cannot be decoded ({type(error).__name__})") from None
    return frames


def _in_messages(ref: ClipRef) -> Iterator[np.ndarray]:
    """As many pictures as the clip has; of a video all frames since the key frame before are decoded."""
    found = [picture_of(message) for message in fetch(ref.uri, ref.topic, ref.images)]
    if found[0][0].kind == "image":
        yield from (pixels(held.data) for _, held in found)
        return
    before = len(found) - len(ref.pts)
    for number, frame in enumerate(decoded((held.format, held.data) for _, held in found)):
        if frame is None:
            raise Unusable("cannot be decoded")
        if number >= before:
            yield picture(frame)


def _require(ref: ClipRef, sources: Sources) -> None:
    """Raises DecodeError if the policy refuses such a source."""
    refused = {
        "incomplete": (ref.missing, f"{ref.missing} frames of the source are missing"),
        "hdr": (ref.transfer, f"the source is in {ref.transfer}"),
        "interlaced": (ref.interlaced, "the source is interlaced"),
    }
    for name, (held, reason) in refused.items():
        if held and getattr(sources, name) == "refuse":
            raise DecodeError(f"{reason}, and the policy refuses that", f"Mend it, or change sources.{name}")


class _Clip:
    """A clip being filled: its frames, and by timestamp (or number) which of them are still wanted."""

    def __init__(self, ref: ClipRef) -> None:
        self.ref = ref
        self.frames = np.empty((len(ref.pts), ref.height, ref.width, 3), np.uint8)
        names = range(ref.first_frame, ref.first_frame + len(ref.pts)) if ref.counted else ref.pts
        self.wanted = {name: index for index, name in enumerate(names)}
        self.last = names[-1]

    def fill(self, seek: bool) -> None:
        """Put each wanted frame's picture at its index, and take it off the list."""
        try:
            self._fill(seek)
        except _Interlaced:
            self.ref = replace(self.ref, interlaced=True)
            self._fill(seek)

    def _fill(self, seek: bool) -> None:
        with open_video(self.ref.uri) as container:
            if seek:
                # The deinterlacer looks at the frame before, too.
                first = self.ref.pts[0] - self.ref.interlaced
                with contextlib.suppress(av.error.FFmpegError):
                    container.seek(first, stream=container.streams[self.ref.stream])
            frames = Decoding(container, self.ref.stream, strict=not self.ref.counted)
            for number, frame in enumerate(without_comb(frames) if self.ref.interlaced else frames):
                name = number if self.ref.counted else frame.pts
                if name in self.wanted:
                    self._put(frame, self.wanted[name])
                    del self.wanted[name]
                # Frames come in order of display: nothing wanted comes after the clip's last.
                if not self.wanted or (name is not None and name > self.last):
                    break

    def _put(self, frame: av.VideoFrame, index: int) -> None:
        ref = self.ref
        if frame.interlaced_frame and not ref.interlaced:
            raise _Interlaced
        if frame.pts != ref.pts[index]:
            raise DecodeError("its frames do not come in the planned order")
        if orientation(frame) not in (None, (ref.rotation, ref.mirrored)):
            raise DecodeError("the pictures' orientation changes", "Split the source where it changes")
        shown = as_displayed(picture(frame), ref.rotation, ref.mirrored)
        if shown.shape != self.frames.shape[1:]:
            size = f"{shown.shape[1]}x{shown.shape[0]}"
            raise DecodeError(f"the picture size changes to {size}", "Split the source where it changes")
        self.frames[index] = shown
        if (kind := transfer(frame)) != ref.transfer:
            self.ref = replace(ref, transfer=kind or ref.transfer)


class _Interlaced(Exception):
    """A frame is, in a source of which that was not known."""
