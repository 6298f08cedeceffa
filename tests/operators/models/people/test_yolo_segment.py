"""Instance masks: native resolution, one per box, never something that is not a number."""

from pathlib import Path

import numpy as np
import pytest

from operators.models.people.yolo_segment import PersonSegmenter
from tests.operators.models.cue_models import noise, save_broken, save_random


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("segment"), "segment")


@pytest.mark.parametrize("image_size", [64, 160])
def test_masks_have_the_frame_s_resolution_whatever_the_model_s(weights: Path, image_size: int) -> None:
    found = PersonSegmenter(weights, 1e-6, image_size=image_size)(noise(2, 90, 150))
    assert len(found) == 2
    for one in found:
        count = len(one.boxes)
        assert count > 0
        assert (one.boxes.shape, one.scores.shape, len(one.masks)) == ((count, 4), (count,), count)
        assert all(mask.inside.dtype == np.bool_ for mask in one.masks)
        right, bottom = one.boxes[:, 2].max(), one.boxes[:, 3].max()
        assert max(mask.x + mask.inside.shape[1] for mask in one.masks) > 0.8 * right
        assert max(mask.y + mask.inside.shape[0] for mask in one.masks) > 0.8 * bottom


def test_a_mask_stays_inside_its_box(weights: Path) -> None:
    (found,) = PersonSegmenter(weights, 1e-6, image_size=160)(noise(1, 90, 150))
    for box, mask in zip(found.boxes, found.masks, strict=True):
        ys, xs = np.nonzero(mask.within(0, 0, 90, 150))
        x0, y0, x1, y1 = box
        assert xs.min() >= x0 - 1 and xs.max() <= x1 + 1 and ys.min() >= y0 - 1 and ys.max() <= y1 + 1


def test_nobody_is_an_empty_result(weights: Path) -> None:
    (found,) = PersonSegmenter(weights, 0.99, image_size=96)(noise(1, 64, 96))
    assert (found.boxes.shape, found.masks) == ((0, 4), [])


def test_batches_do_not_change_the_result(weights: Path) -> None:
    frames = noise(5, 64, 96)
    alone, together = (PersonSegmenter(weights, 1e-6, image_size=96, batch=batch)(frames) for batch in (1, 4))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.scores[:20], other.scores[:20], rtol=1e-3)


def test_a_network_that_says_nan_is_an_error_and_not_nobody(weights: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        PersonSegmenter(save_broken(weights), 0.15, image_size=96)(noise(1, 64, 96))
