"""Which tracks are a second sight of somebody who has a track: masked like everybody, but nobody to be drawn twice."""

from collections.abc import Sequence

import numpy as np

from operators.models.boxes import box_area, shared_area
from schemas.clip import Person

_WITHIN = 0.55  # share of a box within others', in the median of the frames that it is seen in
_SHORTER = 0.6  # of the others' length: a double comes and goes


def doubles(people: Sequence[Person]) -> set[int]:
    """Numbers of the tracks that lie within longer tracks' boxes for most of the time.

    Detectors box half a person, or two who cross as one, for a while. Such a box may also be somebody who is hidden
    behind another all the time: of whom little is seen, so that an actor would stand out more than the fill.
    """
    found = set()
    for one in people:
        longer = [other for other in people if _seen(one) < _SHORTER * _seen(other)]
        if longer and _within(one, longer) >= _WITHIN:
            found.add(one.track)
    return found


def everybody(people: Sequence[Person]) -> set[int]:
    """Numbers of the tracks of which each is somebody, once."""
    return {person.track for person in people} - doubles(people)


def _seen(person: Person) -> int:
    return int(np.isfinite(person.boxes[:, 0]).sum())


def _within(one: Person, others: Sequence[Person]) -> float:
    """Median share of the first's boxes within the others'; where those are not seen, nothing is."""
    shares = [
        min(1.0, sum(_share(box, other, t) for other in others))
        for t, box in enumerate(one.boxes, start=one.first)
        if np.isfinite(box[0])
    ]
    return float(np.median(shares)) if shares else 0.0


def _share(box: np.ndarray, other: Person, t: int) -> float:
    """Of a box [4] within somebody's in frame t."""
    if not 0 <= t - other.first < len(other.boxes):
        return 0.0
    beside = other.boxes[t - other.first]
    return float(np.nan_to_num(shared_area(box, beside)[0, 0])) / max(1.0, float(box_area(box)))
