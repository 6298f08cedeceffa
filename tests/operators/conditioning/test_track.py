import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.conditioning.track import track_people
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import MaskPolicy

POLICY = MaskPolicy(
    start_confidence=0.3, start_frames=1, dilate_px=8, dilate_share=0.0, union_frames=1, gap_frames=3
)
SIZE = (96, 128)


def masks(*boxes: tuple[int, int, int, int], score: float = 1.0) -> InstanceMasks:
    bodies = [Patch(x0, y0, np.ones((y1 - y0, x1 - x0), bool)) for x0, y0, x1, y1 in boxes]
    scores = np.full(len(boxes), score, np.float32)
    return InstanceMasks(np.array(boxes, np.float32).reshape(-1, 4), scores, bodies)


def poses(*boxes: tuple[int, int, int, int]) -> PoseDetections:
    points = np.ones((len(boxes), 17, 3), np.float32)
    return PoseDetections(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32), points)


def test_two_people_who_cross_the_frame_are_two_tracks() -> None:
    frames = [masks((5 + 4 * t, 10, 25 + 4 * t, 70), (90 - 4 * t, 20, 110 - 4 * t, 80)) for t in range(6)]
    tracks = track_people(frames, [poses()] * 6, SIZE, POLICY)
    assert [track.first for track in tracks] == [0, 0]
    assert all(len(track.mask) == 6 for track in tracks)


def test_a_mask_without_a_pixel_is_its_box_also_where_a_pose_agrees() -> None:
    box = np.array([[40, 10, 60, 70]], np.float32)
    empty = InstanceMasks(box, np.ones(1, np.float32), [Patch.of(np.zeros(SIZE, bool))])
    for pose in (poses(), poses((40, 10, 60, 70))):
        (track,) = track_people([empty], [pose], SIZE, POLICY)
        assert track.mask[0, 10:70, 40:60].all()


def test_a_gap_is_filled_from_both_sides() -> None:
    seen = masks((40, 10, 60, 70))
    tracks = track_people([seen, masks(), masks(), seen], [poses()] * 4, SIZE, POLICY)
    assert len(tracks) == 1
    assert all(frame[10:70, 40:60].all() for frame in tracks[0].body)


def test_one_sure_frame_makes_a_track_of_faint_ones_and_faint_ones_alone_make_none() -> None:
    faint = masks((40, 10, 60, 70), score=0.1)
    (track,) = track_people([faint, masks((40, 10, 60, 70)), faint], [poses()] * 3, SIZE, POLICY)
    assert len(track.body) == 3 and all(frame[10:70, 40:60].all() for frame in track.body)
    assert track_people([faint] * 3, [poses()] * 3, SIZE, POLICY) == []
    assert len(track_people([faint], [poses((40, 10, 60, 70))], SIZE, POLICY)) == 1


def test_a_flicker_makes_no_track_unless_the_clip_is_as_short() -> None:
    policy = POLICY.model_copy(update={"start_frames": 2})
    there, nobody = masks((40, 10, 60, 70)), masks()
    assert track_people([nobody, there, nobody], [poses()] * 3, SIZE, policy) == []
    assert len(track_people([there, nobody, there], [poses()] * 3, SIZE, policy)) == 1
    assert len(track_people([there], [poses()], SIZE, policy)) == 1


def test_a_single_frame_is_kept_and_reaches_its_neighbours() -> None:
    tracks = track_people([masks(), masks((40, 10, 60, 70)), masks()], [poses()] * 3, SIZE, POLICY)
    assert len(tracks) == 1
    assert tracks[0].first == 0
    assert all(frame[10:70, 40:60].all() for frame in tracks[0].mask)


def test_a_pose_without_a_mask_is_masked_by_its_box() -> None:
    (track,) = track_people([masks()], [poses((40, 10, 60, 70))], SIZE, POLICY)
    assert track.body[0, 10:70, 40:60].all()
    assert track.keypoints[0, 0, 2] == 1


def test_a_mask_takes_the_keypoints_of_its_pose() -> None:
    (track,) = track_people([masks((40, 10, 60, 70))], [poses((41, 11, 61, 69))], SIZE, POLICY)
    assert track.keypoints[0, :, 2].all()


def test_a_person_seen_twice_is_one_person() -> None:
    (track,) = track_people([masks((40, 10, 60, 70), (41, 12, 58, 40))], [poses()], SIZE, POLICY)
    assert track.body[0].sum() == 20 * 60


def test_two_people_side_by_side_stay_two() -> None:
    tracks = track_people([masks((40, 10, 60, 70), (55, 10, 80, 70))], [poses()], SIZE, POLICY)
    assert len(tracks) == 2


def test_frames_of_masks_and_poses_must_agree() -> None:
    with pytest.raises(ValueError, match="2 frames of masks but 1 of poses"):
        track_people([masks(), masks()], [poses()], SIZE, POLICY)


boxes = st.tuples(st.integers(0, 100), st.integers(0, 60), st.integers(4, 27), st.integers(4, 35))


@given(st.lists(st.lists(boxes, max_size=3), min_size=1, max_size=6))
def test_every_detected_pixel_and_its_codec_block_is_masked(
    frames: list[list[tuple[int, int, int, int]]],
) -> None:
    detections = [masks(*((x, y, x + w, y + h) for x, y, w, h in people)) for people in frames]
    tracks = track_people(detections, [poses()] * len(frames), SIZE, POLICY)
    for t, detection in enumerate(detections):
        union = np.zeros(SIZE, bool)
        for track in tracks:
            if track.first <= t < track.first + len(track.mask):
                union |= track.mask[t - track.first]
        for x0, y0, x1, y1 in detection.boxes.astype(int):
            assert union[y0:y1, max(0, x0 - 8) : x1 + 8].all()
            assert union[max(0, y0 - 8) : y1 + 8, x0:x1].all()
