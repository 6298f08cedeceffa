"""Real people, with joints and masks, by four small networks of which none is trusted alone.

NanoDet and MoveNet MultiPose look at whole frames; MoveNet Thunder and BlazePose look at each person closely. All of
them learnt from photographs of real people.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operators.models.boxes import box_area, box_iou, shared_area, surest_once
from operators.models.oks import oks
from operators.models.people.blazepose import BlazePose
from operators.models.people.borrowed import borrowed
from operators.models.people.hands import HandLook
from operators.models.people.leaning import LeaningLook, lean, upright
from operators.models.people.movenet import MoveNetMultiPose, MoveNetThunder, surest
from operators.models.people.nanodet import NanoDet
from schemas.cues import Patch, PersonBoxes

_SAME_BOX = 0.55  # IoU of boxes that are one person's
_AGREE = 0.5  # IoU of two networks' boxes of one person
_SAME_JOINTS = 0.7  # similarity of joints,
_INSIDE = 0.7  # and share of a box within another, that make it a part of one person
_SURE_ALONE = 0.5  # NanoDet's score that needs no second opinion
_NEARLY = 0.45  # its score that needs none of limbs, whosever they are
_TOGETHER = 0.6  # the sum of both scores that makes two faint opinions one
_LOOK_CLOSELY = 0.2  # either score,
_LIMBS = 0.3  # and the mean of the eight surest joints, that are enough together
_SAME_THING = 0.7  # IoU of a person's box and of a thing that it rather is,
_CERTAIN_LIMBS = 0.5  # unless the eight surest joints are as sure as that
_HALF = 0.5  # of a box, less of which lies in anybody else's if it is of somebody beside them
_BELIEVED = 0.5  # the least score of somebody who is sure, above every policy's start_confidence
_FAINT = 0.19  # the most of somebody who is not, below it: such detections continue tracks and begin none
_SMALL = 40  # px of height below which a mask says less than the box
_LEAST_BODY = 0.15  # share of its box that a body fills at least; a smaller mask is of something else,
_FITS = 0.5  # as is one whose extent has less IoU with the box: of a head alone a body is imagined

_LEANS = np.radians(30)  # from which on a body is looked at with the trunk upright, as BlazePose was trained

_WRISTS, _BLAZE_WRISTS = [9, 10], [15, 16]  # left, right; in COCO and in BlazePose
_KNUCKLES = {
    3: 21,
    5: 19,
    17: 17,
}  # thumb, index and little finger among a hand's 21 points: BlazePose's left one
_SAME_WRIST = 0.08  # of a box's longer side


@dataclass(frozen=True)
class People:
    """One frame: boxes float32 [N,4], scores float32 [N], keypoints float32 [N,17,3] (COCO), N masks, and 21 points of
    the left and of the right hand, float32 [N,42,3], of which three knuckles each are known at most.

    Whoever is not sure has no joints (score 0), and the box as mask.
    """

    boxes: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray
    masks: list[Patch]
    hands: np.ndarray | None = None

    @property
    def points(self) -> np.ndarray:
        """float32 [N,K,3] as PoseDetections has them: joints, and points of hands where those were looked for."""
        return self.keypoints if self.hands is None else np.concatenate([self.keypoints, self.hands], axis=1)


class PeopleEnsemble:
    """Frames uint8 [T,H,W,3] RGB -> T People.

    `weights` is a folder with nanodet, movenet_multipose, movenet_thunder, blazepose_full and hand as .onnx.
    Whoever either detector sees with `confidence` is listed. Sure, with a score of 0.5 or more, is who NanoDet is
    sure of alone, of whom both together are sure enough, or whom either sees and who has limbs in a close look, as
    long as NanoDet does not rather call the very same box a chair, a car or the like; all others score less than
    0.2. A hard rule about joints would lose people from behind, and those who are just entering. Whose limbs are
    somebody else's is sure only if NanoDet nearly is, or if both detectors see them beside that person, and not
    around anybody; and has no joints unless NanoDet is sure.
    Raises UserError for unusable weights, ValueError if the output of a network is not finite.
    """

    def __init__(self, weights: str | Path, confidence: float = 0.15, device: str = "cpu") -> None:
        folder = Path(weights)
        self.nanodet = NanoDet(folder / "nanodet.onnx", confidence, device)
        self.movenet = MoveNetMultiPose(folder / "movenet_multipose.onnx", confidence, device)
        self.thunder = MoveNetThunder(folder / "movenet_thunder.onnx", device)
        self.leaning = LeaningLook(self.thunder)
        self.hands = HandLook(folder / "hand.onnx", device)
        self.blazepose = BlazePose(folder / "blazepose_full.onnx", device)

    def __call__(self, frames: np.ndarray) -> list[People]:
        seen = zip(frames, self.nanodet.people_and_things(frames), self.movenet(frames), strict=True)
        return [self._people(*one) for one in seen]

    def _people(self, frame: np.ndarray, by_nanodet: list[PersonBoxes], by_movenet: PersonBoxes) -> People:
        people, things = by_nanodet
        boxes, said, alone = _listed(people, by_movenet)
        rather = _rather_things(people, things)
        meant = PersonBoxes(people.boxes[~rather], people.scores[~rather])
        first, second = (_of_each(boxes, one) for one in (meant, by_movenet))
        joints = np.zeros((len(boxes), 17, 3), np.float32)
        close = np.flatnonzero(said >= _LOOK_CLOSELY)
        joints[close] = self.thunder(frame, boxes[close])
        limbs = surest(joints, 8)
        agree = (first > 0) & (second > 0) & (first + second >= _TOGETHER)
        sure = (first >= _SURE_ALONE) | agree | (limbs >= _LIMBS)
        theirs = (alone >= _SURE_ALONE) | ~borrowed(joints, boxes)
        both = (first > 0) & (second > 0)
        within, around = _overlap(boxes, boxes[sure & theirs])
        sure &= theirs | (around < _INSIDE) & ((alone >= _NEARLY) | both & (within < _HALF))
        sure &= ~_rather_things(PersonBoxes(boxes, first), things) | (limbs >= _CERTAIN_LIMBS)
        lone = np.flatnonzero(sure & (said < _LOOK_CLOSELY))
        joints[lone] = self.thunder(frame, boxes[lone])
        scores = np.where(sure, np.maximum(said, _BELIEVED), _FAINT * said).astype(np.float32)
        joints[~sure] = 0
        kept = _once_each(boxes, scores, joints)
        joints[~theirs] = 0
        boxes, scores, joints, sure = boxes[kept], scores[kept], joints[kept], sure[kept]
        joints = self.leaning(frame, boxes, joints)
        masks, hands = self._closely(frame, boxes, joints, sure)
        return People(boxes, scores, joints, masks, hands)

    def _closely(
        self, frame: np.ndarray, boxes: np.ndarray, joints: np.ndarray, sure: np.ndarray
    ) -> tuple[list[Patch], np.ndarray]:
        """Everybody's mask, and points of their hands float32 [N,42,3]."""
        hands = np.zeros((len(boxes), 42, 3), np.float32)
        masks = [Patch.of_box(box, frame.shape[:2]) for box in boxes]
        large = np.flatnonzero(sure & (boxes[:, 3] - boxes[:, 1] >= _SMALL))
        leans = lean(joints)
        for i in large:
            points, mask = self._body(frame, boxes[i], leans[i])
            hands[i] = self._hands(frame, joints[i], points, boxes[i])
            extent = np.array([mask.box], np.float32)
            fits = (
                mask.area > _LEAST_BODY * masks[i].area and box_iou(boxes[i : i + 1], extent)[0, 0] >= _FITS
            )
            masks[i] = mask if fits else masks[i]
        return masks, hands

    def _hands(
        self, frame: np.ndarray, joints: np.ndarray, points: np.ndarray, box: np.ndarray
    ) -> np.ndarray:
        """float32 [42,3]: of either hand all points that a close look sees, or else BlazePose's knuckles."""
        known = _knuckles(joints, points, box).reshape(2, 21, 3)
        first = known[:, list(_KNUCKLES)]
        ahead = first[..., :2].mean(axis=1) - joints[_WRISTS, :2]
        pointing = (first[..., 2] > 0).all(axis=1, keepdims=True)
        seen = self.hands(frame, joints, np.where(pointing, ahead, 0))
        return np.where(seen[..., 2:].any(axis=1, keepdims=True), seen, known).reshape(42, 3)

    def _body(self, frame: np.ndarray, box: np.ndarray, turn: float) -> tuple[np.ndarray, Patch]:
        """BlazePose's points [33,3] and mask of whoever is in a box [4], and leans by `turn`, or NaN."""
        if not abs(turn) > _LEANS:
            bodies = self.blazepose(frame, box[None])
            return bodies.points[0], bodies.masks[0]
        view = upright(frame, box, turn)
        bodies = self.blazepose(view.picture, view.box)
        return view.in_frame(bodies.points[0]), view.patch_in_frame(bodies.masks[0], frame.shape[:2])


