"""The conditioning video may be published, too: one stream without tags, and nobody in it."""

import cv2
import numpy as np

from operators.gates.container import nothing_else
from operators.gates.source_copy import source_copy
from operators.video.encode import decode_bytes, inspect_video
from schemas.certificate import Gate


def conditioning_video(video: bytes, source: np.ndarray, people: np.ndarray, most: float) -> list[Gate]:
    """`video` is an mp4 of any size of the frames `source` uint8 [T,H,W,3]; `people` bool [T,H,W] is who is in those,
    of whom at most the share `most` may be copied."""
    facts, frames = inspect_video(video), decode_bytes(video)
    size = facts.width, facts.height
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in source])
    masks = [cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) for mask in people]
    return [
        nothing_else("conditioning container", facts),
        source_copy(frames, small, [np.stack(masks) > 0], 0, most, "conditioning copy"),
    ]
