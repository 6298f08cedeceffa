"""Train on what is published, test on originals: a small detector, and a tracker that follows by looks.

Both are linear: of windows (gradients, as Dalal and Triggs, CVPR 2005, have them, and colours) that show somebody, and
of pairs of windows that show the same person, by Fisher's discriminant. They have no weights from elsewhere and take
seconds; nothing is drawn at random but windows of nobody. Labels are the source's, as whoever trains has them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, pairwise

import cv2
import numpy as np

from operators.evaluation.before import Before
from operators.models.boxes import box_iou
from schemas.evaluation import SOURCE, Glimpse

Place = tuple[int, str, np.ndarray]  # frame, person, or "" for nobody, and the window x0 y0 x1 y1 in px
Where = tuple[str, int, str]  # clip, moment, person
Sums = dict[str, dict[str, list[float]]]
_TALL, _WIDE, _CELL, _BINS = 64, 32, 4, 9  # px of a window and of its cells; directions of gradients
_COLOURS = 2, 4  # parts of a window across and down, of each of which the mean colour is known
_MARGIN = 1.15  # height of a window over somebody's
_MOMENTS, _NOBODY, _LEAST = 4, 24, 48  # of a clip; windows of nobody a moment; px of somebody's height
_APART = 0.2  # IoU with anybody that a window of nobody stays below
_FALSE = 0.01  # of the windows of nobody may be taken for somebody
_FOLDS, _RIDGE = 5, 0.1  # ridge: of the mean variance


@dataclass(frozen=True)
class _Step:
    """From somebody to the windows of a later `moment`: float [N,D] how each differs, bool [N] which are hers."""

    moment: int
    apart: np.ndarray
    hers: np.ndarray


def places(before: Before) -> list[Place]:
    """Windows of everybody of 48 px and more in four moments of a clip, and of nobody beside them; always the same."""
    rng, found = np.random.default_rng(0), list[Place]()
    height, width = before.frames.shape[1:3]
    first = max(0, (len(before.moments) - _MOMENTS) // 2)
    for t in before.moments[first : first + _MOMENTS]:
        boxes = list(_people(before, t))
        everybody = np.array([box for _, box in boxes]).reshape(-1, 4)
        found += [(t, name, box) for name, box in boxes if box[3] - box[1] >= _MARGIN * _LEAST]
        drawn = (_anywhere(rng, height, width) for _ in range(4 * _NOBODY))
        apart = (box for box in drawn if box_iou(box, everybody).max(initial=0.0) < _APART)
        found += [(t, "", box) for box in islice(apart, _NOBODY)]
    return found


def _people(before: Before, t: int) -> Iterator[tuple[str, np.ndarray]]:
    for number, (person, _) in enumerate(before.somebody.people, start=1):
        y, x = np.nonzero(before.somebody.masks[t] == number)
        if len(y):
            tall = _MARGIN * (np.ptp(y) + 1)
            yield person, _window((x.min() + x.max() + 1) / 2, (y.min() + y.max() + 1) / 2, tall)


def _anywhere(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    tall = float(np.exp(rng.uniform(np.log(_MARGIN * _LEAST), np.log(max(height, 2 * _LEAST)))))
    return _window(rng.uniform(0, width), rng.uniform(0, height), tall)


def _window(x: float, y: float, tall: float) -> np.ndarray:
    half = tall * _WIDE / _TALL / 2
    return np.array([x - half, y - tall / 2, x + half, y + tall / 2])


def glimpses(method: str, clip: tuple[str, str], frames: np.ndarray, where: Sequence[Place]) -> list[Glimpse]:
    """What uint8 [T,H,W,3] frames of a clip (source, key) show at these places."""
    return [Glimpse(method, *clip, person, t, _features(frames[t], box)) for t, person, box in where]


def _features(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """float32 [1176]: directions of gradients in cells, each as a share of what is around it, and mean colours."""
    scale = _TALL / (box[3] - box[1])
    moved = np.array([[scale, 0, -scale * box[0]], [0, scale, -scale * box[1]]])
    near = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale) if scale < 0.7 else frame
    picture = cv2.warpAffine(
        near, moved, (_WIDE, _TALL), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = (cv2.Sobel(gray, cv2.CV_32F, *one, ksize=1) for one in ((1, 0), (0, 1)))
    strength, turn = np.hypot(across, down), np.arctan2(down, across) % np.pi / np.pi * _BINS
    cells = np.stack([
        cv2.resize(strength * np.maximum(0, 1 - np.abs((turn - one + _BINS / 2) % _BINS - _BINS / 2)),
                   (_WIDE // _CELL, _TALL // _CELL), interpolation=cv2.INTER_AREA)
        for one in range(_BINS)
    ], axis=2)  # fmt: skip
    around = np.sqrt(cv2.boxFilter((cells**2).sum(axis=2), -1, (3, 3)))[..., None]
    colours = cv2.resize(picture, _COLOURS, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.concatenate([np.minimum(cells / (around + 4), 0.4).ravel(), colours.ravel()])


def train_on_output(some: Sequence[Glimpse], method: str) -> Sums:
    """By name ("trained detector", "trained tracker") and source, of the people in its originals: how many are found,
    or followed, by who learnt from `method` in other sources, and by who learnt from originals there.

    The tracker links whom the detector finds in both of two moments. Nothing where there are fewer than two sources.
    """
    sums: Sums = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    sources = sorted({one.source for one in some})
    parts = min(_FOLDS, len(sources)) if len(sources) > 1 else 0
    for part in range(parts):
        held = set(sources[part::parts])
        tested = [one for one in some if one.method == SOURCE and one.source in held]
        for column, taught in enumerate((method, SOURCE)):
            learnt = [one for one in some if one.method == taught and one.source not in held]
            found = _detected(learnt, tested)
            for source, there in found.values():
                sums["trained detector"][source][column] += there
            for source, right in _followed(
                learnt, tested, {place for place, (_, right) in found.items() if right}
            ):
                sums["trained tracker"][source][column] += right
    return sums


def _detected(learnt: Sequence[Glimpse], tested: Sequence[Glimpse]) -> dict[Where, tuple[str, bool]]:
    """Source of everybody in `tested`, and whether they are found, if one in a hundred windows of nobody is taken for
    one."""
    direction = _discriminant(*_told_apart(learnt))
    somebody, nobody = (some @ direction for some in _told_apart(tested))
    limit = np.quantile(nobody, 1 - _FALSE) if len(nobody) else np.inf
    there = [one for one in tested if one.person]
    return {
        _where(one): (one.source, bool(score > limit)) for one, score in zip(there, somebody, strict=True)
    }


def _told_apart(some: Sequence[Glimpse]) -> tuple[np.ndarray, np.ndarray]:
    """float [N,D], [M,D]: features of windows of somebody, and of nobody."""
    somebody, nobody = (
        [one.features for one in some if bool(one.person) is is_one] for is_one in (True, False)
    )
    return _rows(somebody), _rows(nobody)


def _followed(
    learnt: Sequence[Glimpse], tested: Sequence[Glimpse], found: set[Where]
) -> Iterator[tuple[str, float]]:
    """(source, share) of everybody in `tested` who is there at the next moment, too: whether both are `found`, and of
    all windows there the one most like theirs is theirs. Ties count as a coin would decide them."""
    steps = list(_steps(learnt))
    same, other = (
        _rows([row for _, step in steps for row in step.apart[step.hers == one]]) for one in (True, False)
    )
    direction = _discriminant(same, other)
    for one, step in _steps(tested):
        scores = step.apart @ direction
        best = scores >= scores.max()
        seen = _where(one) in found and (one.clip, step.moment, one.person) in found
        yield one.source, float((best & step.hers).sum() / best.sum()) * seen


def _steps(some: Sequence[Glimpse]) -> Iterator[tuple[Glimpse, _Step]]:
    """Everybody who is there at the next moment, too, and what can be compared there."""
    for _, clip in groupby(some, key=lambda one: one.clip):
        moments = [list(there) for _, there in groupby(clip, key=lambda one: one.moment)]
        for now, later in pairwise(moments):
            known = _rows([other.features for other in later])
            for one in now:
                hers = np.array([one.person == other.person for other in later])
                if one.person and hers.any():
                    yield one, _Step(later[0].moment, np.abs(known - one.features), hers)


def _where(one: Glimpse) -> Where:
    return one.clip, one.moment, one.person


def _rows(some: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(some) if some else np.zeros((0, 1), np.float32)


def _discriminant(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """float [D]: where vectors [N,D] and [M,D] lie furthest apart for how they are spread; 0 of none."""
    if min(len(one), len(two)) < 2:
        return np.zeros(max(one.shape[1], two.shape[1]))
    middle = [some.mean(axis=0) for some in (one, two)]
    spread = np.concatenate([one - middle[0], two - middle[1]])
    within = spread.T @ spread / len(spread)
    ridge = _RIDGE * np.trace(within) / len(within) + 1e-6
    return np.asarray(np.linalg.solve(within + ridge * np.eye(len(within)), middle[0] - middle[1]))
