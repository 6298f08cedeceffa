"""What no frame sees: what lies around it goes on, no pixel inside is read, and no outline shows."""

import cv2
import numpy as np
import pytest

from operators.actor.background.inpaint import inpaint

_H, _W = 120, 160


def _boards() -> np.ndarray:
    """Upright stripes 8 px wide, lighter to the right."""
    columns = np.arange(_W)
    row = 60 + 60 * (columns // 8 % 2) + columns // 4
    return np.repeat(row[None, :, None], _H, 0).repeat(3, 2).astype(np.uint8)


def _hole() -> np.ndarray:
    hole = np.zeros((_H, _W), np.uint8)
    cv2.ellipse(hole, (80, 60), (22, 40), 0, 0, 360, 1, -1)
    return hole > 0


def test_stripes_go_on_through_a_hole_which_a_blur_or_a_mirror_would_break() -> None:
    picture, hole = _boards(), _hole()
    made = inpaint(np.where(hole[..., None], np.uint8(128), picture), hole)
    np.testing.assert_array_equal(made[~hole], picture[~hole])
    wrong = np.abs(made[hole].astype(int) - picture[hole]).mean()
    flat = np.abs(
        cv2.inpaint(picture, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)[hole].astype(int) - picture[hole]
    )
    assert wrong < 0.6 * flat.mean()


def test_no_pixel_of_a_hole_is_read_and_the_same_picture_gives_the_same() -> None:
    picture, hole = _boards(), _hole()
    other = picture.copy()
    other[hole] = np.random.default_rng(1).integers(0, 256, (hole.sum(), 3))
    assert inpaint(picture, hole).tobytes() == inpaint(other, hole).tobytes()


@pytest.mark.parametrize("share", [0.5, 0.95, 1.0])
def test_a_hole_that_leaves_too_little_to_choose_from_is_still_closed(share: float) -> None:
    picture = _boards()
    hole = np.zeros((_H, _W), bool)
    hole[:, : round(share * _W)] = True
    made = inpaint(picture, hole)
    assert made.shape == picture.shape and made.dtype == np.uint8
    np.testing.assert_array_equal(made[~hole], picture[~hole])


@pytest.mark.parametrize("period", [8, 12])
def test_holes_that_lie_apart_are_each_closed_from_what_is_around_them(period: int) -> None:
    """All seen at once, they are seen from so far away that nothing of what is around them is left."""
    picture = np.full((240, 640, 3), 90, np.uint8)
    picture[:, :320][:, np.arange(320) % period < period // 2] = 200
    picture[:, 320:][np.arange(240) % period < period // 2] = 200
    holes = np.zeros((240, 640), bool)
    holes[90:150, 60:130] = holes[90:150, 500:570] = True
    closed = inpaint(np.where(holes[..., None], np.uint8(0), picture), holes).astype(float)
    for columns in (slice(70, 120), slice(510, 560)):
        assert np.abs(closed[100:140, columns] - picture[100:140, columns]).mean() < 18


def _edges(picture: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.abs(cv2.Laplacian(gray, cv2.CV_32F)) > 40)


@pytest.mark.parametrize("seed", range(6))
def test_lines_that_end_in_a_large_hole_leave_no_dashes_in_it(seed: int) -> None:
    """Finer detail of patches that come from everywhere had made scraps: 14 to 86 of them. A line may go on."""
    rng = np.random.default_rng(seed)
    wall = np.repeat(120 + np.arange(320, dtype=np.float32)[None] / 8, 240, axis=0)
    for _ in range(14):
        (x0, x1), (y0, y1) = rng.integers(0, 320, 2).tolist(), rng.integers(0, 240, 2).tolist()
        cv2.line(wall, (x0, y0), (x1, y1), 230.0, 2)
    hole = np.zeros((240, 320), bool)
    hole[30:210, 50:270] = True
    made = inpaint(np.repeat(wall[..., None], 3, axis=-1).astype(np.uint8), hole)
    count, lines, sizes, _ = cv2.connectedComponentsWithStats(_edges(made).astype(np.uint8), connectivity=8)
    dashes = [n for n in range(1, count) if sizes[n, 2:4].max() < 20 and hole[lines == n].all()]
    assert len(dashes) < 6


@pytest.mark.parametrize("share", [0.3, 0.55])
def test_what_is_made_up_is_as_sharp_as_what_is_around_it(share: float) -> None:
    """Of large holes a haze was made, a quarter as rough as what lies around them."""
    rng = np.random.default_rng(0)
    street = rng.integers(0, 256, (240, 320, 3)).astype(np.float32)
    street = np.clip(128 + 5 * (cv2.GaussianBlur(street, (0, 0), 2.0) - 128), 0, 255).astype(np.uint8)
    hole = np.zeros((240, 320), bool)
    side = np.sqrt(share)
    down, right = round(240 * (1 - side) / 2), round(320 * (1 - side) / 2)
    hole[down:-down, right:-right] = True
    made = inpaint(street, hole)
    inside = cv2.erode(hole.astype(np.uint8), np.ones((21, 21), np.uint8)).astype(bool)
    rough = np.abs(cv2.Laplacian(made.astype(np.float32), cv2.CV_32F)).mean(axis=2)
    assert rough[inside].mean() > 0.8 * rough[~hole].mean()


def test_deep_in_a_hole_that_is_most_of_the_picture_nothing_is_repeated() -> None:
    """A few known pieces side by side look like no place; of a small hole, or at its edge, nothing is blurred."""
    checks = (np.indices((240, 320)).sum(0) // 8 % 2 * 160 + 40).astype(np.uint8)[..., None].repeat(3, 2)
    most, few = np.zeros((240, 320), bool), np.zeros((240, 320), bool)
    most[20:, 20:300], few[100:160, 100:180] = True, True
    large, small = inpaint(checks, most), inpaint(checks, few)
    assert large[120:, 110:210].std(axis=(0, 1)).max() < 20
    assert small[few].std() > 40 and large[22:30, 24:296].std() > 40
