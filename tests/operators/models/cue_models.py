"""Random cue models in ultralytics' real format, for tests of the operators that run them."""

from pathlib import Path

import numpy as np
import torch
from ultralytics import YOLO

from jobs.train_cues import write_architecture
from operators import weights


def save_random(folder: Path, task: str) -> Path:
    """A checkpoint of the embedded architecture with random weights, normalised so that its input matters."""
    torch.manual_seed(0)
    model = YOLO(str(write_architecture(task, folder)))
    norms = [layer for layer in model.model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.model.train()(to_input(noise(4, 96, 160)))
    for norm in norms:
        norm.momentum = 0.03
    path = folder / f"{task}.pt"
    model.save(path)
    return listed(path)


def listed(path: Path) -> Path:
    """The same, for this process as if weights.lock listed it: it is a pickle."""
    weights.lock()[str(path)] = {"sha256": weights.digest(path)}
    return path


def to_input(frames: np.ndarray) -> torch.Tensor:
    """uint8 [T,H,W,3] -> float32 [T,3,H,W] in 0..1."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def save_broken(checkpoint: Path) -> Path:
    """The same checkpoint, with one weight of its first layer not a number."""
    model = YOLO(str(checkpoint))
    next(model.model.parameters()).data[0] = torch.nan
    path = checkpoint.with_name(f"broken-{checkpoint.name}")
    model.save(path)
    return listed(path)


def noise(count: int, height: int, width: int) -> np.ndarray:
    """Frames uint8 [T,H,W,3], coarse enough to differ from one another at every scale."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, height // 10 + 1, width // 10 + 1, 3), dtype=np.uint8)
    return coarse.repeat(10, axis=1).repeat(10, axis=2)[:, :height, :width]
