"""What sticks out of a mask is covered, and nobody is found by it."""

import numpy as np

from operators.conditioning.limbs import cover_limbs
from schemas.config import load
from schemas.policy import Policy
from schemas.track import Track
from tests.operators.sightings import nobody, seeing

POLICY = load(Policy, "cluster/policies/driving.yaml").mask
FRAMES = np.zeros((9, 120, 200, 3), np.uint8)
HAND = (100, 50, 108, 56)


def person(number: int, first: int, stop: int, left: int) -> Track:
    body = np.zeros((stop - first, 120, 200), bool)
    body[:, 30:90, left : left + 24] = True
    return Track(number, first, body, body, np.zeros((stop - first, 17, 3), np.float32))


def test_a_hand_joins_the_mask_of_the_nearest_in_the_frames_around_it() -> None:
    near, far = person(1, 0, 9, 60), person(2, 0, 9, 160)
    covered = cover_limbs(FRAMES, [near, far], seeing(HAND, until=1), POLICY)
    assert covered[0].mask[:3, 50:56, 100:108].all() and not covered[0].mask[3:, 50:56, 100:108].any()
    assert np.array_equal(covered[1].mask, far.mask)


def test_a_margin_is_masked_with_it() -> None:
    (covered,) = cover_limbs(FRAMES, [person(1, 0, 9, 60)], seeing(HAND, until=1), POLICY)
    assert covered.mask[0, 53 - 3 - POLICY.dilate_px, 104] and covered.mask[0, 53, 108 + POLICY.dilate_px - 1]


def test_bodies_stay_and_nobody_is_added() -> None:
    one = person(1, 3, 6, 60)
    (covered,) = cover_limbs(FRAMES, [one], seeing(HAND), POLICY)
    assert np.array_equal(covered.body, one.body) and len(covered.mask) == 3
    assert cover_limbs(FRAMES, [], seeing(HAND), POLICY) == []


def test_nothing_seen_changes_nothing() -> None:
    one = person(1, 0, 9, 60)
    (covered,) = cover_limbs(FRAMES, [one], nobody, POLICY)
    assert np.array_equal(covered.mask, one.mask)
