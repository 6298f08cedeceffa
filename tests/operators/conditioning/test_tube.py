"""A tube is as large as the person needs: the lowest size that shows them no smaller than the source does."""

import numpy as np
import pytest

from operators.conditioning.tube import tube_boxes, tube_size
from schemas.profile import Size

SIZES = [Size(height=h, width=w) for h, w in ((832, 480), (208, 128), (416, 240))]


def standing(height: int, frames: int = 5) -> np.ndarray:
    mask = np.zeros((frames, 1080, 1920), bool)
    mask[:, 20 : 20 + height, 900 : 900 + height // 3] = True
    return mask


@pytest.mark.parametrize(
    ("height", "expected"), [(60, 208), (170, 208), (190, 416), (300, 416), (420, 832), (1000, 832)]
)
def test_the_lowest_size_that_loses_nothing_is_taken(height: int, expected: int) -> None:
    mask = standing(height)
    size = tube_size(mask, SIZES)
    assert size.height == expected
    boxes = tube_boxes(mask, size)
    scale = size.height / (boxes[:, 3] - boxes[:, 1]).max()
    assert scale >= 1 or size.height == 832


def test_a_single_frame_in_which_somebody_is_close_decides() -> None:
    mask = standing(100)
    mask[3, 20:500, 900:1000] = True
    assert tube_size(mask, SIZES).height == 832


def test_one_size_is_everybodys() -> None:
    assert tube_size(standing(30), SIZES[:1]) == SIZES[0]
