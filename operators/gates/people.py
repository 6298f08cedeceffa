"""Is anybody left in what is shown, whom the masks do not account for? Asked of the conditioning and of the output."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from operators.models.boxes import box_iou
from operators.models.witnesses.coverage import is_one, unaccounted, uncovered
from schemas.certificate import Gate
from schemas.clip import Person
from schemas.cues import InstanceMasks, Patch, PersonBoxes
from schemas.policy import Gates

_CONFIRMED = 0.2  # IoU of a track's box with another detector's
_FAINTER = 0.6  # times the surest score: a tile's guess at a piece of somebody
RATHER = 0.5  # the score at which somebody is seen rather than not
_THICK = 0.03  # of a box's longer side: as far as a mask may end before a limb does
_MARGIN = 0.1  # of the height of what that detector sees

# Frames uint8 [T,H,W,3] RGB, what is accounted for bool [T,H,W] -> whoever is seen elsewhere, frame by frame.
Detector = Callable[[np.ndarray, np.ndarray], list[InstanceMasks]]


def look(detectors: Sequence[Detector], frames: np.ndarray, mask: np.ndarray) -> list[list[InstanceMasks]]:
    """What each detector sees in each frame outside `mask`. Raises ValueError if one leaves a frame out."""
    found = [detector(frames, mask) for detector in detectors]
    if any(len(one) != len(frames) for one in found):
        raise ValueError(f"a detector looked at other than {len(frames)} frames")
    return found


def nobody_left(people: Sequence[InstanceMasks], faces: Sequence[InstanceMasks], limits: Gates) -> list[Gate]:
    """Gate 1, coverage: of what the two detectors see in the source's untouched frames, nothing is outside the mask."""
    return [
        _surest("nobody left", people, limits.residual_confidence),
        _surest("no face left", faces, limits.face_confidence),
    ]


def nobody_new(
    output: np.ndarray, mask: np.ndarray, detectors: tuple[Detector, Detector], limits: Gates
) -> list[Gate]:
    """Gate 2: look for people and faces in the output's frames uint8 [T,H,W,3], with the union mask painted gray.

    `mask` bool [T,H,W] is where the source's people were, joined over time and dilated: whoever was generated belongs
    there. A person elsewhere is one of the source who was missed, or one whom the generator invented, and either is
    refused. There is no appeal to the source: had it shown this there, gate 1 would have masked it.
    Raises ValueError if a detector leaves a frame out.
    """
    people, faces = look(detectors, output, mask)
    return [
        _surest("nobody new", people, limits.new_person_confidence),
        _surest("no new face", faces, limits.face_confidence),
    ]


def final_look(seen: Sequence[PersonBoxes], mask: np.ndarray, limits: Gates) -> Gate:
    """Whether all whom a look that no mask has grown by sees in the source are covered by `mask` bool [T,H,W].

    Raises ValueError if a frame was left out, or for what is no number.
    """
    left = [unaccounted(*pair).scores for pair in zip(seen, mask, strict=True)]
    worst = float(np.max(np.concatenate(left), initial=0.0))
    return Gate.at_most("final look", worst, limits.final_confidence)


def bodies(seen: Sequence[PersonBoxes], body: np.ndarray, least: float) -> np.ndarray:
    """bool [T,H,W]: `body` and the middle of every box that scores `least` or more, and of which it holds less than
    half: what is asked of a body is asked of all whom anybody sees, not of those alone whom the masks are for. Who
    leans or stretches an arm out has a body that reaches all sides of the box, see `uncovered`, and is known."""
    everybody = body.copy()
    for one, known, there in zip(seen, body, everybody, strict=True):
        for box, score in zip(one.boxes, one.scores, strict=True):
            x0, y0, x1, y1 = box
            width, height = x1 - x0, y1 - y0
            middle = np.array([x0 + width / 4, y0 + height / 8, x1 - width / 4, y1 - height / 4])
            left, top, right, bottom = Patch.of_box(middle, there.shape).box
            part = there[top:bottom, left:right]
            asked = score >= least and part.size and part.mean() < 0.5
            if asked and uncovered(box, known) and not _is_theirs(box, known):
                part[:] = True
    return everybody


