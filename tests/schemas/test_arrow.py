import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from schemas.actor import Actor, Motion, Role
from schemas.arrow import from_table, schema_of, to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning, Tube
from tests.operators.clips import SOMEBODY, evidence


def clip_ref(clip_id: int = 5) -> ClipRef:
    return ClipRef(
        clip_id, "key-000000", "s3://b/a.mp4", "d" * 32, "e" * 32, 0, 0, [0, 1], 1, 12, 12, 1, 64, 48, 0
    )


def conditioning(mask: np.ndarray, clip_id: int = 5) -> Conditioning:
    boxes = np.zeros((len(mask), 4), np.int32)
    video = np.arange(96, dtype=np.uint8).reshape(1, 4, 8, 3)
    tube = Tube(1, 0, boxes, video, video[..., 0] > 3, mask, "red top", 7)
    seen = evidence(mask=mask, body=~mask, people=[SOMEBODY], seconds={"decode": 0.5})
    pose, place, fingers = (np.ones((2, n), np.float32) for n in (29, 3, 10))
    motion = Motion(pose, place, 900.0, fingers)
    role = Role(Actor(motion, (72, 128), 5, "adult"), 3)
    return Conditioning(clip_ref(clip_id), seen, b"\x00\xff", [(0, 2)], [tube], [role])


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=3, max_dims=3)))
def test_a_row_comes_back_as_it_went(mask: np.ndarray) -> None:
    sent = conditioning(mask)
    cases = (Conditioning, QuarantinedClip, FailedClip)
    (got,) = from_table(to_table([sent], *cases), *cases)
    assert got.ref == sent.ref
    assert (got.background, got.evidence.seconds) == (sent.background, sent.evidence.seconds)
    assert got.evidence.mask.dtype == bool
    np.testing.assert_array_equal(got.evidence.mask, mask)
    np.testing.assert_array_equal(got.evidence.people[0].keypoints, SOMEBODY.keypoints)
    np.testing.assert_array_equal(got.tubes[0].mask, mask)
    np.testing.assert_array_equal(got.roles[0].actor.motion.pose, sent.roles[0].actor.motion.pose)
    assert got.roles[0].actor.size == (72, 128)
    np.testing.assert_array_equal(got.tubes[0].conditioning, sent.tubes[0].conditioning)


@given(st.integers(-(2**63), 2**63 - 1))
def test_clip_ids_use_all_64_bits(clip_id: int) -> None:
    (got,) = from_table(to_table([clip_ref(clip_id)], ClipRef), ClipRef)
    assert got == clip_ref(clip_id)


def test_the_schema_is_whole_even_when_a_case_never_occurs() -> None:
    cases = (Conditioning, QuarantinedClip, FailedClip)
    failed = to_table([FailedClip(clip_ref(), "plan", "empty", "replace it", {})], *cases)
    kept = to_table([conditioning(np.ones((1, 2, 2), bool))], *cases)
    assert failed.schema == kept.schema == schema_of(*cases)
    assert len(pa.concat_tables([failed, kept])) == 2


def test_an_undeclared_type_cannot_travel() -> None:
    with pytest.raises(TypeError, match="Conditioning is none of"):
        to_table([conditioning(np.ones((1, 2, 2), bool))], QuarantinedClip, FailedClip)


def test_a_swapped_clip_is_noticed() -> None:
    cases = (Conditioning, QuarantinedClip, FailedClip)
    table = to_table([conditioning(np.ones((1, 2, 2), bool))], *cases)
    swapped = table.set_column(0, "clip_id", pa.array([6], pa.int64()))
    with pytest.raises(ValueError, match="clip 6 carries the data of clip 5"):
        from_table(swapped, *cases)


def test_a_missing_column_or_value_is_noticed() -> None:
    cases = (Conditioning, QuarantinedClip, FailedClip)
    table = to_table([FailedClip(clip_ref(), "plan", "empty", "replace it", {})], *cases)
    with pytest.raises(ValueError, match="columns missing"):
        from_table(table.drop_columns(["failed_clip"]), *cases)
    nothing = table.set_column(3, table.schema.field(3), pa.nulls(1, table.schema.field(3).type))
    with pytest.raises(ValueError, match="exactly one of"):
        from_table(nothing, *cases)
