import numpy as np
import pytest

from operators.generation.composite import composite
from schemas.conditioning import Tube

BACKGROUND = np.full((2, 40, 60, 3), 90, np.uint8)


def tube(box: tuple[int, int, int, int], mask: np.ndarray) -> Tube:
    boxes = np.tile(np.array(box, np.int32), (len(mask), 1))
    return Tube(
        1,
        0,
        boxes,
        np.zeros((len(mask), 32, 24, 3), np.uint8),
        np.ones((len(mask), 32, 24), bool),
        mask,
        "",
        0,
    )


def person(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (2, 32, 24, 3), np.uint8)


def mask(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    region = np.zeros((2, 40, 60), bool)
    region[:, y0:y1, x0:x1] = True
    return region


def test_only_the_mask_changes() -> None:
    region = mask(10, 30, 20, 40)
    out = composite(BACKGROUND, region, [tube((15, 4, 45, 36), region)], [person()])
    assert (out[~region] == 90).all()
    assert out[region].std() > 10


def test_a_person_cut_by_the_border_is_pasted() -> None:
    region = mask(0, 20, 0, 10)
    out = composite(BACKGROUND, region, [tube((-12, -8, 12, 24), region)], [person()])
    assert out[region].std() > 10


def test_an_uncovered_pixel_is_an_error() -> None:
    region = mask(10, 30, 20, 40)
    with pytest.raises(ValueError, match="pixels of the mask"):
        composite(BACKGROUND, region | mask(0, 2, 0, 2), [tube((15, 4, 45, 36), region)], [person()])
    with pytest.raises(ValueError, match="pixels of the mask"):  # the window does not contain the mask
        composite(BACKGROUND, region, [tube((25, 4, 45, 36), region)], [person()])


def test_missing_frames_are_an_error() -> None:
    region = mask(10, 30, 20, 40)
    with pytest.raises(ValueError, match="2 frames, 1 were generated"):
        composite(BACKGROUND, region, [tube((15, 4, 45, 36), region)], [person()[:1]])


def test_an_empty_mask_leaves_the_background() -> None:
    region = np.zeros((2, 40, 60), bool)
    np.testing.assert_array_equal(composite(BACKGROUND, region, [], []), BACKGROUND)
