"""Is everybody masked whom the source's owner lists, and nobody spared but by a consent that the policy accepts?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from operators.models.boxes import box_area, box_iou
from operators.models.witnesses.coverage import uncovered
from schemas.certificate import Gate
from schemas.clip import ClipRef, Evidence
from schemas.cues import InstanceMasks, Patch, PersonBoxes
from schemas.listed import Listed
from schemas.policy import MaskPolicy, Policy

_PART = 0.7  # of a listed box, a sight that may be of a part of whom it is of
_SAME_FACE = 0.2  # IoU of two looks at one face, in tiles that overlap
AGREES = 0.5  # IoU of a sight of somebody with the box that is listed for them


def listed(ref: ClipRef, evidence: Evidence, policy: Policy, faces: Sequence[InstanceMasks] = ()) -> Gate:
    """Pixels of released frames, of the evidence's masks: those of people listed without an accepted consent that are
    not masked, and those that are spared where no person so excepted is listed, or that are masked as well; and boxes
    of excepted people in which more than one of the `faces` lies that each frame shows outside the masks."""
    asked = [replace(one, frame=one.frame - ref.overlap) for one in ref.listed if one.frame >= ref.overlap]
    size = (evidence.mask.shape[1], evidence.mask.shape[2])
    consented = [one for one in asked if one.consent in policy.excepted]
    bare = 0
    for one in (one for one in asked if one not in consented):
        x0, y0, x1, y1 = Patch.of_box(one.box, size).box
        bare += int((~evidence.mask[one.frame, y0:y1, x0:x1]).sum())
    excepted = [one for one in evidence.excepted if one in consented]
    unfounded = len(evidence.excepted) - len(excepted)
    places = allowed(excepted, evidence.mask.shape, policy.mask) & ~evidence.mask
    crowded = len(with_other_faces(evidence.excepted, faces, policy.gates.grow_face_confidence))
    return Gate.at_most("listed", bare + unfounded + crowded + int((evidence.spared & ~places).sum()), 0)


def with_other_faces(listed: Sequence[Listed], faces: Sequence[InstanceMasks], least: float) -> list[Listed]:
    """Those in whose box more than one of a frame's faces lies with a score above `least`: somebody looks out from
    behind them, of whose body too little is seen to be somebody's."""
    crowded = []
    for one in listed if faces else ():
        found = faces[one.frame]
        middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        inside = ((middle >= one.box[:2]) & (middle <= one.box[2:])).all(axis=1) & (found.scores > least)
        if (box_iou(found.boxes[inside], found.boxes[inside]) < _SAME_FACE).any():
            crowded.append(one)
    return crowded


def allowed(excepted: Sequence[Listed], shape: tuple[int, ...], policy: MaskPolicy) -> np.ndarray:
    """bool of `shape` [T,H,W]: their boxes, with the margin that a mask of somebody so high has."""
    places = np.zeros(shape, bool)
    for one in excepted:
        margin = policy.dilate_px + policy.dilate_share * (one.y1 - one.y0)
        x0, y0, x1, y1 = Patch.of_box(
            one.box + np.array([-margin, -margin, margin, margin], np.float32), (shape[1], shape[2])
        ).box
        places[one.frame, y0:y1, x0:x1] = True
    return places


def but_excepted(
    seen: Sequence[PersonBoxes], excepted: Sequence[Listed], hidden: np.ndarray
) -> list[PersonBoxes]:
    """What a detector sees in each frame without those who are excepted: of each the one sight that agrees best with
    the box, and smaller ones, parts of them, for which `hidden` bool [T,H,W], masks and spared pixels, accounts. A
    second sight as large as the box is somebody else."""
    left = list(seen)
    for one in excepted:
        found = left[one.frame]
        agreement = box_iou(found.boxes, one.box)[:, 0]
        if not len(agreement) or agreement.max() < AGREES:
            continue
        area = box_area(found.boxes)
        small = area <= _PART * box_area(one.box)
        keep = [
            n != agreement.argmax() and not (small[n] and uncovered(box, hidden[one.frame]) is None)
            for n, box in enumerate(found.boxes)
        ]
        left[one.frame] = PersonBoxes(found.boxes[keep], found.scores[keep])
    return left
