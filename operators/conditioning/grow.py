"""Tracks of everybody: whom independent detectors still see outside the masks is masked, too, and looked for again."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from operators.conditioning.pieces import apart
from operators.conditioning.track import track_shots
from operators.gates.people import Detector, look, nobody_left
from operators.models.boxes import box_area, shared_area
from operators.recovery.fail_closed import Rejected
from schemas.certificate import Gate
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import Gates, MaskPolicy
from schemas.track import Track, union

_SPREAD = 2  # frames before and after a sighting in which the mask grows, too


def track_everybody(
    frames: np.ndarray,
    cues: tuple[list[InstanceMasks], list[PoseDetections]],
    detectors: tuple[Detector, Detector],
    policy: MaskPolicy,
    limits: Gates,
    shots: Sequence[tuple[int, int]] | None = None,
    spared: np.ndarray | None = None,
) -> tuple[list[Track], list[Gate]]:
    """Tracks of everybody in uint8 [T,H,W,3] frames, of one or several `shots`, and the scores of gate 1.

    `frames` are the source's, untouched. `cues` are masks and poses by frame; `detectors` find people and faces in
    every frame outside the masks, and must not be the models that made the cues. What they find at `grow_confidence`
    joins the detection that it is near or becomes one of its own, in the frames around it, too; then everything is
    tracked and looked at again, `policy.growths` times at most. What is `spared`, bool [T,H,W], is accounted for like
    what is masked. Raises Rejected if somebody is still left.
    """
    (seen, poses), mask = cues, np.zeros(frames.shape[:3], bool)
    people: list[Track] = []
    shots, size = shots or [(0, len(frames))], frames.shape[1:3]
    if [t for first, stop in shots for t in range(first, stop)] != list(range(len(frames))):
        raise ValueError(f"shots {shots} are not {len(frames)} frames")
    left: dict[int, tuple[InstanceMasks, InstanceMasks]] = {}
    for growth in range(policy.growths + 1):
        people, before = track_shots(frames, seen, poses, policy, shots), mask
        mask = union(people, "mask", frames.shape[:3])
        stale = np.array([growth == 0 or (new != old).any() for new, old in zip(mask, before, strict=True)])
        again = slice(None) if stale.all() else stale  # a copy of all frames is as much memory again
        hidden = mask[again] if spared is None else mask[again] | spared[again]
        looks = look(detectors, frames[again], hidden)
        left |= dict(zip(np.flatnonzero(stale).tolist(), zip(*looks, strict=True), strict=True))
        if growth == policy.growths:
            break
        hits = [_hits(*pair, limits, size) for _, pair in sorted(left.items())]
        if not any(hits):
            break
        seen = [one for shot in shots for one in grown(seen[slice(*shot)], hits[slice(*shot)], size, policy)]
    persons, faces = zip(*left.values(), strict=True)
    gates = [
        *nobody_left(persons, faces, limits),
        Gate.at_most("mask grown", growth, policy.growths),
    ]
    if not all(gate.passed for gate in gates):
        raise Rejected("somebody may be left in the conditioning", gates)
    return people, gates


def _hits(people: InstanceMasks, faces: InstanceMasks, limits: Gates, size: tuple[int, int]) -> list[Patch]:
    """What counts in one frame; a face stands for the body that belongs to it."""
    patches = [
        patch
        for patch, score in zip(people.masks, people.scores, strict=True)
        if score > limits.grow_confidence
    ]
    for (x0, y0, x1, y1), score in zip(faces.boxes, faces.scores, strict=True):
        if score > limits.grow_face_confidence:
            # A standing adult is some eight faces high and three wide; who sits or is cut off is smaller.
            width, height = x1 - x0, y1 - y0
            body = np.array([x0 - width, y0 - height / 2, x1 + width, y1 + 7 * height])
            patches.append(Patch.of_box(body, size))
    return patches


def grown(
    seen: list[InstanceMasks], hits: list[list[Patch]], size: tuple[int, int], policy: MaskPolicy
) -> list[InstanceMasks]:
    """The detections of every frame with the hits of the frames around it, as sure as can be."""
    grown = list(seen)
    for t in range(len(seen)):
        place = np.zeros(size, bool)
        for patch in chain(*hits[max(0, t - _SPREAD) : t + _SPREAD + 1]):
            patch.paste(place)
        for patch in apart(place):
            grown[t] = added(grown[t], patch, size, policy)
    return grown


def added(found: InstanceMasks, patch: Patch, size: tuple[int, int], policy: MaskPolicy) -> InstanceMasks:
    """One frame's detections with a patch: part of whoever it is within reach of, or somebody else.

    A detection that would begin no track is somebody only where it shares most of the patch: two sights of one person.
    """
    box, masks = np.array(patch.box, np.float32), list(found.masks)
    boxes, scores = found.boxes.copy(), found.scores.copy()
    heights = boxes[:, 3] - boxes[:, 1]
    # What is left of somebody lies beyond the margin that her mask has.
    reach = 2 * (policy.dilate_px + policy.dilate_share * heights)
    gaps = np.maximum(np.maximum(boxes[:, :2] - box[2:], box[:2] - boxes[:, 2:]), 0).max(axis=1, initial=0)
    shared = shared_area(boxes, box)[:, 0]
    alike = 2 * shared >= np.maximum(box_area(boxes), box_area(box))
    near = np.flatnonzero((gaps <= reach) & ((scores >= policy.start_confidence) | alike))
    if len(near):
        i = int(near[np.argmin(gaps[near])])
        body = masks[i] if masks[i].area else Patch.of_box(boxes[i], size)
        masks[i], scores[i] = body | patch, 1.0
        boxes[i] = [*np.minimum(boxes[i, :2], box[:2]), *np.maximum(boxes[i, 2:], box[2:])]
        return replace(found, boxes=boxes, scores=scores, masks=masks)
    boxes, scores = np.concatenate([boxes, box[None]]), np.append(scores, np.float32(1.0))
    return InstanceMasks(boxes, scores, [*masks, patch])
