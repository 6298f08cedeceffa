"""A stream's packets -> its frames in order of display, whatever lies between them."""

from collections.abc import Iterable, Iterator

import av
from av.container import InputContainer

_REORDERED = 16  # frames: more than any codec shows in another order than it stores them


class Decoding:
    """Every frame of a stream in order of display, whatever lies between them. If it is `strict`, only packets that the
    demuxer marks may be damaged, and others raise what FFmpeg does: what comes after may lean on them."""

    def __init__(self, container: InputContainer, index: int, strict: bool = False) -> None:
        self._hurt, self._packets, self._shown = 0, 0, 0
        self._frames = self._decode(container, container.streams[index], strict)

    def __iter__(self) -> Iterator[av.VideoFrame]:
        return self._frames

    @property
    def damaged(self) -> int:
        """Packets from the first key frame on that are damaged and show nothing. Of some, decoders show what they can;
        while frames are still to come, they count as well."""
        return min(self._hurt, self._packets - self._shown)

    def _decode(
        self, container: InputContainer, stream: av.VideoStream, strict: bool
    ) -> Iterator[av.VideoFrame]:
        # Not by frames: such threads lose good frames along with a damaged one, and say nothing.
        stream.thread_type, begun, headless, latest = "SLICE", False, False, None
        for packet in container.demux(stream):
            if begun and not packet.is_keyframe and _is_back(packet, latest):
                yield from self._counted(stream.codec_context.decode(None))
                stream.codec_context.flush_buffers()
                headless = True
            begun, headless = begun or packet.is_keyframe, headless and not packet.is_keyframe
            latest = latest if packet.dts is None else packet.dts
            self._packets += begun and packet.size > 0
            try:
                frames, hurt = ([], True) if headless else (packet.decode(), packet.is_corrupt)
            except av.error.FFmpegError:
                if strict and not packet.is_corrupt:
                    raise
                frames, hurt = [], True
            self._hurt += begun and hurt
            yield from self._counted(frames)

    def _counted(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for frame in frames:
            self._shown += 1
            yield frame


def _is_back(packet: av.Packet, latest: int | None) -> bool:
    """Whether the clock starts again with this packet. If that is no key frame, another recording begins in its middle:
    what comes until its next key frame would be painted over pictures of the one before."""
    rate, unit = packet.stream.average_rate, packet.time_base
    step = packet.duration or (round(1 / (rate * unit)) if rate and unit else 0)
    return latest is not None and packet.dts is not None and 0 < _REORDERED * step < latest - packet.dts
