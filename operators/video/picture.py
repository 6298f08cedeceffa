"""A decoded frame -> the picture that players show: the right way up, in the colours of BT.709, without comb."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type

from operators.video.encode import to_rgb
from operators.video.tone import to_bt709, transfer

# Makes a picture of the two fields of a frame; a frame that is not interlaced stays as it is.
DEINTERLACER = "bwdif"


class Unshowable(Exception):
    """No two players show such a frame alike. The message names no file."""


def picture(frame: av.VideoFrame) -> np.ndarray:
    """uint8 [H,W,3] RGB, not yet turned. What is of no wider range than BT.709 is as FFmpeg converts it."""
    return to_bt709(frame) if transfer(frame) else to_rgb(frame)


def orientation(frame: av.VideoFrame) -> tuple[int, bool] | None:
    """How the frame's display matrix shows it: mirrored left to right first, then turned counter-clockwise by degrees.

    None without a matrix. Raises Unshowable unless it only mirrors and turns by a multiple of 90 degrees, to within
    one. By ISO/IEC 14496-12, 6.2.2, a point x, y goes to a x + c y, b x + d y.
    """
    held = frame.side_data.get(Type.DISPLAYMATRIX)
    if held is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(held), np.int32)[:5].astype(float)
    lengths = np.hypot(a, b), np.hypot(c, d)
    if not all(lengths):
        return None
    exact = np.array([[a / lengths[0], c / lengths[1]], [b / lengths[0], d / lengths[1]]])
    matrix = exact.round()
    if np.abs(exact - matrix).max() > np.sin(np.pi / 180) or abs(np.linalg.det(matrix)) != 1:
        raise Unshowable("its display matrix turns it by an angle that is no multiple of 90 degrees")
    mirrored = bool(np.linalg.det(matrix) < 0)
    turned = matrix @ np.diag([-1 if mirrored else 1, 1])
    return int(np.degrees(np.arctan2(-turned[1, 0], turned[0, 0])).round()) % 360, mirrored


def as_displayed(pixels: np.ndarray, rotation: int, mirrored: bool = False) -> np.ndarray:
    """Mirror [H,W,3] left to right, if it is to be, then turn it counter-clockwise by a multiple of 90 degrees."""
    pixels = pixels[:, ::-1] if mirrored else pixels
    return np.rot90(pixels, rotation // 90) if rotation else pixels


def without_comb(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """As many frames as come, in their order and with their times, interlaced ones deinterlaced by DEINTERLACER.

    It looks at the frame before and the one after; at either end at what there is.
    """
    graph: Graph | None = None
    waiting, kind = deque[tuple[int | None, Any]](), None
    for frame in frames:
        graph, kind = graph or _deinterlacer(frame), kind or _kind(frame)
        if kind != _kind(frame):
            raise Unshowable("its interlaced pictures change their size or format")
        waiting.append((frame.pts, frame.time_base))
        graph.push(frame)
        yield from _ready(graph, waiting)
    if graph:
        graph.push(None)
        yield from _ready(graph, waiting)


def _ready(graph: Graph, waiting: deque[tuple[int | None, Any]]) -> Iterator[av.VideoFrame]:
    """What has come through. Each gets back the time of the frame that went in, as the filter counts in half units."""
    while waiting:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame.pts, frame.time_base = waiting.popleft()
        yield frame


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _deinterlacer(frame: av.VideoFrame) -> Graph:
    """FFmpeg's filter for frames like this one."""
    graph = Graph()
    size = {"width": frame.width, "height": frame.height, "format": frame.format}
    source, sink = graph.add_buffer(**size, time_base=frame.time_base), graph.add("buffersink")
    step = graph.add(DEINTERLACER, "mode=send_frame:deint=interlaced")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    return graph
