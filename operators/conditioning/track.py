"""Detections of every frame -> one track per person, with masks that would rather cover too much."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from operators.conditioning.linking import Detection, Path, colours, link
from operators.models.boxes import best_pairs, box_area, box_iou, shared_area
from operators.models.runtime.finite import check_finite
from schemas.cues import InstanceMasks, Patch, Patches, PoseDetections
from schemas.policy import MaskPolicy
from schemas.track import Track

_SAME_PERSON_IOU = 0.3  # a pose and a mask of one frame
_SHORT = 0.75  # share of a box within its body's extent: what made the box larger is left out
_SURE = 0.6  # of such a box
# Score of a joint, of how many of COCO's 17 a whole person has, and which of them end the legs.
_BELIEVED, _MOST, _ANKLES = 0.3, 12, [15, 16]
_COCO = 17
_EDGE = 3  # px from the frame's side within which a box ends there


def track_people(
    frames: np.ndarray, masks: list[InstanceMasks], poses: list[PoseDetections], policy: MaskPolicy
) -> list[Track]:
    """Join the masks and poses of frames uint8 [T,H,W,3] into tracks, ordered by the frame in which each begins.

    A person whom either model sees counts: a pose without a mask is masked by its box, and who is cut by the frame up
    to its side. A track begins with a detection of at least `policy.start_confidence` and needs `policy.start_frames`
    of them (all, in a shorter clip); fainter ones continue it in both directions, see `link`; in the first and the last
    frame one is enough, as who comes or goes is seen no further. Gaps of up to `policy.gap_frames` are filled from both
    sides.
    Raises ValueError for what is not finite.
    """
    if len(masks) != len(poses):
        raise ValueError(f"{len(masks)} frames of masks but {len(poses)} of poses")
    for mask, pose in zip(
        masks, poses, strict=True
    ):  # a box that is no number belongs to nobody, and nobody is masked
        check_finite(mask.boxes, mask.scores, pose.boxes, pose.scores, pose.keypoints)
    found = [_merge(*one) for one in zip(frames, masks, poses, strict=True)]
    size, ends = frames.shape[1:3], {0, len(masks) - 1}
    people = [
        path
        for path in link(found, policy.start_confidence, policy.gap_frames, size)
        if len(sure := [t for t, one in path.items() if one.score >= policy.start_confidence])
        >= (1 if ends & set(sure) else min(policy.start_frames, len(masks)))
    ]
    return [_finish(number, path, len(masks), size, policy) for number, path in enumerate(people, start=1)]


def track_shots(
    frames: np.ndarray,
    masks: list[InstanceMasks],
    poses: list[PoseDetections],
    policy: MaskPolicy,
    shots: Sequence[tuple[int, int]],
) -> list[Track]:
    """Tracks of everybody in several `shots` of frames, as `track_people` makes them, numbered throughout: who is in
    two shots is two."""
    people: list[Track] = []
    for shot in map(slice, *zip(*shots, strict=True)):
        tracks = track_people(frames[shot], masks[shot], poses[shot], policy)
        people += [
            replace(track, number=number, first=track.first + shot.start)
            for number, track in enumerate(tracks, start=len(people) + 1)
        ]
    return people


def _merge(frame: np.ndarray, mask: InstanceMasks, pose: PoseDetections) -> list[Detection]:
    """One frame's people: masks with their pose, then the poses that have no mask; without one, the box is it."""
    pairs, size = best_pairs(box_iou(mask.boxes, pose.boxes), _SAME_PERSON_IOU), frame.shape[:2]
    nothing = np.zeros(pose.keypoints.shape[1:], np.float32)
    people: list[tuple[float, np.ndarray, Patch, np.ndarray]] = []
    for i, body in enumerate(mask.masks):
        score, points = mask.scores[i], nothing
        if i in pairs:
            score, points = max(score, pose.scores[pairs[i]]), pose.keypoints[pairs[i]]
        whole = body if body.area else Patch.of_box(mask.boxes[i], size)
        people.append((score, mask.boxes[i], _reaching(whole, mask.boxes[i], size), points))
    for j in sorted(set(range(len(pose.boxes))) - set(pairs.values())):
        people.append((pose.scores[j], pose.boxes[j], Patch.of_box(pose.boxes[j], size), pose.keypoints[j]))
    return [
        Detection(float(score), box, body, points, colours(frame, body))
        for score, box, body, points in people
        if body.area
    ]


def _reaching(body: Patch, box: np.ndarray, size: tuple[int, int]) -> Patch:
    """A body with all that lies between it and the sides of the frame at which its box x0 y0 x1 y1 ends.

    Whoever is cut by the frame reaches its side; a mask that stops short of that has left out an arm or a leg, which a
    close look at a body that is not whole often does.
    """
    x0, y0, x1, y1 = body.box
    height, width = size
    left, top = (0 if box[0] <= _EDGE else x0), (0 if box[1] <= _EDGE else y0)
    right, bottom = (width if box[2] >= width - _EDGE else x1), (height if box[3] >= height - _EDGE else y1)
    if not body.area or (left, top, right, bottom) == body.box:
        return body
    inside = np.ones((bottom - top, right - left), bool)
    inside[y0 - top : y1 - top, x0 - left : x1 - left] = body.inside
    return Patch(left, top, inside)


