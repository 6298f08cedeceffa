"""The label page: drawn frames, original beside what was released, for the eyes of whoever may see both."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from operators.evaluation.by_eye import Drawn
from operators.pages.html import write_page
from operators.release import reader
from operators.release.layout import VIDEO
from operators.video.decode import DecodeError, decode_clip
from operators.video.encode import decode_bytes

PAGE = "label.html"
_SIDE = 1280  # px of the longer side
_QUALITY = 92


def write_labels(
    report: str, plan: str, output: str, drawn: Sequence[Drawn], shards: Mapping[str, str]
) -> str:
    """Write REPORT/label.html with every frame of `drawn`; returns its address. `shards` says where each clip lies.

    What its reader saw is saved as a file of labels, which jobs.evaluate takes.
    """
    return write_page(report, PAGE, "label.html.j2", cards=list(_cards(plan, output, drawn, shards)))


def _cards(
    plan: str, output: str, drawn: Sequence[Drawn], shards: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    refs = reader.references(plan, {one.key for one in drawn})
    for key in sorted({one.key for one in drawn}):
        try:
            originals = decode_clip(refs[key])[refs[key].overlap :]
        except DecodeError:
            originals = None
        released = decode_bytes(reader.members(output, shards[key], key)[VIDEO])
        for frame in sorted(one.frame for one in drawn if one.key == key):
            original = "" if originals is None else _jpeg(originals[frame])
            yield {"key": key, "frame": frame, "original": original, "released": _jpeg(released[frame])}


def _jpeg(frame: np.ndarray) -> str:
    """A frame uint8 [H,W,3] as it stands in a page."""
    scale = min(1.0, _SIDE / max(frame.shape[:2]))
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return base64.b64encode(data.tobytes()).decode()
