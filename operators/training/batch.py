"""One batch of latents, whatever they were read from."""

from collections.abc import Sequence

import numpy as np
import torch

from schemas.recipe import Recipe

Latents = dict[str, torch.Tensor]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Generator]


def batch_of(chosen: Sequence[Latents], recipe: Recipe, step: int, rank: int, device: torch.device) -> Batch:
    """x [B,C,1+t,h,w], z [B,V,1+t,h,w], text [B,L,W] on the device, and the random numbers of the step (from 0).

    Of each pair as many frames as the recipe says; of all their frames fewer pairs, for the same amount of work.
    """
    rng = np.random.default_rng([recipe.seed, step, rank])
    whole = step > recipe.steps * (1 - recipe.last_whole) and rng.random() < 0.5
    frames = 0 if whole else recipe.frames
    if not frames:
        chosen = chosen[: max(1, len(chosen) * (recipe.frames or 10**6) // chosen[0]["x"].shape[1])]
    parts = [_part(item, frames, rng) for item in chosen]
    x, z, text = (torch.stack(column).to(device).float() for column in zip(*parts, strict=True))
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return x, z, text, generator


def _part(item: Latents, frames: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """The reference and `frames` latent frames of a pair, evenly spaced (0: all)."""
    length = item["x"].shape[1] - 1
    if not 0 < frames < length:
        return item["x"], item["z"], item["text"]
    stride = int(rng.integers(1, min(3, (length - 1) // (frames - 1)) + 1))
    first = 0 if rng.random() < 0.3 else int(rng.integers(length - stride * (frames - 1)))
    kept = np.concatenate([[0], 1 + first + stride * np.arange(frames)])
    return item["x"][:, kept], item["z"][:, kept], item["text"]
