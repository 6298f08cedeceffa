"""How somebody walks, as a gait network of somebody's own tells it from their outlines."""

from collections.abc import Sequence

import cv2
import numpy as np

from operators.models.runtime.onnx_session import OnnxNetwork
from schemas.cues import Patch
from schemas.evaluation import GaitSettings

_TALL, _WIDE = 64, 44  # px of an outline, as OpenGait has them


class GaitEmbedder:
    """Outlines of somebody in the order of time -> float32 [D] of length 1; NaN of fewer than two.

    Raises UserError for a file that is no such network.
    """

    def __init__(self, settings: GaitSettings, device: str = "cpu") -> None:
        self.settings = settings
        self.network = OnnxNetwork(settings.weights, [settings.output], device)

    def __call__(self, outlines: Sequence[Patch]) -> np.ndarray:
        known = [one for one in outlines if one.inside.any()]
        if len(known) < 2:
            return np.full(1, np.nan, np.float32)
        chosen = np.linspace(0, len(known) - 1, self.settings.frames).round().astype(int)
        (found,) = self.network(np.stack([_aligned(known[i].inside) for i in chosen])[None])
        vector = found.ravel()
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)


def _aligned(outline: np.ndarray) -> np.ndarray:
    """float32 [64,44]: as tall as the picture, the middle of its pixels in the middle."""
    rows = np.flatnonzero(outline.any(axis=1))
    cut = outline[rows[0] : rows[-1] + 1].astype(np.float32)
    scale = _TALL / len(cut)
    middle = float(np.median(np.nonzero(cut)[1])) + 0.5
    moved = np.array([[scale, 0, _WIDE / 2 - scale * middle], [0, scale, 0]])
    return np.asarray(cv2.warpAffine(cut, moved, (_WIDE, _TALL), flags=cv2.INTER_LINEAR))
