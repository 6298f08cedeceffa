"""Whoever lies, hangs or was filmed with the camera turned, to whom detectors of upright people are blind."""

from collections.abc import Sequence

import numpy as np

from operators.models.boxes import box_area, box_iou, shared_area
from operators.models.people.coco_ssd import CocoSsd
from schemas.cues import PersonBoxes

_SURE = 0.66  # in both views: what is seen in one alone is mostly furniture
_KNOWN = 0.5  # a fainter box, which gates let pass, takes nobody's place
_SAME = 0.5  # IoU of what the two views see
_WITHIN = 0.8  # share of a piece of somebody that lies in their box,
_FILLED = 0.4  # and IoU of that and of all such pieces together


class TurnedLook:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes: of whom COCO-SSD is sure where a frame is turned by one, two or
    three quarters, and sure again in the mirror of that.

    Whom others are as likely as not to know, a PersonBoxes for each frame, is not looked at in the mirror, and left
    out. Frames are looked at as one, as whoever is small in them is seen in no turn. Raises ValueError if the network's
    output is not finite.
    """

    def __init__(self, detect: CocoSsd) -> None:
        self.detect = detect.of_whole(_SURE)

    def __call__(self, frames: np.ndarray, known: Sequence[PersonBoxes]) -> list[PersonBoxes]:
        return [
            self._seen(frame, one.boxes[one.scores >= _KNOWN])
            for frame, one in zip(frames, known, strict=True)
        ]

    def _seen(self, frame: np.ndarray, known: np.ndarray) -> PersonBoxes:
        found = [self._in_turn(frame, quarters, known) for quarters in (1, 2, 3)]
        boxes, scores = (
            np.concatenate([getattr(one, name) for one in found]) for name in ("boxes", "scores")
        )
        return PersonBoxes(boxes, scores)

    def _in_turn(self, frame: np.ndarray, quarters: int, known: np.ndarray) -> PersonBoxes:
        turned = np.ascontiguousarray(np.rot90(frame, quarters))
        (seen,) = self.detect(turned[None])
        places = _back(seen.boxes, quarters, frame.shape)
        new = np.array([not _is_known(place, known) for place in places], bool)
        if not new.any():
            return PersonBoxes(places[new], seen.scores[new])
        (again,) = self.detect(np.ascontiguousarray(turned[:, ::-1])[None])
        x0, y0, x1, y1 = again.boxes.T
        mirrored = np.stack([turned.shape[1] - x1, y0, turned.shape[1] - x0, y1], axis=1)
        agreed = np.where(box_iou(seen.boxes, mirrored) >= _SAME, again.scores[None], 0).max(
            axis=1, initial=0
        )
        both = np.minimum(seen.scores, agreed)
        kept = new & (both >= _SURE)
        return PersonBoxes(places[kept], both[kept].astype(np.float32))


def _is_known(place: np.ndarray, known: np.ndarray) -> bool:
    """Whether a box [4] is of one of `known` [N,4], or of those together that lie in it and fill it nearly as well: of
    somebody near, tiles of an upright look show a head and a trunk, each for itself, and boxes in a turn are wide."""
    if box_iou(place[None], known).max(initial=0) >= _SAME:
        return True
    pieces = known[shared_area(known, place)[:, 0] >= _WITHIN * box_area(known)]
    if not len(pieces):
        return False
    whole = np.concatenate([pieces[:, :2].min(axis=0), pieces[:, 2:].max(axis=0)])
    return bool(box_iou(place[None], whole[None])[0, 0] >= _FILLED)


def _back(boxes: np.ndarray, quarters: int, size: tuple[int, ...]) -> np.ndarray:
    """float32 [N,4] in the frame of `size` (H, W, …) before it was turned counter-clockwise by so many quarters."""
    height, width = size[:2]
    x0, y0, x1, y1 = boxes.T
    sides = {
        1: (width - y1, x0, width - y0, x1),
        2: (width - x1, height - y1, width - x0, height - y0),
        3: (y0, height - x1, y1, height - x0),
    }[quarters]
    return np.stack(sides, axis=1).astype(np.float32)
