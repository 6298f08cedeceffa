import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.conditioning.track import track_people
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import MaskPolicy
from schemas.track import Track

POLICY = MaskPolicy(
    start_confidence=0.3,
    start_frames=1,
    dilate_px=8,
    dilate_share=0.0,
    union_frames=1,
    gap_frames=3,
    growths=2,
)
SIZE = (96, 128)


def masks(*boxes: tuple[int, int, int, int], score: float = 1.0) -> InstanceMasks:
    bodies = [Patch(x0, y0, np.ones((y1 - y0, x1 - x0), bool)) for x0, y0, x1, y1 in boxes]
    scores = np.full(len(boxes), score, np.float32)
    return InstanceMasks(np.array(boxes, np.float32).reshape(-1, 4), scores, bodies)


def poses(*boxes: tuple[int, int, int, int]) -> PoseDetections:
    points = np.ones((len(boxes), 17, 3), np.float32)
    return PoseDetections(np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32), points)


def tracked(
    seen: list[InstanceMasks],
    found: list[PoseDetections],
    policy: MaskPolicy = POLICY,
    frames: np.ndarray | None = None,
) -> list[Track]:
    blank = np.zeros((len(seen), *SIZE, 3), np.uint8)
    return track_people(blank if frames is None else frames, seen, found, policy)


def test_two_people_who_cross_the_frame_are_two_tracks() -> None:
    frames = [masks((5 + 4 * t, 10, 25 + 4 * t, 70), (90 - 4 * t, 20, 110 - 4 * t, 80)) for t in range(6)]
    tracks = tracked(frames, [poses()] * 6)
    assert [track.first for track in tracks] == [0, 0]
    assert all(len(track.mask) == 6 for track in tracks)


def test_who_fills_the_frame_is_masked_by_the_box_that_the_body_falls_short_of() -> None:
    """Of somebody near the camera a network cuts out face and hair, and leaves shoulders; the box holds them."""
    box = np.array([[10, 20, 118, 96]], np.float32)
    face = np.zeros(SIZE, bool)
    face[20:96, 40:80] = True
    for score, whole in ((0.9, True), (0.4, False)):
        seen = InstanceMasks(box, np.full(1, score, np.float32), [Patch.of(face)])
        (track,) = tracked([seen] * 2, [poses()] * 2)
        assert track.mask[:, 20:96, 10:118].all() == whole
        assert not track.body[:, :, :40].any()  # what is asked of a body is asked of what was seen of it
    (track,) = tracked([masks((10, 20, 118, 90))] * 2, [poses((8, 18, 120, 96))] * 2)
    assert not track.mask[:, :, :2].any()  # a body that fits gains nothing


