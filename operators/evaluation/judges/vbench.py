"""Three dimensions of VBench (Huang et al., CVPR 2024): what needs no network, and what needs DINO and CLIP.

Written from the paper's formulas; its other dimensions need networks that cannot be named here.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from operators.models.runtime.finite import check_finite
from operators.models.runtime.loading import load_model, load_processor
from schemas.evaluation import VBenchSettings
from schemas.extractors import Network


class VBench:
    """Frames uint8 [T,H,W,3] -> (dimension, from 0 to 1). Raises UserError for unusable weights."""

    def __init__(self, settings: VBenchSettings | None, device: str = "cpu") -> None:
        self.networks: dict[str, Consistency] = {}
        if settings and settings.subject:
            from transformers import ViTImageProcessor, ViTModel

            self.networks["subject consistency"] = Consistency(
                settings.subject, ViTModel, ViTImageProcessor, device
            )
        if settings and settings.background:
            from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

            self.networks["background consistency"] = Consistency(
                settings.background, CLIPVisionModelWithProjection, CLIPImageProcessor, device
            )

    def __call__(self, frames: np.ndarray) -> Iterator[tuple[str, float]]:
        if len(frames) > 1:
            yield "temporal flickering", flickering(frames)
            for name, network in self.networks.items():
                yield name, network(frames)


class Consistency:
    """How like the first frame and the one before every frame is: mean of both cosines, of those below 0 nothing."""

    def __init__(self, settings: Network, model: Any, processor: Any, device: str) -> None:
        self.model = load_model(model, settings.weights, device, settings.dtype)
        self.processor, self.batch = load_processor(processor, settings.weights), settings.batch

    def __call__(self, frames: np.ndarray) -> float:
        starts = range(0, len(frames), self.batch)
        some = np.concatenate([self._seen(frames[start : start + self.batch]) for start in starts])
        some /= np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-9)
        first, before = ((some[1:] * other).sum(axis=1).clip(0) for other in (some[:1], some[:-1]))
        return float((first + before).mean() / 2)

    def _seen(self, frames: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            shown = self.processor(images=list(frames), return_tensors="pt").to(self.model.device)
            found = self.model(shown["pixel_values"].to(self.model.dtype))
            one = found.image_embeds if "image_embeds" in found else found.last_hidden_state[:, 0]
            check_finite(one)
            return np.asarray(one.float().cpu().numpy())


def flickering(frames: np.ndarray) -> float:
    """1 less the mean absolute difference of frames that follow each other, as a share of all levels."""
    apart = [np.abs(a.astype(np.float32) - b).mean() for a, b in pairwise(frames)]
    return float(1 - np.mean(apart) / 255)
