"""Is whoever a detector's box shows accounted for by the masks?"""

import cv2
import numpy as np

from operators.models.runtime.finite import check_finite
from schemas.cues import InstanceMasks, Patch, PersonBoxes

STRIDE = 4  # px of the picture per value of a PersonMap
_MOST = 0.5  # share of a box that has to be accounted for: the rest of it is what a body leaves of its box
_SLIM = (
    0.25  # if by one mask that reaches all four sides, or three and all but a little of the way to the last
)
_SHORT = 0.35  # share of the box's width or height that is a little
_BEYOND = (
    0.15  # share of the box's width or height that may lie beyond the masks on a side: boxes are not exact
)
_LEAST = 8  # px that any side may lie beyond the masks: boxes of small people are no more exact
_TOUCHED = 0.1  # share of a row or column of the box from which on it counts as reached
_GROUP = 8  # times the area of the largest person in it, a box is of a group
_CLOSE = 0.9  # the score from which so large a box is of somebody all the same
_MEMBER = 0.8  # share of a person's mask within the box


def unaccounted(found: PersonBoxes, hidden: np.ndarray) -> InstanceMasks:
    """Whoever is boxed in one frame, as far as `hidden` bool [H,W] does not account for them, see `uncovered`.

    A box of a group of whom at least two are accounted for is nobody's, unless it is very surely of somebody close.
    Raises ValueError for what is not finite.
    """
    check_finite(found.boxes, found.scores)
    _, people, stats, _ = cv2.connectedComponentsWithStats(hidden.astype(np.uint8))
    boxes, scores, masks = [], [], []
    for box, score in zip(found.boxes, found.scores, strict=True):
        x0, y0, x1, y1 = Patch.of_box(box, (hidden.shape[0], hidden.shape[1])).box
        left = uncovered(box, hidden)
        if left and (score >= _CLOSE or not _is_group(people[y0:y1, x0:x1], stats[:, cv2.CC_STAT_AREA])):
            boxes.append(left.box)
            scores.append(score)
            masks.append(left)
    return InstanceMasks(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), masks)


def uncovered(box: np.ndarray, hidden: np.ndarray) -> Patch | None:
    """What of a box x0 y0 x1 y1 `hidden` bool [H,W] does not account for; None if whoever is in it is accounted for.

    A box touches its person on all four sides, so masks that end well before one of them leave something of the
    person: trousers below a shirt, an arm beside it. What lies beyond them on such a side is returned, all of the box
    where less than half of it is hidden, unless by one mask that reaches all four, or falls short of one side alone and
    of that by little: whoever stretches their arms out is known then, and the box holds what they stand on.
    """
    whole = Patch.of_box(box, hidden.shape)
    x0, y0, x1, y1 = whole.box
    inside = hidden[y0:y1, x0:x1]
    if not inside.size:
        return None
    left = _beyond(inside)
    if inside.mean() < _MOST and not is_one(inside) and not _falls_short(inside):
        return whole
    if not left.any():
        return None
    return Patch.of(left, x0, y0)


def _beyond(inside: np.ndarray) -> np.ndarray:
    """bool [h,w]: of a box what lies beyond what is hidden `inside` it, bool [h,w], on sides not reached by that."""
    left = np.zeros(inside.shape, bool)
    for axis, strips in ((1, left), (0, left.T)):
        reached = np.flatnonzero(inside.mean(axis=axis) >= _TOUCHED)
        length = len(strips)
        beyond = max(_LEAST, _BEYOND * length)
        if not len(reached) or reached[0] > beyond:
            strips[: reached[0] if len(reached) else length] = True
        if len(reached) and length - 1 - reached[-1] > beyond:
            strips[reached[-1] + 1 :] = True
    return left


def is_one(inside: np.ndarray) -> bool:
    """Whether somebody who fills little of their box, with an arm stretched out, is hidden: by one mask alone, bool
    [h,w], that reaches all four sides."""
    part = _largest(inside)
    return bool(part.mean() >= _SLIM and not _beyond(part).any())


def _falls_short(inside: np.ndarray) -> bool:
    """Whether one mask alone, of bool [h,w], reaches three sides of it and most of the way to the last."""
    part = _largest(inside)
    left = _beyond(part)
    sides = sum(bool(side.all()) for side in (left[0], left[-1], left[:, 0], left[:, -1]))
    return bool(part.mean() >= _SLIM and sides == 1 and left.mean() <= _SHORT)


def _largest(inside: np.ndarray) -> np.ndarray:
    """bool [h,w]: of masks bool [h,w] the largest that is of one piece."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    largest = int(np.argmax(areas)) + 1 if len(areas) else -1
    return np.asarray(parts == largest)


def _is_group(people: np.ndarray, areas: np.ndarray) -> bool:
    """Whether two or more of the masks numbered in a box int [h,w] lie in it and are small beside it.

    areas int [N]: of the masks, by number; 0 is what is no mask.
    """
    within = np.bincount(people.ravel(), minlength=len(areas))[1:]
    members = within >= _MEMBER * areas[1:]
    return bool(members.sum() >= 2 and people.size > _GROUP * areas[1:][members].max())
