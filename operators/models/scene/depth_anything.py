"""Relative depth of every frame: Depth Anything V2 (Yang et al., NeurIPS 2024), steadied over time."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from operators.models.runtime.finite import check_finite, finite
from operators.models.runtime.loading import load_model, load_processor

_REACH = 2  # frames on either side that a value is smoothed with
_TOLERANCE = 0.1  # of the mean absolute deviation: what differs by much more is motion and stays


class DepthAnything:
    """Frames uint8 [T,H,W,3] RGB -> inverse depth float32 [T,H,W], near = large, in no particular unit.

    The network knows depth up to a scale and a shift, which it chooses anew for every frame. `steady` brings the
    clip's frames to one scale and shift and smooths what flickers. Raises UserError for unusable weights,
    ValueError if the model's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        device: str = "cpu",
        batch: int = 8,
        dtype: str = "float32",
        steady: bool = True,
    ) -> None:
        from transformers import DepthAnythingForDepthEstimation, DPTImageProcessor

        self.model = load_model(DepthAnythingForDepthEstimation, weights, device, dtype)
        self.processor = load_processor(DPTImageProcessor, weights)
        self.batch, self.steady = batch, steady

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        depth = torch.cat(
            [self._depth(frames[start : start + self.batch]) for start in range(0, len(frames), self.batch)]
        )
        if self.steady:
            depth = _steady(depth)
        full = np.empty(frames.shape[:3], np.float32)
        for target, one in zip(full, depth, strict=True):
            large = interpolate(one[None, None], size=frames.shape[1:3], mode="bilinear", align_corners=False)
            target[:] = finite(large[0, 0])
        return full

    def _depth(self, frames: np.ndarray) -> torch.Tensor:
        """float32 [T,h,w] at the model's resolution."""
        inputs = self.processor(
            images=list(frames),
            input_data_format="channels_last",
            device=self.model.device,
            return_tensors="pt",
        )
        depth: torch.Tensor = self.model(inputs["pixel_values"].to(self.model.dtype)).predicted_depth.float()
        check_finite(depth)
        # Metric checkpoints give metres, relative ones inverse depth.
        metric = self.model.config.depth_estimation_type == "metric"
        return 1 / depth.clamp(min=1e-3) if metric else depth


def _steady(depth: torch.Tensor) -> torch.Tensor:
    """float32 [T,h,w], each frame with a scale and shift of its own -> one of both for all, and less flicker.

    Scale and shift as in MiDaS (Ranftl et al., 2020): median and mean absolute deviation. Then a bilateral filter
    over time: neighbouring frames count as far as they agree, so that what moves keeps its edges.
    """
    flat = depth.flatten(1)
    middle = flat.median(dim=1).values[:, None, None]
    spread = (depth - middle).abs().mean(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    even = (depth - middle) / spread
    smooth = torch.empty_like(even)
    for t, one in enumerate(even):
        near = even[max(0, t - _REACH) : t + _REACH + 1]
        weight = torch.exp(-0.5 * ((near - one) / _TOLERANCE) ** 2)
        smooth[t] = (weight * near).sum(dim=0) / weight.sum(dim=0)
    return smooth * spread.mean() + middle.mean()
