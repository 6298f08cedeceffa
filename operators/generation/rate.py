"""Fewer frames a second for the generator than the source has, and all of them back, each in its place.

The paper's adapters were trained at 7.5 frames a second; shown 30, they see motion four times too slow.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from schemas.generation import Request

Between = Literal["interpolate", "interleave"]


def stride_of(fps: Fraction, rate: float) -> int:
    """Every how many-th frame is shown to come near `rate` frames a second; 1 for all, as with rate 0 (ReGenHuman)."""
    return max(1, round(float(fps) / rate)) if rate else 1


def shown(frames: int, stride: int, between: Between, cuts: Sequence[int] = ()) -> list[list[int]]:
    """Which of so many frames each of one or several videos for the generator has, in order.

    To interleave, `stride` videos that have all frames between them. To interpolate, one video: of every shot, which
    begin at `cuts`, every `stride`-th frame and the last, since nothing can be interpolated beyond.
    """
    if between == "interleave":
        return [list(range(first, frames, stride)) for first in range(min(stride, frames))]
    ends = sorted({0, frames, *(cut for cut in cuts if 0 < cut < frames)})
    return [sorted({t for a, b in pairwise(ends) for t in (*range(a, b, stride), b - 1)})]


def thinned(request: Request, parts: Sequence[Sequence[int]]) -> list[Request]:
    """The request as the videos that the generator is `shown`, from the same seed."""
    return [
        Request(request.conditioning[part], request.generate[part], request.prompt, request.seed)
        for part in map(list, parts)
    ]


def restored(
    made: Sequence[np.ndarray | Exception], parts: Sequence[Sequence[int]], frames: int
) -> np.ndarray | Exception:
    """What was generated of the `parts`, as all `frames` of the source, uint8 [T,h,w,3]; or what was raised."""
    videos = []
    for video, part in zip(made, parts, strict=True):
        if isinstance(video, Exception):
            return video
        if video.dtype != np.uint8 or len(video) != len(part):
            return ValueError(f"{len(part)} frames were asked for, {len(video)} {video.dtype} were generated")
        videos.append(video)
    whole = np.empty((frames, *videos[0].shape[1:]), np.uint8)
    for video, part in zip(videos, parts, strict=True):
        whole[list(part)] = video
    known = sorted(t for part in parts for t in part)
    for first, last in pairwise(known):
        whole[first + 1 : last] = _between(whole[first], whole[last], last - first - 1)
    return whole


def _between(before: np.ndarray, after: np.ndarray, count: int) -> np.ndarray:
    """`count` frames uint8 [count,h,w,3] between two, moved along dense flow (DIS, Kroeger et al. 2016) and blended."""
    if not count:
        return np.empty((0, *before.shape), np.uint8)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    there = flow.calc(gray[0], gray[1], None)
    back = flow.calc(gray[1], gray[0], None)
    height, width = before.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    frames = []
    for number in range(1, count + 1):
        share = number / (count + 1)
        first = _moved(before, grid + share * back)
        second = _moved(after, grid + (1 - share) * there)
        frames.append(cv2.addWeighted(first, 1 - share, second, share, 0))
    return np.stack(frames)


def _moved(frame: np.ndarray, places: np.ndarray) -> np.ndarray:
    return cv2.remap(
        frame, places.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
