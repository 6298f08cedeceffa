"""Inverse depth at the frame's resolution."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ultralytics import YOLO

from operators.models.scene.yolo_depth import DepthEstimator
from tests.operators.models.cue_models import noise, save_broken, save_random


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("depth"), "depth")


@pytest.mark.parametrize("image_size", [64, 160])
def test_one_map_per_frame_at_its_resolution(weights: Path, image_size: int) -> None:
    maps = DepthEstimator(weights, image_size)(noise(3, 90, 150))
    assert (maps.shape, maps.dtype) == ((3, 90, 150), np.float32)
    assert np.isfinite(maps).all() and (maps > 0).all()


def test_near_is_large(weights: Path) -> None:
    frames = noise(1, 64, 96)
    (result,) = YOLO(str(weights)).predict(Image.fromarray(frames[0]), imgsz=(64, 96), verbose=False)
    metres = result.depth.data.numpy().reshape(64, 96)
    np.testing.assert_allclose(DepthEstimator(weights, 96)(frames)[0], 1 / metres, rtol=1e-4)


def test_batches_do_not_change_the_result(weights: Path) -> None:
    frames = noise(5, 64, 96)
    alone, together = (DepthEstimator(weights, 96, batch=batch)(frames) for batch in (1, 4))
    np.testing.assert_allclose(alone, together, rtol=1e-3)


def test_a_network_that_says_nan_is_an_error(weights: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        DepthEstimator(save_broken(weights), 96)(noise(1, 64, 96))
