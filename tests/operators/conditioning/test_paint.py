"""Painting over: nothing of what is covered is left, and nothing of people goes into what covers it."""

import numpy as np
import pytest

from operators.conditioning.paint import PAINTS, paint
from tests.videos import pictures

FRAMES = pictures(3, 72, 96)
ROWS = np.array(
    [[PAINTS.index("inpaint"), t, *box] for t in (0, 2) for box in ((20, 10, 60, 30), (50, 24, 70, 40))]
)
COVERED = np.zeros(FRAMES.shape[:3], bool)
for _, t, x0, y0, x1, y1 in ROWS:
    COVERED[t, y0:y1, x0:x1] = True
PERSON = np.zeros_like(COVERED)
PERSON[:, 5:60, 62:80] = True


def painted(frames: np.ndarray, hidden: np.ndarray | None = PERSON, rows: np.ndarray = ROWS) -> np.ndarray:
    paint(shown := frames.copy(), rows, hidden)
    return shown


def test_a_fill_depends_on_no_pixel_of_what_it_covers_nor_of_anybody() -> None:
    other = np.where((COVERED | PERSON)[..., None], 255 - FRAMES, FRAMES)
    np.testing.assert_array_equal(painted(FRAMES)[COVERED], painted(other)[COVERED])
    assert (painted(FRAMES)[COVERED] != FRAMES[COVERED]).any(), "a fill that is none"


def test_what_is_not_covered_stays() -> None:
    np.testing.assert_array_equal(painted(FRAMES)[~COVERED], FRAMES[~COVERED])


def test_frames_without_the_first_are_painted_as_with_them() -> None:
    paint(shown := FRAMES[1:].copy(), ROWS, PERSON[1:], 1)
    np.testing.assert_array_equal(shown, painted(FRAMES)[1:])


def test_a_fill_is_as_its_surroundings_are() -> None:
    sky = np.full_like(FRAMES, (40, 90, 160))
    written = np.where(COVERED[..., None], np.uint8(255), sky)
    assert np.abs(painted(written).astype(int) - sky)[~PERSON].max() <= 1


@pytest.mark.parametrize("hidden", ["everything is a person", "the whole frame is covered"])
def test_where_nothing_is_known_it_is_black(hidden: str) -> None:
    rows = np.array([[PAINTS.index("inpaint"), 0, 0, 0, 96, 72]]) if "frame" in hidden else ROWS
    shown = painted(FRAMES, np.full_like(PERSON, "person" in hidden), rows)
    assert not shown[0][COVERED[0]].any()


@pytest.mark.parametrize(
    "box", [(-10, -10, 5, 5), (90, 60, 200, 200), (200, 200, 220, 220), (30, 30, 30, 40)]
)
def test_rectangles_may_reach_beyond_the_frame_or_hold_nothing(box: tuple[int, ...]) -> None:
    shown = painted(FRAMES, None, np.array([[PAINTS.index("inpaint"), 1, *box]]))
    np.testing.assert_array_equal(shown[[0, 2]], FRAMES[[0, 2]])
    x0, y0, x1, y1 = (max(0, one) for one in box)
    rest = np.ones(FRAMES.shape[1:3], bool)
    rest[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(shown[1][rest], FRAMES[1][rest])
