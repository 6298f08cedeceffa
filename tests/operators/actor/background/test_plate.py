"""What a mask hides comes from other frames, never from inside a mask, and what nobody saw is a hole."""

import cv2
import numpy as np

from operators.actor.background.plate import plate
from operators.actor.drawing.light import match_light
from schemas.actor import Light

_T, _H, _W = 12, 120, 160


def _scenery(height: int = _H, width: int = _W) -> np.ndarray:
    """Textured, smooth enough for sub-pixel shifts."""
    rng = np.random.default_rng(0)
    fine = cv2.resize(rng.integers(0, 255, (height // 6, width // 6, 3)).astype(np.uint8), (width, height))
    return cv2.GaussianBlur(cv2.resize(fine, (width, height), interpolation=cv2.INTER_CUBIC), (0, 0), 1.5)


def _walker() -> np.ndarray:
    """A box that crosses the frame."""
    mask = np.zeros((_T, _H, _W), bool)
    for t in range(_T):
        mask[t, 30:95, 10 + 10 * t : 34 + 10 * t] = True
    return mask


def test_a_still_camera_s_background_is_exact() -> None:
    scenery, mask = _scenery(), _walker()
    frames = np.tile(scenery, (_T, 1, 1, 1))
    made = plate(np.where(mask[..., None], np.uint8(128), frames), mask)
    assert made.still and not made.holes.any()
    np.testing.assert_array_equal(made.frames, frames)


def test_a_pan_is_compensated() -> None:
    wide, mask = _scenery(_H, _W + 60), _walker()
    frames = np.stack([wide[:, 3 * t : 3 * t + _W] for t in range(_T)])
    made = plate(np.where(mask[..., None], np.uint8(128), frames), mask)
    assert not made.still and not made.holes.any()
    apart = np.abs(made.frames.astype(int) - frames)[mask]
    assert apart.mean() < 2


def test_no_pixel_inside_the_mask_is_read() -> None:
    for step in (0, 3):
        wide, mask = _scenery(_H, _W + 60), _walker()
        frames = np.stack([wide[:, step * t : step * t + _W] for t in range(_T)])
        mask[:, 70:95, 90:110] = True  # and some place that nobody ever sees, for the hole's sake
        other = frames.copy()
        other[mask] = np.random.default_rng(1).integers(0, 256, (mask.sum(), 3))
        first, second = plate(frames, mask), plate(other, mask)
        assert (
            first.frames.tobytes() == second.frames.tobytes()
            and first.holes.tobytes() == second.holes.tobytes()
        )
        boxes = np.tile([60.0, 30, 90, 95], (_T, 1))
        assert match_light(frames, mask, boxes) == match_light(other, mask, boxes)


def test_outside_the_mask_frames_come_back_as_they_are() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (_T, _H, _W, 3)).astype(np.uint8)
    mask = _walker()
    made = plate(frames, mask)
    np.testing.assert_array_equal(made.frames[~mask], frames[~mask])


def test_what_no_frame_sees_is_a_hole_filled_from_its_edge() -> None:
    frames = np.full((_T, _H, _W, 3), 90, np.uint8)
    mask = np.zeros((_T, _H, _W), bool)
    mask[:, 40:80, 60:100] = True
    made = plate(np.where(mask[..., None], np.uint8(128), frames), mask)
    np.testing.assert_array_equal(made.holes, mask)
    assert np.abs(made.frames[mask].astype(int) - 90).max() <= 3


def test_without_a_mask_nothing_changes_and_all_mask_is_all_hole() -> None:
    frames = np.random.default_rng(3).integers(0, 256, (3, _H, _W, 3)).astype(np.uint8)
    nothing = np.zeros((3, _H, _W), bool)
    assert plate(frames, nothing).frames.tobytes() == frames.tobytes()
    assert plate(frames, ~nothing).holes.all()


def test_blur_grain_and_brightness_of_the_surroundings_are_found() -> None:
    sharp = (np.indices((_H, _W)).sum(0) // 12 % 2 * 120 + 60).astype(np.uint8)[..., None].repeat(3, 2)
    soft = cv2.GaussianBlur(sharp, (0, 0), 2.0)
    noisy = np.clip(soft + np.random.default_rng(0).normal(0, 5, (_H, _W, 1)), 0, 255).astype(np.uint8)
    mask = np.zeros((1, _H, _W), bool)
    mask[:, 40:80, 70:90] = True
    lights = [
        match_light(frame[None], mask, np.array([[70.0, 40, 90, 80]]))
        for frame in (sharp, soft, noisy, soft // 3)
    ]
    assert lights[0].blur < 0.6 and 1.2 < lights[1].blur < 2.8
    assert lights[1].grain < 1.5 < 3.5 < lights[2].grain < 7
    assert sum(lights[3].sun) < 0.6 * sum(lights[1].sun)


def test_whoever_fills_the_picture_is_what_the_camera_exposed_for() -> None:
    """Before a dark wall a face is bright; at night somebody far away is not."""
    dark = np.full((1, _H, _W, 3), 25, np.uint8)
    boxes = np.array([[70.0, 40, 90, 80]]), np.array([[16.0, 0, _W, _H]])
    few, most = np.zeros((1, _H, _W), bool), np.ones((1, _H, _W), bool)
    few[:, 40:80, 70:90], most[:, :, :16] = True, False
    far, close = (match_light(dark, *pair) for pair in zip((few, most), boxes, strict=True))
    assert sum(far.sun) < 0.5 * sum(Light().sun) and sum(close.sun) > 2 * sum(far.sun)
    assert sum(close.sun) < sum(Light().sun)
    lit = dark.copy()
    lit[:, :, -16:] = 220  # the rest of the picture shows that it is day
    by_day = match_light(lit, few, np.array([[20.0, 40, 40, 80]]))
    assert 0 < 5 * sum(far.sun) < sum(by_day.sun) and sum(by_day.sun) > 0.1 * sum(Light().sun)


def test_who_stands_long_leaves_no_shadow_behind() -> None:
    """A shadow beside somebody is there in most of the frames that see the place, and gone in the few when they are."""
    rng = np.random.default_rng(0)
    ground = np.full((120, 160, 3), 150, np.uint8) + rng.integers(0, 20, (120, 160, 1), np.uint8)
    frames, mask = np.repeat(ground[None], 12, axis=0), np.zeros((12, 120, 160), bool)
    for t in range(12):
        left = 40 if t < 2 else 47 if t < 9 else 110  # stands there, having stepped aside by a little
        mask[t, 20:100, left : left + 20] = True
        frames[t, 60:100, left - 6 : left] //= 2
    made = plate(frames, mask).frames
    np.testing.assert_allclose(made[0][mask[0]].mean(), ground[mask[0]].mean(), atol=1.5)
    assert np.abs(made[0][mask[0]].astype(int) - ground[mask[0]]).max() < 25
