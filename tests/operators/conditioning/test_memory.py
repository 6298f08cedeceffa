"""Masks of a crowd are most of Condition's memory: they are held once, and only those that change are made anew."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from operators.conditioning.carried import carried
from operators.conditioning.grow import track_everybody
from operators.conditioning.holes import cover_holes
from operators.conditioning.limbs import cover_limbs
from operators.conditioning.severed import cover_severed
from operators.conditioning.stirred import cover_moving
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import Policy
from schemas.track import Track
from tests.operators.sightings import nobody, seeing

POLICY = load(Policy, "cluster/policies/driving.yaml")
SHAPE, CROWD = (16, 270, 480), 16
EACH = int(np.prod(SHAPE))  # bytes of a mask, and of a body
FRAMES = np.zeros((*SHAPE, 3), np.uint8)


def people() -> list[Track]:
    """So many, side by side."""
    made = []
    for number in range(CROWD):
        body = np.zeros(SHAPE, bool)
        body[:, 100:150, 10 + 28 * number : 30 + 28 * number] = True
        made.append(Track(number, 0, body, body.copy(), np.zeros((SHAPE[0], 17, 3), np.float32)))
    return made


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that were held at once beside what there was before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BESIDE = {
    "limbs": lambda crowd, box: cover_limbs(FRAMES, crowd, seeing(box) if box else nobody, POLICY.mask),
    "severed": lambda crowd, box: cover_severed(_with(box), crowd, POLICY.mask),
    "moving": lambda crowd, _: cover_moving(FRAMES, crowd, POLICY.mask, [(0, SHAPE[0])]),
    "holes": lambda crowd, box: cover_holes(_holed(crowd) if box else crowd),
    "carried": lambda crowd, box: carried(crowd, _rows(box), SHAPE)[0],
}


def _with(box: tuple[int, int, int, int] | None) -> np.ndarray:
    """Noise, and somebody in green with a piece of the same beside them."""
    frames = np.random.default_rng(0).integers(90, 130, (*SHAPE, 1)).repeat(3, 3).astype(np.uint8)
    for x0, y0, x1, y1 in [(10, 100, 30, 150), box] if box else []:
        frames[:, y0:y1, x0:x1] = (20, 110, 40)
    return frames


def _holed(crowd: list[Track]) -> list[Track]:
    crowd[0].mask[:, 120:124, 15:19] = False
    return crowd


def _rows(box: tuple[int, int, int, int] | None) -> np.ndarray:
    return np.array([[0, 3, 12, 140, 28, 154]] if box else [], np.int32).reshape(-1, 6)


@pytest.mark.parametrize("step", sorted(BESIDE))
def test_whose_mask_does_not_change_is_not_copied(step: str) -> None:
    crowd = people()
    before = [track.mask for track in crowd]
    made = BESIDE[step](crowd, None)
    assert len(made) == CROWD
    assert all(one.mask is mask for one, mask in zip(made, before, strict=True))


@pytest.mark.parametrize("step", sorted(set(BESIDE) - {"moving"}))
def test_whose_mask_changes_has_a_new_one_and_nobody_else(step: str) -> None:
    crowd = people()
    before = [track.mask for track in crowd]
    were = [mask.copy() for mask in before]
    if step == "holes":
        were[0][:, 120:124, 15:19] = False
    made = BESIDE[step](crowd, (5, 152, 9, 158) if step == "limbs" else (2, 120, 8, 140))
    changed = [n for n, one in enumerate(made) if not np.array_equal(one.mask, were[n])]
    assert changed == [0] and made[0].mask is not before[0]
    assert all(one.mask is mask for one, mask in zip(made[1:], before[1:], strict=True))
    assert all(np.array_equal(mask, were[n]) for n, mask in enumerate(before))  # the old one is as it was


def test_who_is_followed_anew_is_not_held_twice() -> None:
    boxes = np.array([[10 + 28 * n, 100, 30 + 28 * n, 150] for n in range(CROWD)], np.float32)
    patches = [Patch.of_box(box, SHAPE[1:]) for box in boxes]
    seen = [InstanceMasks(boxes, np.ones(CROWD, np.float32), patches)] * SHAPE[0]
    poses = [PoseDetections(boxes[:0], np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32))] * SHAPE[0]
    late = seeing((200, 200, 220, 250))  # whom the cues do not show, so that everybody is followed again
    found: list[Track] = []

    def follow() -> None:
        tracks, gates = track_everybody(FRAMES, (seen, poses), (late, nobody), POLICY.mask, POLICY.gates)
        assert gates[-1].score >= 1
        found.extend(tracks)

    peak = peak_of(follow)
    assert len(found) == CROWD + 1
    assert peak < 1.3 * 2 * (CROWD + 1) * EACH