def _finish(number: int, path: Path, frames: int, size: tuple[int, int], policy: MaskPolicy) -> Track:
    """Fill the gaps, join over neighbours, dilate."""
    seen, reach = sorted(path), policy.union_frames
    first, stop = max(0, seen[0] - reach), min(frames, seen[-1] + reach + 1)
    keypoints = np.zeros((stop - first, *path[seen[0]].keypoints.shape), np.float32)
    bodies, places, boxed = {}, {}, {}
    for t, detection in path.items():
        bodies[t], keypoints[t - first] = detection.body.clipped(size), detection.keypoints
        if detection.place.area:
            places[t] = (detection.body | detection.place).clipped(size)
        if _falls_short(detection):
            boxed[t] = Patch.of_box(detection.box, size)
    # Where somebody may be is masked; what is asked of a body is asked of one.
    for before, after in pairwise(seen):
        for t in range(before + 1, after):
            ends, share = (path[before], path[after]), (t - before) / (after - before)
            box = (1 - share) * ends[0].box + share * ends[1].box
            places[t] = _sweep(*ends, box, size)
            bodies[t] = _moved_to(box, ends[int(share >= 0.5)], size)
            keypoints[t - first] = _between(keypoints[before - first], keypoints[after - first], share)
    masks, places = [], bodies | places
    for t in range(first, stop):
        around = _around(t, reach, frames)
        place, edge = (Patch.union(there[n] for n in around if n in there) for there in (places, boxed))
        mask = dilate(place, size, policy.dilate_px, policy.dilate_share)
        masks.append(mask | dilate(edge, size, policy.dilate_px))
    there = [bodies.get(t, Patch.union([])) for t in range(first, stop)]
    surest = max(detection.score for detection in path.values())
    return Track(number, first, Patches(size, tuple(there)), Patches(size, tuple(masks)), keypoints, surest)


def _falls_short(detection: Detection) -> bool:
    """Whether somebody is surely seen in a box of which the body fills no more than a part, as who fills the frame.

    Of whom nearly all joints are seen down to the feet, and all within the body, nothing is left out: that box holds
    somebody else, too, or a branch.
    """
    if detection.score < _SURE or not detection.body.area:
        return False
    box, extent = detection.box, np.array(detection.body.box, float)
    if shared_area(box, extent)[0, 0] >= _SHORT * box_area(box):
        return False
    joints = detection.keypoints[:_COCO]
    seen = np.asarray(joints[:, 2] >= _BELIEVED)
    within = np.asarray(((joints[:, :2] >= extent[:2]) & (joints[:, :2] <= extent[2:])).all(axis=1))
    whole = seen.sum() >= _MOST and bool(seen[_ANKLES].all() and within[seen].all())
    return not whole


def _around(t: int, reach: int, frames: int) -> range:
    """The frames around `t` that are joined: as many at the clip's ends as elsewhere, or of whom one frame sees too
    little, fewer others would make up for it there."""
    start = max(0, min(t - reach, frames - 2 * reach - 1))
    return range(start, start + 2 * reach + 1)


def _sweep(before: Detection, after: Detection, box: np.ndarray, size: tuple[int, int]) -> Patch:
    """Where somebody may be between two sights: at both places, and anywhere in the box on the way."""
    return (before.body | after.body | Patch.of_box(box, size)).clipped(size)


def _moved_to(box: np.ndarray, one: Detection, size: tuple[int, int]) -> Patch:
    """The body of a sight, moved to a box [4]. The rest of where somebody may be on the way is scenery, and shown as it
    is in other frames."""
    dx, dy = one.off(box).round().astype(int).tolist()
    return replace(one.body, x=one.body.x + dx, y=one.body.y + dy).clipped(size)


def _between(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    point = (1 - share) * before + share * after
    point[:, 2] = np.minimum(before[:, 2], after[:, 2])
    return point


def dilate(patch: Patch, size: tuple[int, int], px: float, share: float = 0.0) -> Patch:
    """A mask in a frame of `size` (H, W), grown by so many pixels and a share of its height, measured with an exact
    distance transform."""
    x0, y0, x1, y1 = Patch.of(patch.inside, patch.x, patch.y).box
    if x0 == x1:
        return patch
    radius = px + share * (y1 - y0)
    pad = int(np.ceil(radius)) + 1
    left, top, right, bottom = Patch.of_box(np.array([x0 - pad, y0 - pad, x1 + pad, y1 + pad]), size).box
    beyond = ~patch.within(left, top, bottom - top, right - left)
    distance = cv2.distanceTransform(beyond.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return Patch.of(distance <= radius, left, top)
