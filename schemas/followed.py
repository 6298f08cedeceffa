"""What following people beyond a clip goes by."""

from dataclasses import dataclass

import numpy as np

from schemas.clip import Followed


@dataclass(frozen=True)
class Seen:
    """Somebody in one clip.

    first  frame of the clip's window of the first box
    boxes  float32 [N,4], x0 y0 x1 y1 in source pixels; NaN where nothing of the body was found
    looks  float32 [D] of length 1: their mean appearance; empty where they are too small to tell
    """

    first: int
    boxes: np.ndarray
    looks: np.ndarray


@dataclass(frozen=True)
class SeenInClip:
    """Everybody in one clip, which is frames `first_frame` .. `first_frame + frames - 1` of the source `source`; the
    first `overlap` of them are the last ones of the clip before. People are told apart within `scope`."""

    clip_id: int
    scope: str
    source: str
    first_frame: int
    overlap: int
    frames: int
    people: list[Seen]


@dataclass(frozen=True)
class Numbered:
    """Who is in a clip, of the plan's bucket `bucket`."""

    clip_id: int
    bucket: str
    people: list[Followed]
