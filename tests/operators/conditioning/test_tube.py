"""A tube is as large as the person needs: the lowest size that shows them no smaller than the source does."""

import numpy as np
import pytest

from operators.conditioning import tube
from operators.conditioning.tube import cut_tube, tube_boxes, tube_size
from schemas.profile import Size, Skeleton
from schemas.track import Track

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


@pytest.mark.parametrize("style", ["dwpose", "bold"])
@pytest.mark.parametrize("seed", range(6))
def test_who_is_left_out_would_not_have_been_seen(
    seed: int, style: Skeleton, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the window, across its side, just beyond it and far away, with joints that are known or not."""
    rng = np.random.default_rng(seed)
    background, masks = np.full((2, 90, 400, 3), 128, np.uint8), np.zeros((2, 90, 400), bool)
    masks[:, 20:70, 180:205] = True
    crowd = []
    for number, x in enumerate([190, *np.arange(0, 400, 8)], start=1):
        joints = rng.uniform((x - 12, 20, -0.2), (x + 12, 70, 1), (2, 17, 3)).astype(np.float32)
        joints[rng.random((2, 17)) < 0.05] = np.nan
        crowd.append(Track(number, 0, masks, masks, joints))
    size = Size(height=96, width=64)
    made = cut_tube(crowd[0], background, masks, crowd, size, "", 0, style)
    left_out = []
    monkeypatch.setattr(tube, "_reaches", lambda *asked: left_out.append(asked) or True)
    whole = cut_tube(crowd[0], background, masks, crowd, size, "", 0, style)
    np.testing.assert_array_equal(made.conditioning, whole.conditioning)
    monkeypatch.undo()
    shown = [tube._reaches(*asked) for asked in left_out]
    assert 0.02 < np.mean(shown) < 0.7
