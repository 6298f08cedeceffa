"""Who is listed beside a source: masked like everybody, or left as they are by a consent that the policy accepts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from operators.conditioning.grow import grown
from operators.conditioning.track import dilate
from operators.gates.listed import AGREES, allowed, with_other_faces
from operators.models.boxes import box_area, box_iou, shared_area
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.listed import Listed
from schemas.policy import MaskPolicy, Policy

Sight = TypeVar("Sight", InstanceMasks, PoseDetections)
_INVOLVED = 0.2  # share of the smaller of a sight and a listed box, within the other: somebody else is there


@dataclass(frozen=True)
class Spared:
    """What detectors see but for those who are spared; where those are, bool [T,H,W], and by whose word."""

    cues: tuple[list[InstanceMasks], list[PoseDetections]]
    mask: np.ndarray
    excepted: list[Listed]


def with_listed(
    seen: list[InstanceMasks],
    listed: Sequence[Listed],
    size: tuple[int, int],
    policy: MaskPolicy,
    shots: Sequence[tuple[int, int]],
) -> list[InstanceMasks]:
    """Every frame's detections and, as sure as can be, those who are `listed` in it; in the frames around it, too."""
    if not listed:
        return seen
    hits: list[list[Patch]] = [[] for _ in seen]
    for one in listed:
        hits[one.frame].append(Patch.of_box(one.box, size))
    return [one for shot in shots for one in grown(seen[slice(*shot)], hits[slice(*shot)], size, policy)]


def spare(
    cues: tuple[list[InstanceMasks], list[PoseDetections]],
    listed: Sequence[Listed],
    size: tuple[int, int],
    policy: Policy,
    faces: Sequence[InstanceMasks] = (),
) -> Spared:
    """Without the one person whom each listed box is of: of whom something is seen that agrees with the box.

    What is spared of them is what is seen, with the margin that a mask has, as far as the listed box with that margin
    goes; in a frame in which nothing agrees, nothing is. Where another sight has a share in a listed box, or it holds
    more than one of the `faces` of its frame, nobody can tell who is who: then nobody is spared in all of the clip, and
    everybody is masked.
    """
    settings = policy.mask
    (masks, poses), nothing = cues, np.zeros((len(cues[0]), *size), bool)
    masks, poses, excepted = list(masks), list(poses), []
    bodies: list[list[Patch]] = [[] for _ in masks]
    if with_other_faces(listed, faces, policy.gates.grow_face_confidence):
        return Spared(cues, nothing, [])
    for t in sorted({one.frame for one in listed}):
        for one in (one for one in listed if one.frame == t):
            (who, sure), (posed, also) = (
                _agreeing(found, one.box, settings) for found in (masks[t], poses[t])
            )
            if max(sure, also) > 1:
                return Spared(cues, nothing, [])
            if len(who):
                body = masks[t].masks[who[0]]
                bodies[t].append(body if body.area else Patch.of_box(one.box, size))
                masks[t], poses[t] = _without(masks[t], who), _without(poses[t], posed)
                excepted.append(one)
    for one in listed:
        for found in (masks[one.frame], poses[one.frame]):
            others = found.boxes[found.scores >= settings.start_confidence]
            involved = others[_share(others, one.box) >= _INVOLVED]
            # Alone, it may be a sight of whom the box is of, though no mask in this frame is.
            if len(involved) > 1 or (box_iou(involved, one.box) < AGREES).any():
                return Spared(cues, nothing, [])
    return Spared((masks, poses), _grown(bodies, excepted, size, settings), excepted)


def _grown(
    bodies: list[list[Patch]], excepted: Sequence[Listed], size: tuple[int, int], policy: MaskPolicy
) -> np.ndarray:
    """Joined over neighbouring frames and dilated, as a track's body is; in the boxes and frames of the excepted."""
    places, reach = allowed(excepted, (len(bodies), *size), policy), policy.union_frames
    for t in np.flatnonzero(places.any(axis=(1, 2))).tolist():
        around = Patch.union(chain(*bodies[max(0, t - reach) : t + reach + 1])).clipped(size)
        places[t] &= dilate(around, size, policy.dilate_px, policy.dilate_share).within(0, 0, *size)
    return places


def _agreeing(
    found: InstanceMasks | PoseDetections, box: np.ndarray, policy: MaskPolicy
) -> tuple[np.ndarray, int]:
    """int [0 or 1]: the surest of the sights of whom `box` [4] is of, and how many of those would begin a track."""
    same = np.flatnonzero(box_iou(found.boxes, box)[:, 0] >= AGREES)
    surest = same[np.argsort(-found.scores[same], kind="stable")[:1]]
    return surest, int((found.scores[same] >= policy.start_confidence).sum())


def _share(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """float [N]: what boxes [N,4] and `box` [4] have in common, of the smaller of the two."""
    area = box_area(boxes)
    return np.asarray(shared_area(boxes, box)[:, 0] / np.maximum(1.0, np.minimum(area, box_area(box))))


def _without(found: Sight, which: np.ndarray) -> Sight:
    """One frame's detections but for those."""
    left = np.setdiff1d(np.arange(len(found.scores)), which)
    rest: Any = [found.masks[n] for n in left] if isinstance(found, InstanceMasks) else found.keypoints[left]
    return type(found)(found.boxes[left], found.scores[left], rest)
