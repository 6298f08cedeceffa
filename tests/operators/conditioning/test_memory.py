"""Masks of a crowd take what its people take, not what the frames would; only those that change are made anew."""

import gc
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
EACH = int(np.prod(SHAPE))  # bytes of a whole mask, and of a body
FRAMES = np.zeros((*SHAPE, 3), np.uint8)


def people(holed: bool = False) -> list[Track]:
    """So many, side by side; with a hole in the first one's mask."""
    made = []
    for number in range(CROWD):
        body = np.zeros(SHAPE, bool)
        body[:, 100:150, 10 + 28 * number : 30 + 28 * number] = True
        mask = body.copy()
        mask[:, 120:124, 15:19] &= not holed
        made.append(Track(number, 0, body, mask, np.zeros((SHAPE[0], 17, 3), np.float32)))
    return made


def taken_by(work: Callable[[], object]) -> tuple[int, int]:
    """Bytes that what it gives holds, and that were held at most beside what there was before."""
    gc.collect()
    tracemalloc.start()
    try:
        given = work()
        gc.collect()
        assert given is not None
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def same_patches(one: Track, other: Track) -> bool:
    """Whether two have the very same patches, not such that are alike."""
    return all(a is b for a, b in zip(one.masks.frames, other.masks.frames, strict=True))


BESIDE = {
    "limbs": lambda crowd, box: cover_limbs(FRAMES, crowd, seeing(box) if box else nobody, POLICY.mask),
    "severed": lambda crowd, box: cover_severed(_with(box), crowd, POLICY.mask),
    "moving": lambda crowd, _: cover_moving(FRAMES, crowd, POLICY.mask, [(0, SHAPE[0])]),
    "holes": lambda crowd, box: cover_holes(crowd),
    "carried": lambda crowd, box: carried(crowd, _rows(box), SHAPE)[0],
}


def _with(box: tuple[int, int, int, int] | None) -> np.ndarray:
    """Noise, and somebody in green with a piece of the same beside them."""
    frames = np.random.default_rng(0).integers(90, 130, (*SHAPE, 1)).repeat(3, 3).astype(np.uint8)
    for x0, y0, x1, y1 in [(10, 100, 30, 150), box] if box else []:
        frames[:, y0:y1, x0:x1] = (20, 110, 40)
    return frames


def _rows(box: tuple[int, int, int, int] | None) -> np.ndarray:
    return np.array([[0, 3, 12, 140, 28, 154]] if box else [], np.int32).reshape(-1, 6)


@pytest.mark.parametrize("step", sorted(BESIDE))
def test_whose_mask_does_not_change_is_not_copied(step: str) -> None:
    crowd = people()
    made = BESIDE[step](crowd, None)
    assert len(made) == CROWD
    assert all(map(same_patches, made, crowd))


@pytest.mark.parametrize("step", sorted(set(BESIDE) - {"moving"}))
def test_whose_mask_changes_has_a_new_one_and_nobody_else(step: str) -> None:
    crowd = people(holed=step == "holes")
    were = [one.mask for one in crowd]
    made = BESIDE[step](crowd, (5, 152, 9, 158) if step == "limbs" else (2, 120, 8, 140))
    changed = [n for n, one in enumerate(made) if not np.array_equal(one.mask, were[n])]
    assert changed == [0]
    assert all(map(same_patches, made[1:], crowd[1:]))
    assert all(np.array_equal(one.mask, were[n]) for n, one in enumerate(crowd))  # the old one is as it was


def followed(size: tuple[int, int], times: int = 1) -> tuple[int, int]:
    """Bytes that the tracks of a crowd take, so many times as high, in eight frames of a size, and the peak on the way:
    one whom the cues do not show is found late, so that everybody is followed again."""
    frames = np.zeros((8, *size, 3), np.uint8)
    boxes = np.array([[10 + 28 * n, 60, 30 + 28 * n, 60 + 30 * times] for n in range(CROWD)], np.float32)
    patches = [Patch.of_box(box, size) for box in boxes]
    seen = [InstanceMasks(boxes, np.ones(CROWD, np.float32), patches)] * len(frames)
    none = PoseDetections(boxes[:0], np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32))
    late = seeing((200, 200, 220, 250))
    cues = seen, [none] * len(frames)

    def follow() -> list[Track]:
        tracks, gates = track_everybody(frames, cues, (late, nobody), POLICY.mask, POLICY.gates)
        assert gates[-1].score >= 1 and len(tracks) == CROWD + 1
        return tracks

    return taken_by(follow)


def test_tracks_take_what_people_take_in_frames_of_any_size() -> None:
    (small, _), (large, peak) = followed((270, 480)), followed((1080, 1920))
    assert large < 1.1 * small
    assert small < 0.25 * 2 * (CROWD + 1) * 8 * 270 * 480
    assert peak < 8 * 8 * 1080 * 1920  # a few masks of everybody: of each alone there would be 34
    assert 1.2 * small < followed((270, 480), times=2)[0] < 2 * small