def _is_theirs(box: np.ndarray, known: np.ndarray) -> bool:
    """Whether one body that is `known` bool [H,W] reaches all sides of a box [4], but for what masks lack of a limb: an
    arm that is held out is thin, and masks of it thinner."""
    thick = 2 * max(2, round(_THICK * float((box[2:] - box[:2]).max()))) + 1
    fuller = cv2.dilate(known.astype(np.uint8), np.ones((thick, thick), np.uint8)) > 0
    x0, y0, x1, y1 = Patch.of_box(box, (known.shape[0], known.shape[1])).box
    return is_one(fuller[y0:y1, x0:x1])


def as_seen(renewed: np.ndarray, people: Sequence[Person], seen: Sequence[PersonBoxes]) -> np.ndarray:
    """bool [T,H,W]: of `renewed` what the boxes of another detector confirm, of each person whom they ever confirm.

    Tracks reach into scenery before somebody comes and after they are gone, and beside them where a witness once took a
    wall for a part of them; scenery looks like nobody, whatever is drawn there. Of whom the detector never sees, all in
    their boxes is kept. Boxes of `people` count frames as `renewed` does.
    """
    if not people:
        return renewed.copy()
    size = renewed.shape[1:3]
    left, confirmed = _boxed(renewed, people, seen), np.zeros_like(renewed)
    for person in people:
        places = {t: box for t, box in enumerate(person.boxes, start=person.first) if 0 <= t < len(renewed)}
        sights = {t: _sights(box, seen[t]) for t, box in places.items() if np.isfinite(box).all()}
        if not any(len(boxes) for boxes in sights.values()):
            continue
        for t, boxes in sights.items():
            left[t][_held(places[t], size)] = False
            for box in boxes:
                confirmed[t][_held(_grown(box), size)] = True
    return left | renewed & confirmed


def _boxed(renewed: np.ndarray, people: Sequence[Person], seen: Sequence[PersonBoxes]) -> np.ndarray:
    """bool [T,H,W]: of each part of `renewed` what anybody's box holds, be it one of `people`, as in the nearest frame
    where they have none, or whom the other detector rather sees than not; all of a part of which no box holds any."""
    boxed = np.zeros_like(renewed)
    for t, there in enumerate(boxed):
        boxes = [box for box in (_nearest(person, t) for person in people) if box is not None]
        for box in [*boxes, *seen[t].boxes[seen[t].scores >= RATHER]]:
            there[_held(_grown(box), renewed.shape[1:])] = True
        _, parts = cv2.connectedComponents(renewed[t].astype(np.uint8))
        boxed[t] |= ~np.isin(parts, np.unique(parts[there]))
    return renewed & boxed


def _nearest(person: Person, t: int) -> np.ndarray | None:
    """The box [4] in frame `t`, or in the nearest of the person's frames that has one."""
    known = np.flatnonzero(np.isfinite(person.boxes).all(axis=1))
    return person.boxes[known[np.abs(known + person.first - t).argmin()]] if len(known) else None


def _sights(box: np.ndarray, seen: PersonBoxes) -> np.ndarray:
    """float32 [N,4]: the boxes that confirm a person's box [4], but for those far less sure than the surest of them."""
    confirms = box_iou(box[None], seen.boxes)[0] > _CONFIRMED
    sure = seen.scores >= _FAINTER * np.max(seen.scores[confirms], initial=0.0)
    return np.asarray(seen.boxes[confirms & sure])


def _grown(box: np.ndarray) -> np.ndarray:
    """A box [4] with the margin by which detectors miss hands and feet."""
    margin = _MARGIN * (box[3] - box[1])
    return np.asarray(box + np.array([-margin, -margin, margin, margin], box.dtype))


def _held(box: np.ndarray, size: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of a frame [H,W] that a box x0 y0 x1 y1 holds."""
    x0, y0, x1, y1 = Patch.of_box(box, (size[0], size[1])).box
    return slice(y0, y1), slice(x0, x1)


def _surest(name: str, found: Sequence[InstanceMasks], threshold: float) -> Gate:
    """The highest score of all frames, 0 if there is none."""
    worst = float(np.max(np.concatenate([one.scores for one in found]), initial=0.0))
    return Gate.at_most(name, worst, threshold)
