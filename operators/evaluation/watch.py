"""Clips to look at, original beside result: for the restricted page alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np

from operators.evaluation.measure import Places
from operators.release import reader
from operators.release.layout import VIDEO
from operators.video.decode import DecodeError, decode_clip
from operators.video.encode import encode_video
from schemas.clip import ClipRef

_SIDE = 480  # px


def watched(
    places: Places, clips: Mapping[str, Iterable[Mapping[str, str]]], worst: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Each of the `worst` with its `videos`: `source`, small and empty if it cannot be read, and `output`."""
    shards = {clip["key"]: clip["shard"] for own in clips.values() for clip in own}
    worst = list(worst)
    refs = reader.references(places.plan, {clip["clip"] for clip in worst})
    found = []
    for clip in worst:
        key = clip["clip"]
        output = reader.members(places.output, shards[key], key)[VIDEO]
        found.append({**clip, "videos": {"source": _original(refs[key]), "output": output}})
    return found


def _original(ref: ClipRef) -> bytes:
    try:
        frames = decode_clip(ref)[ref.overlap :]
    except DecodeError:
        return b""
    scale = min(1.0, _SIDE / max(ref.width, ref.height))
    size = (max(2, round(ref.width * scale / 2) * 2), max(2, round(ref.height * scale / 2) * 2))
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
    moments, rate = ref.moments("source"), (ref.time_base, ref.fps)
    return encode_video(small, moments, *rate, 26, "veryfast", ref.sample_aspect)
