"""Depth Anything: inverse depth at the frame's resolution, steady over time, near = large."""

from pathlib import Path

import numpy as np
import pytest
import torch

from operators.conditioning.fuse import fuse_structall
from operators.models.scene.depth_anything import DepthAnything
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import break_weights, save_depth_anything

HEIGHT, WIDTH = 60, 80


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_depth_anything(tmp_path_factory.mktemp("depth"))


def test_one_map_per_frame_at_its_resolution_that_follows_the_picture(weights: Path) -> None:
    maps = DepthAnything(weights, batch=2, steady=False)(noise(3, 90, 150))
    assert (maps.shape, maps.dtype) == ((3, 90, 150), np.float32)
    assert np.isfinite(maps).all() and np.ptp(maps, axis=(1, 2)).min() > 0
    assert np.abs(maps[0] - maps[1]).max() > 0


def test_batches_do_not_change_the_result(weights: Path) -> None:
    alone, together = (
        DepthAnything(weights, batch=batch, steady=False)(noise(5, 64, 96)) for batch in (1, 4)
    )
    np.testing.assert_allclose(alone, together, rtol=1e-4)


def test_a_metric_checkpoint_is_inverted(weights: Path, tmp_path: Path) -> None:
    model = DepthAnything(save_depth_anything(tmp_path, "metric"), steady=False)
    metres = torch.linspace(1, 9, 56 * 56).reshape(1, 56, 56)
    model.model.head.forward = lambda *_: metres
    (inverse,) = model(noise(1, 56, 56))
    np.testing.assert_allclose(inverse, 1 / metres[0], rtol=1e-5)


def test_a_network_that_says_nan_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        DepthAnything(break_weights(save_depth_anything(tmp_path)))(noise(1, 64, 96))


def scene(steady: bool, weights: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the conditioning shows of a scene that the network sees with noise and ever another scale and shift.

    A near column crosses a far slope. uint8 [T,H,W] as shown, float [T,H,W] the truth in 0..255.
    """
    rng, frames = np.random.default_rng(0), 9
    truth = np.tile(np.linspace(0.2, 1, HEIGHT)[:, None], (frames, 1, WIDTH))
    for t in range(frames):
        truth[t, 10:50, 8 * t : 8 * t + 10] = 2
    seen = (truth + rng.normal(0, 0.01, truth.shape)) * rng.uniform(0.5, 2, (frames, 1, 1))
    seen += rng.uniform(0, 1, (frames, 1, 1))
    model = DepthAnything(weights, steady=steady)
    model._depth = lambda part: torch.from_numpy(seen[: len(part)].astype(np.float32))  # type: ignore[method-assign]
    model.batch = frames
    depth = model(np.zeros((frames, HEIGHT, WIDTH, 3), np.uint8))
    shown = fuse_structall(depth, np.zeros(depth.shape, bool), np.zeros((*depth.shape, 3), np.uint8))[..., 0]
    return shown, (truth - 0.2) / 1.8 * 255


def test_what_stands_still_flickers_less_and_what_moves_keeps_its_edges(weights: Path) -> None:
    plain, truth = scene(False, weights)
    steady, _ = scene(True, weights)
    still = truth[:, 52:, :]  # below the column: nothing moves

    def flicker(shown: np.ndarray) -> float:
        return float(np.abs(np.diff(shown[:, 52:].astype(float), axis=0)).mean())

    assert np.ptp(still, axis=0).max() == 0
    assert flicker(steady) < 0.6 * flicker(plain)
    moving = np.abs(np.diff(truth, axis=0, prepend=truth[:1])) > 50
    assert np.abs(steady.astype(float) - truth)[moving].mean() < 6
