"""Patches against the arithmetic of whole frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from schemas.arrow import from_table, to_table
from schemas.conditioning import Conditioning, Tube
from schemas.cues import Patch, Patches
from schemas.track import Track, union
from tests.schemas.test_arrow import conditioning

SIZE = (7, 9)
FRAME = arrays.arrays(bool, SIZE)
CLIP = arrays.arrays(bool, st.tuples(st.integers(1, 4), *map(st.just, SIZE)))
# Where a patch may lie that is not yet cut to the frame.
PLACED = st.builds(
    Patch, st.integers(-9, 12), st.integers(-9, 12), arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2))
)  # fmt: skip


def whole(patch: Patch) -> np.ndarray:
    return patch.within(0, 0, *SIZE)


def surrounded(patch: Patch) -> np.ndarray:
    """In a frame so large that all of it is there, wherever it is placed."""
    return patch.within(-20, -20, 60, 60)


@given(FRAME)
def test_a_patch_is_the_frames_mask_without_an_empty_side(mask: np.ndarray) -> None:
    patch = Patch.of(mask)
    np.testing.assert_array_equal(whole(patch), mask)
    assert patch.area == mask.sum()
    inside = patch.inside
    assert not mask.any() or (
        inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
    )
    assert patch.inside.base is None  # it holds no frame
    frame = np.arange(mask.size * 3).reshape(*SIZE, 3)
    np.testing.assert_array_equal(patch.pick(frame), frame[mask])
    part = Patch.of(mask[2:, 3:], 3, 2)
    np.testing.assert_array_equal(whole(part)[2:, 3:], mask[2:, 3:])
    assert part.area == mask[2:, 3:].sum()


@given(PLACED, PLACED)
def test_union_and_intersection_are_those_of_whole_frames(a: Patch, b: Patch) -> None:
    np.testing.assert_array_equal(surrounded(a | b), surrounded(a) | surrounded(b))
    np.testing.assert_array_equal(surrounded(a & b), surrounded(a) & surrounded(b))
    np.testing.assert_array_equal(surrounded(Patch.union([b, a, b])), surrounded(a) | surrounded(b))


@given(PLACED, FRAME)
def test_what_is_clipped_lies_within_the_frame_and_can_be_pasted(patch: Patch, mask: np.ndarray) -> None:
    clipped, pasted = patch.clipped(SIZE), mask.copy()
    np.testing.assert_array_equal(whole(clipped), whole(patch))
    clipped.paste(pasted)
    np.testing.assert_array_equal(pasted, mask | whole(patch))


def test_nothing_is_no_patch_and_changes_none() -> None:
    nothing, some = Patch.union([]), Patch(3, 2, np.ones((2, 2), bool))
    assert nothing.area == 0 and (nothing | some).box == some.box and not (nothing & some).area
    np.testing.assert_array_equal(nothing.clipped(SIZE).within(0, 0, *SIZE), np.zeros(SIZE, bool))


@given(CLIP)
def test_patches_are_a_clips_mask(mask: np.ndarray) -> None:
    patches = Patches.of(mask)
    assert len(patches) == len(mask) and Patches.of(patches) is patches
    np.testing.assert_array_equal(patches.whole(), mask)
    for box, frame in zip(patches.boxes(), mask, strict=True):
        rows, columns = frame.any(axis=1).nonzero()[0], frame.any(axis=0).nonzero()[0]
        expected = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if len(rows) else [np.nan] * 4
        np.testing.assert_array_equal(box, np.array(expected, np.float32))


@given(CLIP, PLACED, st.data())
def test_one_frame_more_is_covered_and_the_others_are_shared(
    mask: np.ndarray, patch: Patch, data: st.DataObject
) -> None:
    i, before = data.draw(st.integers(0, len(mask) - 1)), Patches.of(mask)
    after, expected = before.joined(i, patch.clipped(SIZE)), mask.copy()
    expected[i] |= whole(patch)
    np.testing.assert_array_equal(after.whole(), expected)
    np.testing.assert_array_equal(before.whole(), mask)
    assert all(after.frames[t] is before.frames[t] for t in range(len(mask)) if t != i)


@given(CLIP, CLIP, st.integers(0, 3))
def test_everybodys_union_is_that_of_whole_frames(body: np.ndarray, more: np.ndarray, first: int) -> None:
    joints = np.zeros((len(body), 17, 3), np.float32)
    one, other = Track(1, first, body, body, joints), Track(2, 0, more, more, joints)
    expected = np.zeros((7, *SIZE), bool)
    expected[first : first + len(body)] |= body
    expected[: len(more)] |= more
    for name in ("body", "mask"):
        np.testing.assert_array_equal(union([one, other], name, expected.shape), expected)
    with pytest.raises(ValueError, match="longer"):
        union([one], "mask", (first + len(body) - 1, *SIZE))


@given(CLIP, CLIP, st.integers(0, 3))
def test_whole_frames_are_taken_and_given_by_tracks(body: np.ndarray, mask: np.ndarray, first: int) -> None:
    mask = np.resize(mask, body.shape)
    track = Track(1, first, body, mask, np.zeros((len(body), 17, 3), np.float32))
    np.testing.assert_array_equal(track.body, body)
    np.testing.assert_array_equal(track.mask, mask)
    for t in range(9):
        there = mask[t - first] if 0 <= t - first < len(mask) else np.zeros(SIZE, bool)
        np.testing.assert_array_equal(whole(track.mask_at(t)), there)


@given(CLIP)
def test_a_tubes_mask_goes_through_tables(mask: np.ndarray) -> None:
    (got,) = from_table(to_table([conditioning(mask)], Conditioning), Conditioning)
    (tube,) = got.tubes
    assert isinstance(tube, Tube) and tube.masks.size == SIZE
    np.testing.assert_array_equal(tube.mask, mask)
    np.testing.assert_array_equal(tube.masks.boxes(), Patches.of(mask).boxes())