def _whole(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Joints [17,3] all over a box, from head to feet."""
    points = np.ones((17, 3), np.float32)
    points[:, 0], points[:, 1] = np.linspace(x0, x1, 17), np.linspace(y0, y1, 17)
    return points


@pytest.mark.parametrize(
    ("change", "boxed"),
    [
        (None, False),
        ((9, 100, 40, 1.0), True),  # a wrist that is seen beyond the body
        ((9, 100, 40, 0.1), False),  # what is not believed to be there is not
        ((15, 60, 90, 0.1), True),  # no foot: more of somebody may be in the box
    ],
)
def test_of_whom_all_joints_are_in_the_body_it_is_all_and_the_rest_of_the_box_is_another(
    change: tuple[int, int, int, float] | None, boxed: bool
) -> None:
    box, body = (10, 20, 118, 92), (40, 20, 72, 92)
    person, found = masks(body), poses(box)
    found.keypoints[0] = _whole(42, 22, 70, 90)
    if change:
        joint, *point = change
        found.keypoints[0, joint] = point
    seen = InstanceMasks(np.array([box], np.float32), person.scores, person.masks)
    (track,) = tracked([seen] * 2, [found] * 2)
    assert track.mask[:, 20:92, 100:118].all() == boxed


def test_a_body_that_is_larger_than_its_box_gains_nothing_by_the_box() -> None:
    """A tight box around somebody whose mask reaches beyond it on one side leaves nothing out."""
    box, body = (40, 10, 60, 70), np.zeros(SIZE, bool)
    body[10:70, 40:44] = True
    body[40:46, 40:100] = True
    seen = InstanceMasks(np.array([box], np.float32), np.ones(1, np.float32), [Patch.of(body)])
    (alone,) = tracked([seen] * 2, [poses()] * 2)
    assert not alone.mask[:, 60:70, 56:64].any()


def test_a_mask_without_a_pixel_is_its_box_also_where_a_pose_agrees() -> None:
    box = np.array([[40, 10, 60, 70]], np.float32)
    empty = InstanceMasks(box, np.ones(1, np.float32), [Patch.of(np.zeros(SIZE, bool))])
    for pose in (poses(), poses((40, 10, 60, 70))):
        (track,) = tracked([empty], [pose])
        assert track.mask[0, 10:70, 40:60].all()


@pytest.mark.parametrize(
    ("box", "beyond"),
    [
        ((60, 10, 128, 70), np.s_[10:70, 100:]),  # somebody who leaves on the right, with a leg behind
        ((0, 10, 60, 70), np.s_[10:70, :20]),
        ((40, 0, 60, 70), np.s_[:20, 40:60]),
        ((40, 30, 60, 95), np.s_[50:, 40:60]),  # the box ends a pixel before the frame does
        ((90, 60, 128, 96), np.s_[80:, 90:]),  # a corner: the feet,
        ((90, 60, 128, 96), np.s_[60:, 110:]),  # and an arm
    ],
)
def test_who_is_cut_by_the_frame_is_masked_up_to_its_side(
    box: tuple[int, int, int, int], beyond: tuple[slice, slice]
) -> None:
    body = np.zeros(SIZE, bool)
    body[box[1] : box[3], box[0] : box[2]] = True
    body[beyond] = False
    seen = InstanceMasks(np.array([box], np.float32), np.ones(1, np.float32), [Patch.of(body)])
    (track,) = tracked([seen], [poses()])
    assert track.body[0][beyond].all() and (track.body[0] >= body).all()


def test_who_is_whole_in_the_frame_keeps_the_mask() -> None:
    body = np.zeros(SIZE, bool)
    body[20:60, 45:55] = True
    seen = InstanceMasks(np.array([[40, 10, 60, 70]], np.float32), np.ones(1, np.float32), [Patch.of(body)])
    (track,) = tracked([seen], [poses()])
    assert (track.body[0] == body).all()


def test_a_gap_is_filled_from_both_sides() -> None:
    seen = masks((40, 10, 60, 70))
    tracks = tracked([seen, masks(), masks(), seen], [poses()] * 4)
    assert len(tracks) == 1
    assert all(frame[10:70, 40:60].all() for frame in tracks[0].body)


def test_where_nobody_was_seen_the_body_is_one_body_on_its_way_and_the_mask_all_of_the_way() -> None:
    """Both ends and the box between them are mostly scenery, which is shown as other frames show it."""
    (track,) = tracked([masks((20, 10, 40, 70)), masks(), masks((32, 10, 52, 70))], [poses()] * 3)
    assert track.body[1].sum() == 20 * 60 and track.body[1, 10:70, 26:46].all()
    assert track.mask[1, 10:70, 20:52].all()


def test_one_sure_frame_makes_a_track_of_faint_ones_and_faint_ones_alone_make_none() -> None:
    faint = masks((40, 10, 60, 70), score=0.1)
    (track,) = tracked([faint, masks((40, 10, 60, 70)), faint], [poses()] * 3)
    assert len(track.body) == 3 and all(frame[10:70, 40:60].all() for frame in track.body)
    assert tracked([faint] * 3, [poses()] * 3) == []
    assert len(tracked([faint], [poses((40, 10, 60, 70))])) == 1


def test_a_flicker_makes_no_track_unless_the_clip_is_as_short() -> None:
    policy = POLICY.model_copy(update={"start_frames": 2})
    there, nobody = masks((40, 10, 60, 70)), masks()
    assert tracked([nobody, there, nobody], [poses()] * 3, policy) == []
    assert len(tracked([there, nobody, there], [poses()] * 3, policy)) == 1
    assert len(tracked([there], [poses()], policy)) == 1


def test_a_single_frame_is_kept_and_reaches_its_neighbours() -> None:
    tracks = tracked([masks(), masks((40, 10, 60, 70)), masks()], [poses()] * 3)
    assert len(tracks) == 1
    assert tracks[0].first == 0
    assert all(frame[10:70, 40:60].all() for frame in tracks[0].mask)


@pytest.mark.parametrize("end", ["first", "last"])
def test_an_end_of_the_clip_is_joined_with_as_many_frames_as_the_middle(end: str) -> None:
    """A leg that the end's own neighbour misses, too, is seen in the frame after that."""
    sights = [
        masks((40, 10, 60, 70)),
        masks((40, 10, 60, 70)),
        masks((20, 10, 60, 70)),
        masks((40, 10, 60, 70)),
    ]
    (track,) = tracked(sights if end == "first" else sights[::-1], [poses()] * 4)
    at = 0 if end == "first" else 3
    assert track.mask[at, 10:70, 20:60].all()
    (whole,) = tracked([masks((40, 10, 60, 70))] * 4, [poses()] * 4)
    assert not whole.mask[at, 10:70, 20:30].any()


def test_a_pose_without_a_mask_is_masked_by_its_box() -> None:
    (track,) = tracked([masks()], [poses((40, 10, 60, 70))])
    assert track.body[0, 10:70, 40:60].all()
    assert track.keypoints[0, 0, 2] == 1


def test_a_mask_takes_the_keypoints_of_its_pose() -> None:
    (track,) = tracked([masks((40, 10, 60, 70))], [poses((41, 11, 61, 69))])
    assert track.keypoints[0, :, 2].all()


def standing(x: float, y: float, shift: float = 0) -> np.ndarray:
    """Joints float32 [17,3] of somebody 60 px tall whose left upper corner is at x, y."""
    rows = [3, 2, 2, 3, 3, 12, 12, 20, 20, 28, 28, 30, 30, 44, 44, 58, 58]
    columns = [10, 9, 11, 8, 12, 5, 15, 3, 17, 2, 18, 7, 13, 7, 13, 7, 13]
    return np.array([[x + c + shift, y + r, 0.9] for r, c in zip(rows, columns, strict=True)], np.float32)


def test_two_boxes_with_the_same_joints_are_one_person() -> None:
    boxes = (40, 10, 60, 70), (41, 12, 58, 40)
    points = np.stack([standing(40, 10), standing(40, 10, shift=1)])
    found = PoseDetections(np.array(boxes, np.float32), np.ones(2, np.float32), points)
    (one,) = tracked([masks(*boxes)] * 4, [found] * 4)
    assert all(frame.sum() == 20 * 60 for frame in one.body)


def test_two_detections_that_lie_within_each_other_stay_two_if_their_joints_differ() -> None:
    boxes = (40, 10, 60, 70), (41, 12, 58, 68)
    points = np.stack([standing(40, 10), standing(40, 10, shift=12)])
    found = PoseDetections(np.array(boxes, np.float32), np.ones(2, np.float32), points)
    assert len(tracked([masks(*boxes)] * 4, [found] * 4)) == 2
    assert (
        len(tracked([masks(*boxes)] * 4, [poses()] * 4)) == 2
    )  # nor is anything known of boxes without joints


@pytest.mark.parametrize(("faint", "masked"), [((18, 10, 52, 90), False), ((20, 10, 80, 80), True)])
@pytest.mark.parametrize("meet", [0, 1, 2])
def test_who_is_boxed_as_a_whole_and_then_in_part_is_one_person_also_where_faint_sights_go_on(
    meet: int, faint: tuple[int, int, int, int], masked: bool
) -> None:
    """Of a walker cut at the waist a network boxes both legs, and then one: there they were drawn twice. A faint sight
    where they are is masked, and no body; elsewhere it is nobody."""
    whole, part = (20, 10, 90, 90), (50, 10, 88, 90)
    frames, found = [], []
    for t in range(8):
        early, late = t < 4, t >= 4 - meet
        scores = [0.9 if early else 0.05] + [0.9] * late
        boxes = [whole if early else faint] + [part] * late
        seen = masks(*boxes)
        frames.append(InstanceMasks(seen.boxes, np.array(scores, np.float32), seen.masks))
        pose = poses(part if late else whole)
        pose.keypoints[0, :, 0] = 60 + t + 12 * (not early)  # one leg's, and then the other's
        pose.keypoints[0, :, 1] = np.linspace(20, 80, 17)
        found.append(pose)
    (track,) = tracked(frames, found)
    assert len(track.mask) == 8 and not track.body[6:, :, :48].any()
    assert not meet or track.mask[6:, 20:50, 32:38].all() == masked


def test_who_comes_out_from_behind_somebody_who_stays_is_somebody_else() -> None:
    stays = (20, 10, 60, 90)
    seen = [masks(stays)] * 3 + [masks(stays, (24 + 6 * t, 12, 58 + 6 * t, 88)) for t in range(5)]
    assert len(tracked(seen, [poses()] * 8)) == 2


def test_two_who_meet_in_one_detection_both_live_on_and_part_as_who_they_were() -> None:
    """They walk towards each other in other colours, are seen as one in two frames, and go on."""
    frames = np.zeros((11, *SIZE, 3), np.uint8)
    seen = []
    for t in range(11):
        left, right = (10 + 8 * t, 10, 30 + 8 * t, 70), (90 - 8 * t, 10, 110 - 8 * t, 70)
        frames[t, 10:70, right[0] : right[2]] = (20, 20, 250)
        frames[t, 10:70, left[0] : left[2]] = (250, 20, 20)  # in front
        seen.append(masks(left) if t in (5, 6) else masks(right, left))
    first, second = sorted(tracked(seen, [poses()] * 11, frames=frames), key=lambda one: one.body[0].argmax())
    assert len(first.body) == len(second.body) == 11
    assert first.body[0, 40, 15] and first.body[10, 40, 95] and not first.body[10, 40, 15]
    assert second.body[0, 40, 95] and second.body[10, 40, 15] and not second.body[10, 40, 95]


def test_whoever_ends_behind_somebody_is_masked_there_for_a_while() -> None:
    def at(t: int) -> tuple[int, int, int, int]:
        return (10 + 6 * t, 20, 26 + 6 * t, 60)

    wall = (40, 10, 80, 80)
    seen = [masks(wall, at(t)) if t < 5 else masks(wall) for t in range(12)]
    _, walker = sorted(tracked(seen, [poses()] * 12), key=lambda one: -one.body[0].sum())
    assert walker.first == 0 and len(walker.body) == 5 + POLICY.gap_frames + 1  # and one of the union
    x0, y0, x1, y1 = at(6)
    assert walker.body[6, y0:y1, x0:x1].all()


def test_a_faint_sight_takes_no_sure_detection_s_track() -> None:
    walker, faint = (40, 10, 60, 70), (44, 10, 64, 70)
    first = masks(walker)
    both = InstanceMasks(
        np.array([faint, (38, 10, 58, 70)], np.float32),
        np.array([0.1, 0.9], np.float32),
        [*masks(faint).masks, *masks((38, 10, 58, 70)).masks],
    )
    (one,) = tracked([first, both], [poses()] * 2)
    assert one.body[1, 40, 38] and not one.body[1, 40, 62]


def test_a_track_reaches_back_to_the_first_faint_sight_but_not_to_scenery() -> None:
    entering = [masks((0, 10, 6 + 3 * t, 70), score=0.1) for t in range(4)]
    (one,) = tracked([*entering, masks((0, 10, 20, 70))], [poses()] * 5)
    assert one.first == 0 and one.body[0, 10:70, 0:6].all()
    scenery = masks((0, 0, 30, 90), score=0.1)
    (one,) = tracked([scenery] * 4 + [masks((25, 10, 45, 70))], [poses()] * 5)
    assert not one.body[0].any() and one.first == 3  # the frame that the union reaches into


def test_somebody_fast_is_followed_by_their_motion() -> None:
    (one,) = tracked([masks((4 + 10 * t, 10, 20 + 10 * t, 70)) for t in range(2)]
                   + [masks(), masks((4 + 30, 10, 50, 70))], [poses()] * 4)  # fmt: skip
    assert len(one.body) == 4


def test_two_people_side_by_side_stay_two() -> None:
    tracks = tracked([masks((40, 10, 60, 70), (55, 10, 80, 70))], [poses()])
    assert len(tracks) == 2


def test_frames_of_masks_and_poses_must_agree() -> None:
    with pytest.raises(ValueError, match="2 frames of masks but 1 of poses"):
        tracked([masks(), masks()], [poses()])


boxes = st.tuples(st.integers(0, 100), st.integers(0, 60), st.integers(4, 27), st.integers(4, 35))


@given(st.lists(st.lists(boxes, max_size=3), min_size=1, max_size=6))
def test_every_detected_pixel_and_its_codec_block_is_masked(
    frames: list[list[tuple[int, int, int, int]]],
) -> None:
    detections = [masks(*((x, y, x + w, y + h) for x, y, w, h in people)) for people in frames]
    tracks = tracked(detections, [poses()] * len(frames))
    for t, detection in enumerate(detections):
        union = np.zeros(SIZE, bool)
        for track in tracks:
            if track.first <= t < track.first + len(track.mask):
                union |= track.mask[t - track.first]
        for x0, y0, x1, y1 in detection.boxes.astype(int):
            assert union[y0:y1, max(0, x0 - 8) : x1 + 8].all()
            assert union[max(0, y0 - 8) : y1 + 8, x0:x1].all()


@pytest.mark.parametrize("at", [0, 7])
def test_who_is_seen_once_at_an_end_of_the_clip_is_believed(at: int) -> None:
    policy = POLICY.model_copy(update={"start_frames": 2})
    seen = [masks((40, 10, 60, 70)) if t == at else masks() for t in range(8)]
    assert len(tracked(seen, [poses()] * 8, policy)) == 1
    seen = [masks((40, 10, 60, 70)) if t == 4 else masks() for t in range(8)]
    assert not tracked(seen, [poses()] * 8, policy)


def test_who_comes_in_from_the_edge_is_one_person_however_fast() -> None:
    """First a head, then the upper half, then all: each box holds most of the one before and is much larger."""
    boxes = [(10, 84, 40, 96), (14, 60, 60, 96), (12, 20, 76, 96)]
    (track,) = tracked([masks(box) for box in boxes], [poses()] * 3)
    assert track.first == 0 and track.body[0, 84:96, 10:40].all()


def test_a_box_within_somebody_is_not_their_next_sight_where_no_edge_cuts_it() -> None:
    """A second person in front of the first stays a second one."""
    seen = [masks((20, 10, 80, 90)), masks((20, 10, 80, 90), (40, 50, 56, 80)), masks((20, 10, 80, 90))]
    assert len(tracked(seen, [poses()] * 3)) == 2


@pytest.mark.parametrize("large", [(10, 10, 110, 90), (45, 10, 120, 95)])
def test_whose_joints_are_in_a_box_of_many_times_their_size_do_not_turn_into_what_is_in_it(
    large: tuple[int, int, int, int],
) -> None:
    """A faint box around a car has the joints of the man who is looked at within it; the next has the car alone."""
    man, beside = (40, 40, 52, 64), (80, 10, 120, 95)
    seen = [masks(man)] * 4 + [masks(large, score=0.4), masks(beside, score=0.4)]
    found = [poses(man)] * 4 + [poses(large), poses(beside)]
    for one in found[:5]:
        one.keypoints[0] = _whole(*man)
    (first, *_) = tracked(seen, found)
    assert first.person().boxes.shape[0] <= 4 + 2  # and a neighbour's mask
    assert np.nanmax(first.person().boxes[:, 2]) <= man[2] + 1
