"""What a camera does to a rendering: curve, gain, white balance, softness, noise, seldom black and white."""

from typing import Any

import numpy as np
from numpy.random import Generator


def sense(
    rng: Generator, frames: np.ndarray, noisy: float, soft: tuple[float, float, float]
) -> tuple[np.ndarray, dict[str, Any]]:
    """frames uint8 [T,H,W,3] as one camera would have them, and what it did.

    A share `noisy` of cameras has noise; `soft` are the odds that a pixel is 1, 2 or 3 of the camera's own wide.
    """
    gamma, gain = float(rng.uniform(0.85, 1.15)), float(rng.uniform(0.8, 1.1))
    balance = np.clip(1 + rng.normal(size=3) * 0.04, 0.9, 1.1)
    noise = float(rng.uniform(0.5, 3.5)) if rng.random() < noisy else 0.0
    monochrome = bool(rng.random() < 0.03)
    curve = (255 * (np.arange(256) / 255.0) ** gamma * gain).astype(np.float32)
    seen = curve[frames] * balance.astype(np.float32)
    softness = int(rng.choice([1, 2, 3], p=soft))
    if softness > 1:
        seen = _soften(seen, softness)
    if monochrome:
        seen = np.repeat(seen.mean(-1, keepdims=True), 3, -1)
    if noise:
        seen = seen + rng.standard_normal((*seen.shape[:3], 1), np.float32) * noise  # of brightness alone
    facts = {
        "gamma": round(gamma, 3),
        "gain": round(gain, 3),
        "white_balance": [round(float(channel), 3) for channel in balance],
        "noise_sigma": round(noise, 2),
        "softness": softness,
        "monochrome": monochrome,
    }
    return np.clip(seen, 0, 255).astype(np.uint8), facts


def _soften(frames: np.ndarray, factor: int) -> np.ndarray:
    """float32 [T,H,W,3] as if enlarged from a picture `factor` times smaller."""
    height, width = frames.shape[1:3]
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    total = np.zeros((len(frames), len(rows), len(columns), 3), np.float32)
    for i in range(factor):
        for j in range(factor):
            part = frames[:, np.minimum(rows + i, height - 1)]
            total = total + part[:, :, np.minimum(columns + j, width - 1)]
    return _enlarge(_enlarge(total / (factor * factor), height, factor, 1), width, factor, 2)


def _enlarge(frames: np.ndarray, size: int, factor: int, axis: int) -> np.ndarray:
    """Linear interpolation along one axis."""
    last = frames.shape[axis] - 1
    place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, last)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, last)
    share = (place - before).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(frames.ndim)])
    return np.take(frames, before, axis) * (1 - share) + np.take(frames, after, axis) * share
