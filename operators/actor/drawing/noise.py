"""Value noise and the little functions of shading, on tensors."""

import numpy as np
import torch
from torch.nn import functional

_SIDE = 32
_GRID = torch.from_numpy(
    np.pad(np.random.default_rng(5).random((_SIDE,) * 3).astype(np.float32), ((0, 1),) * 3, mode="wrap")
)[None, None]


def noise(points: torch.Tensor) -> torch.Tensor:
    """[F] in 0 to 1 at points [F,3]: smooth, random, about one bump a unit, repeating after 32."""
    cell = torch.floor(points)
    inside = points - cell
    inside = inside * inside * (3 - 2 * inside)
    place = (torch.remainder(cell, _SIDE) + inside) / (_SIDE / 2) - 1
    return functional.grid_sample(_GRID, place[None, None, None], align_corners=True)[0, 0, 0, 0]


def octaves(points: torch.Tensor) -> torch.Tensor:
    """[F] in 0 to 1: three octaves of noise."""
    return 0.5 * noise(points) + 0.28 * noise(points * 2.1 + 7) + 0.22 * noise(points * 4.3 + 3)


def ramp(low: float, high: float, at: torch.Tensor) -> torch.Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    share = ((at - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def blend(first: torch.Tensor, second: torch.Tensor, share: torch.Tensor | float) -> torch.Tensor:
    """From `first` to `second` as `share` goes from 0 to 1; a share [F] is for colours [F,3]."""
    if isinstance(share, torch.Tensor) and share.ndim == 1 and max(first.ndim, second.ndim) == 2:
        share = share[:, None]
    return first + (second - first) * share


def rgb(colour: tuple[float, float, float]) -> torch.Tensor:
    """[1,3]."""
    return torch.tensor([colour], dtype=torch.float32)
