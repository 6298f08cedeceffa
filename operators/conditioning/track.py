"""Detections of every frame -> one track per person, with masks that would rather cover too much."""

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from operators.models.boxes import best_pairs, box_iou
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import MaskPolicy
from schemas.track import Track

_SAME_PERSON_IOU = 0.3  # a pose and a mask of one frame
_SAME_BODY = 0.7  # share of the smaller mask within the larger
_SAME_TRACK_IOU = 0.2  # a detection and a track's last box, a few frames apart


@dataclass
class _Detection:
    score: float
    box: np.ndarray  # float32 [4]
    body: Patch
    keypoints: np.ndarray  # float32 [K,3]


@dataclass
class _Open:
    seen: dict[int, _Detection] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return max(self.seen)


def track_people(
    masks: list[InstanceMasks], poses: list[PoseDetections], size: tuple[int, int], policy: MaskPolicy
) -> list[Track]:
    """Join the masks and poses of T frames of `size` (H, W) into tracks.

    A person whom either model sees counts: a pose without a mask is masked by its box. Tracks are linked
    frame to frame by box overlap (Hungarian assignment), gaps of up to `policy.gap_frames` are filled from
    both sides. A track needs `policy.start_frames` detections (all of them, in a shorter clip) of at least
    `policy.start_confidence`.
    """
    if len(masks) != len(poses):
        raise ValueError(f"{len(masks)} frames of masks but {len(poses)} of poses")
    tracks: list[_Open] = []
    for t, (mask, pose) in enumerate(zip(masks, poses, strict=True)):
        detections = _merge(mask, pose, size)
        live = [track for track in tracks if t - track.last <= policy.gap_frames + 1]
        previous = np.array([track.seen[track.last].box for track in live]).reshape(-1, 4)
        current = np.array([detection.box for detection in detections]).reshape(-1, 4)
        matched = best_pairs(box_iou(current, previous), _SAME_TRACK_IOU)
        for i, detection in enumerate(detections):
            track = live[matched[i]] if i in matched else _Open()
            if i not in matched:
                tracks.append(track)
            track.seen[t] = detection
    needed = min(policy.start_frames, len(masks))
    sure = [
        track
        for track in tracks
        if sum(one.score >= policy.start_confidence for one in track.seen.values()) >= needed
    ]
    return [_finish(i + 1, track, len(masks), size, policy) for i, track in enumerate(sure)]


def _merge(mask: InstanceMasks, pose: PoseDetections, size: tuple[int, int]) -> list[_Detection]:
    """One frame's people: masks with their pose, then the poses that have no mask; without one, the box is it."""
    pairs = best_pairs(box_iou(mask.boxes, pose.boxes), _SAME_PERSON_IOU)
    nothing = np.zeros(pose.keypoints.shape[1:], np.float32)
    people = [
        _Detection(
            max(mask.scores[i], pose.scores[pairs[i]] if i in pairs else 0),
            mask.boxes[i],
            body if body.area else Patch.of_box(mask.boxes[i], size),
            pose.keypoints[pairs[i]] if i in pairs else nothing,
        )
        for i, body in enumerate(mask.masks)
    ]
    people += [
        _Detection(pose.scores[j], pose.boxes[j], Patch.of_box(pose.boxes[j], size), pose.keypoints[j])
        for j in set(range(len(pose.boxes))) - set(pairs.values())
    ]
    return _one_each([person for person in people if person.body.area])


def _one_each(people: list[_Detection]) -> list[_Detection]:
    """Join detections of which one lies mostly within the other: a person seen twice, or in parts, is one person."""
    joined: list[_Detection] = []
    for person in sorted(people, key=lambda one: -one.body.area):
        for other in joined:
            window = person.body.x, person.body.y, *person.body.inside.shape
            if (
                np.count_nonzero(other.body.within(*window) & person.body.inside)
                > _SAME_BODY * person.body.area
            ):
                other.score = max(other.score, person.score)
                other.body = other.body | person.body
                other.box = np.concatenate(
                    [np.minimum(other.box[:2], person.box[:2]), np.maximum(other.box[2:], person.box[2:])]
                )
                if person.keypoints[:, 2].sum() > other.keypoints[:, 2].sum():
                    other.keypoints = person.keypoints
                break
        else:
            joined.append(person)
    return joined


def _finish(number: int, track: _Open, frames: int, size: tuple[int, int], policy: MaskPolicy) -> Track:
    """Fill the gaps, join over neighbours, dilate."""
    seen, reach = sorted(track.seen), policy.union_frames
    first, stop = max(0, seen[0] - reach), min(frames, seen[-1] + reach + 1)
    body = np.zeros((stop - first, *size), bool)
    keypoints = np.zeros((stop - first, *track.seen[seen[0]].keypoints.shape), np.float32)
    for t, detection in track.seen.items():
        body[t - first], keypoints[t - first] = detection.body.within(0, 0, *size), detection.keypoints
    for before, after in pairwise(seen):
        for t in range(before + 1, after):
            # Somewhere between the two places: both, and everything between their boxes.
            body[t - first] = _sweep(
                track.seen[before], track.seen[after], (t - before) / (after - before), size
            )
            keypoints[t - first] = _between(
                keypoints[before - first], keypoints[after - first], (t - before) / (after - before)
            )
    joined = np.stack([body[max(0, i - reach) : i + reach + 1].any(axis=0) for i in range(len(body))])
    return Track(number, first, body, np.stack([_dilate(mask, policy) for mask in joined]), keypoints)


def _sweep(before: _Detection, after: _Detection, share: float, size: tuple[int, int]) -> np.ndarray:
    body = (before.body | after.body).within(0, 0, *size)
    box = (1 - share) * before.box + share * after.box
    x0, y0, x1, y1 = (int(v) for v in np.clip(np.round(box), 0, [size[1], size[0]] * 2))
    body[y0:y1, x0:x1] = True
    return body


def _between(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    point = (1 - share) * before + share * after
    point[:, 2] = np.minimum(before[:, 2], after[:, 2])
    return point


def _dilate(mask: np.ndarray, policy: MaskPolicy) -> np.ndarray:
    """Grow by a codec block plus a share of the height, measured with an exact distance transform."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return mask
    radius = policy.dilate_px + policy.dilate_share * (rows[-1] - rows[0] + 1)
    pad = int(np.ceil(radius)) + 1
    y, x = max(0, rows[0] - pad), max(0, columns[0] - pad)
    window = (slice(y, rows[-1] + pad + 1), slice(x, columns[-1] + pad + 1))
    grown = mask.copy()
    distance = cv2.distanceTransform((~mask[window]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown[window] = distance <= radius
    return grown