def _knuckles(joints: np.ndarray, points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """float32 [42,3]: of each hand's 21 points the knuckles among BlazePose's [33,3], moved to the wrist of `joints`
    [17,3]; unknown where the two networks put the wrist too far apart."""
    hands = np.zeros((2, 21, 3), np.float32)
    for side, (hand, wrist) in enumerate(zip(hands, joints[_WRISTS], strict=True)):
        apart = wrist[:2] - points[_BLAZE_WRISTS[side], :2]
        if np.linalg.norm(apart) <= _SAME_WRIST * (box[2:] - box[:2]).max():
            for place, number in _KNUCKLES.items():
                x, y, visible = points[number + side]
                hand[place] = x + apart[0], y + apart[1], min(visible, wrist[2])
    return hands.reshape(42, 3)


def _listed(tight: PersonBoxes, loose: PersonBoxes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Everybody once: boxes [N,4], the surest score [N], and what the first detector says of that very box [N], 0 if it
    is not its own; of two boxes of one person the first detector's stays."""
    everybody = np.concatenate([tight.boxes, loose.boxes])
    said = np.maximum(*(_of_each(everybody, one) for one in (tight, loose)))
    alone = np.concatenate([tight.scores, np.zeros_like(loose.scores)])
    order = np.concatenate([1 + tight.scores, loose.scores]).astype(np.float32)
    kept = surest_once(everybody, order, _SAME_BOX)
    return everybody[kept], said[kept], alone[kept]


def _of_each(boxes: np.ndarray, found: PersonBoxes) -> np.ndarray:
    """What a detector says of each box [N], 0 where it does not see it."""
    return np.max((box_iou(boxes, found.boxes) >= _AGREE) * found.scores, axis=1, initial=0)


def _rather_things(people: PersonBoxes, things: PersonBoxes) -> np.ndarray:
    """bool [N]: whether one of the things has the person's box, and is more surely what it is."""
    same = box_iou(people.boxes, things.boxes) >= _SAME_THING
    return np.asarray((same & (things.scores > people.scores[:, None])).any(axis=1))


def _overlap(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N], [N]: the most of each box that lies in one of the others, and the most of one of the others that lies in it,
    as shares."""
    shared = shared_area(boxes, others)
    own, theirs = (np.maximum(box_area(one), 1) for one in (boxes, others))
    within, around = shared / own[:, None], shared / theirs[None]
    return within.max(axis=1, initial=0), around.max(axis=1, initial=0)


def _once_each(boxes: np.ndarray, scores: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """int [M]: without boxes of parts of somebody, that is, within a surer one's and with the same joints."""
    areas = box_area(boxes)
    shared = shared_area(boxes, boxes) / np.maximum(np.minimum(areas[:, None], areas[None]), 1)
    alike = (oks(joints, joints, np.maximum(areas, 1)) > _SAME_JOINTS) & (shared > _INSIDE)
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if not alike[i, kept].any():
            kept.append(i)
    return np.array(kept, int)
