"""What is computed on patches is, pixel by pixel, what it would be on whole frames."""

import cv2
import numpy as np
import pytest

from operators.conditioning.holes import cover_holes
from operators.conditioning.limbs import take_in
from operators.conditioning.track import dilate
from schemas.cues import Patch
from schemas.track import Track
from tests.operators.conditioning.policies import BESIDE


def shapes(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """bool [H,W]: bars, rings and blots anywhere in the frame, from one side to the other, or all of it; or nothing."""
    mask, (height, width) = np.zeros(size, np.uint8), size
    for kind in rng.integers(0, 5, rng.integers(0, 4)):
        y, x, thick = int(rng.integers(height)), int(rng.integers(width)), int(rng.integers(1, 12))
        if kind == 0:
            mask[:, x : x + thick] = 1
        elif kind == 1:
            mask[y : y + thick] = 1
        else:
            axes = (int(rng.integers(1, width)), int(rng.integers(1, height)))
            cv2.ellipse(mask, (x, y), axes, 0, 0, 360, 1, -1 if kind == 2 else 2)
    there = (mask > 0) & (rng.random(size) < rng.choice([0.9, 1.0]))
    return ~there if rng.random() < 0.15 else there


@pytest.fixture(params=range(60))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


@pytest.fixture
def size(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(8, 60)), int(rng.integers(8, 60))


def person(mask: np.ndarray) -> Track:
    """One with this mask bool [H,W], in a single frame."""
    return Track(1, 0, mask[None], mask[None], np.zeros((1, 17, 3), np.float32))


def dilated(mask: np.ndarray, px: float, share: float) -> np.ndarray:
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return mask
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= px + share * (rows[-1] - rows[0] + 1))


@pytest.mark.parametrize(("px", "share"), [(0, 0.0), (1, 0.0), (8, 0.0), (8, 0.05), (2.5, 0.3)])
def test_masks_grow(rng: np.random.Generator, size: tuple[int, int], px: float, share: float) -> None:
    mask = shapes(rng, size)
    loose = Patch(0, 0, mask)  # with its empty surroundings, which must not count
    for patch in (Patch.of(mask), loose):
        grown = dilate(patch, size, px, share)
        np.testing.assert_array_equal(grown.within(0, 0, *size), dilated(mask, px, share))


def filled(mask: np.ndarray) -> np.ndarray:
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = np.inf
    small = areas <= 0.05 * mask.sum()
    if len(areas) > 1:
        small[1 + int(areas[1:].argmax())] = False
    return np.asarray(mask | small[labels])


def test_holes_are_found(rng: np.random.Generator, size: tuple[int, int]) -> None:
    for _ in range(8):
        mask = shapes(rng, size)
        (covered,) = cover_holes([person(mask)])
        np.testing.assert_array_equal(covered.mask[0], filled(mask))


def test_a_piece_is_the_nearest_ones(rng: np.random.Generator, size: tuple[int, int]) -> None:
    people = [person(shapes(rng, size)) for _ in range(4)]
    parts = (rng.random(size) < 0.01) | (shapes(rng, size) & (rng.random() < 0.5))
    expected = [track.mask[0] for track in people]
    count, labels = cv2.connectedComponents(parts.astype(np.uint8))
    for part in (labels == number for number in range(1, count)):
        away = cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        distances = [away[track.mask[0]].min(initial=np.inf) for track in people]
        if min(distances) < np.inf:
            expected[int(np.argmin(distances))] |= dilated(part, BESIDE.dilate_px, 0)
    made = take_in(people, parts[None], BESIDE)
    for track, mask in zip(made, expected, strict=True):
        np.testing.assert_array_equal(track.mask[0], mask)
