"""Who is who from frame to frame: sure detections first, faint ones after them (ByteTrack, Zhang et al., ECCV 2022)."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from operators.models.boxes import box_area, box_iou, shared_area
from operators.models.oks import oks
from schemas.cues import Patch

_NEAR = 0.2  # overlap of boxes, or likeness of joints, with where somebody is expected
_STEADY = 0.4  # the same for faint detections before somebody is sure: scenery is faintly seen, too
_CUT = 0.35  # of the share of the smaller box within the other, where the frame cuts it: who comes in grows
_EDGE = 3  # px
_HIDDEN = 0.5  # share of an expected box within somebody else's, who may be hiding them
_ONE_PERSON = 0.7  # likeness of joints in most of the frames that two paths share
_NESTED = 0.6  # share of the smaller box within the other where one path takes over from another,
_MEET = 2  # in so many frames at most; each is surely seen in as many at least
_SIZE = 4.0  # times the area of somebody's box: in a larger one, joints are of who else is in it
_MEMORY = 4  # sightings from which a direction is taken
_KNOWN = (
    8  # sightings after which a path goes before newer ones, which may be a second box of the same person
)
_SHADES = 4  # levels of each colour channel that are told apart


@dataclass(frozen=True)
class Detection:
    """Somebody in one frame.

    box float32 [4], x0 y0 x1 y1; keypoints float32 [K,3] as in PoseDetections, score 0 where unknown; colours
    float32 [2*S³], roots of the shares of S³ colours in the upper and in the lower half of the body. place: where else
    they may be, which is masked and tells nothing of their body.
    """

    score: float
    box: np.ndarray
    body: Patch
    keypoints: np.ndarray
    colours: np.ndarray
    place: Patch = field(default_factory=lambda: Patch.union([]))

    def __or__(self, other: "Detection") -> "Detection":
        """Both are of one person: all of the body, and the surer joints."""
        box = np.concatenate(
            [np.minimum(self.box[:2], other.box[:2]), np.maximum(self.box[2:], other.box[2:])]
        )
        surer = max(self, other, key=lambda one: one.keypoints[:, 2].sum())
        score, body, place = max(self.score, other.score), self.body | other.body, self.place | other.place
        return replace(surer, score=score, box=box, body=body, place=place)

    def off(self, box: np.ndarray) -> np.ndarray:
        """[2] px: by how much the middle of a box [4] lies elsewhere than that of theirs."""
        return np.asarray((box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2)


Path = dict[int, Detection]  # one person's detections by frame


def link(found: list[list[Detection]], sure: float, gap: int, size: tuple[int, int]) -> list[Path]:
    """One path for each person in T frames' detections, ordered by the frame in which it begins; size (H, W).

    A path begins with a detection of at least `sure`, and goes on through fainter ones, also backwards, to the first
    faint sight of who has come. Where somebody is expected is told by constant motion; whom a detection belongs to, by
    its box, joints and colours together. Where two paths meet one detection it goes to one of them, and the other lives
    on for up to `gap` frames, masked where it is expected as long as that lies behind somebody. Detections are never
    united in a frame; two paths with the same joints are one person's, and so are two of which one takes over from the
    other, see `_take_turns`.
    """
    paths: list[Path] = []
    unused: list[list[Detection]] = []
    for t, listed in enumerate(found):
        surely = [one for one in listed if one.score >= sure]
        faintly = [one for one in listed if one.score < sure]
        live = [path for path in paths if t - max(path) <= gap + 1]
        paths += [{t: one} for one in _continued(live, surely, t, size)]
        unused.append(_continued([path for path in live if t not in path], faintly, t, size, _STEADY))
    for t in reversed(range(len(found))):
        coming = [path for path in paths if 0 < min(path) - t <= gap + 1]
        unused[t] = _continued(coming, unused[t], t, size, _STEADY)
    people = _one_each(paths, sure)
    for path in people:
        _hide(path, people, gap, len(found))
    return sorted(people, key=min)


def colours(frame: np.ndarray, body: Patch) -> np.ndarray:
    """What a Detection's `colours` are, in a frame uint8 [H,W,3]."""
    x0, y0, x1, y1 = body.box
    middle = (y1 - y0) // 2
    parts = []
    for rows in (slice(0, middle), slice(middle, y1 - y0)):
        part = np.ascontiguousarray(frame[y0:y1, x0:x1][rows])
        inside = body.inside[rows].astype(np.uint8)
        counts = (
            cv2.calcHist([part], [0, 1, 2], inside, [_SHADES] * 3, [0, 256] * 3).ravel() if part.size else 0
        )
        parts.append(np.broadcast_to(counts / max(1, np.sum(counts)), _SHADES**3))
    return np.sqrt(np.concatenate(parts) / 2).astype(np.float32)


def _continued(
    live: list[Path], people: list[Detection], t: int, size: tuple[int, int], near: float = _NEAR
) -> list[Detection]:
    """Give each path at most one detection of frame t; those that nobody gets."""
    if not live or not people:
        return people
    last = [_nearest(path, t) for path in live]
    expected = np.stack([_expected(path, t) for path in live])
    moved = np.stack([_moved(one, box) for one, box in zip(last, expected, strict=True)])
    boxes = np.stack([one.box for one in people])
    areas, found = (box_area(some) for some in (expected, boxes))
    place = _place(expected, boxes, size)
    joints = oks(moved, np.stack([one.keypoints for one in people]), areas)
    joints *= (found <= _SIZE * areas[:, None]) & (areas[:, None] <= _SIZE * found)
    looks = np.stack([one.colours for one in last]) @ np.stack([one.colours for one in people]).T
    closeness = np.maximum(place, joints)
    known = np.array([min(len(path), _KNOWN) for path in live])[:, None] / _KNOWN
    pairs = _surest_first(np.where(closeness >= near, closeness + looks + known, 0), near)
    for i, j in pairs.items():
        live[i][t] = people[j]
    return [one for j, one in enumerate(people) if j not in pairs.values()]


def _place(expected: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[N,M]: overlap of boxes [N,4] and [M,4] px, generous to those that the frame of `size` cuts."""
    areas = [np.maximum(box_area(some), 1) for some in (expected, boxes)]
    within = shared_area(expected, boxes) / np.minimum(areas[0][:, None], areas[1])
    limits = np.array([size[1], size[0]])
    edged = [
        np.any((some[:, :2] <= _EDGE) | (some[:, 2:] >= limits - _EDGE), axis=1) for some in (expected, boxes)
    ]
    return np.maximum(box_iou(expected, boxes), _CUT * within * np.outer(edged[0], edged[1]))


def _surest_first(likeness: np.ndarray, least: float) -> dict[int, int]:
    """Row -> column, the most alike first. The best sum would give somebody's own detection to who has none, and a
    second box to its owner."""
    pairs: dict[int, int] = {}
    left = likeness.copy()
    while left.size and left.max() >= least:
        i, j = np.unravel_index(int(left.argmax()), left.shape)
        pairs[int(i)] = int(j)
        left[i], left[:, j] = 0, 0
    return pairs


def _nearest(path: Path, t: int) -> Detection:
    return path[min(path, key=lambda known: abs(known - t))]


def _expected(path: Path, t: int) -> np.ndarray:
    """float32 [4]: the box in frame t, before or after all of the path's, if motion there goes on."""
    times = sorted(path, key=lambda known: abs(known - t))[:_MEMORY]
    newest, oldest = path[times[0]].box, path[times[-1]].box
    if times[0] == times[-1]:
        return newest
    step = (newest - oldest) / (times[0] - times[-1])
    return np.asarray(newest + np.tile((step[:2] + step[2:]) / 2, 2) * (t - times[0]), np.float32)


def _moved(one: Detection, box: np.ndarray) -> np.ndarray:
    points = one.keypoints.copy()
    points[:, :2] += one.off(box)
    return points


def _one_each(paths: list[Path], sure: float) -> list[Path]:
    """Paths that have the same joints in most of the frames that they share, and share half of the shorter, or of which
    one takes over from the other, joined."""
    people: list[Path] = []
    for path in sorted(paths, key=len, reverse=True):
        for other in people:
            same = _same_joints(path, other)
            if same or _take_turns(path, other, sure):
                least = 0.0 if same else sure
                other |= {t: _both(path[t], other[t], least) if t in other else path[t] for t in path}
                break
        else:
            people.append(path)
    return people if len(people) == len(paths) else _one_each(people, sure)


def _same_joints(path: Path, other: Path) -> bool:
    shared = path.keys() & other.keys()
    return 2 * len(shared) >= len(path) and bool(
        np.median([_alike(path[t], other[t]) for t in shared]) > _ONE_PERSON
    )


def _take_turns(path: Path, other: Path, sure: float) -> bool:
    """Whether one is surely seen until the other is, in the same place: one person, whom a network boxes as a whole and
    then in part. Two who cross are both seen before they meet or after they part."""
    seen, others = ({t for t, sight in one.items() if sight.score >= sure} for one in (path, other))
    both = seen & others
    alone = sorted((seen - others, others - seen), key=lambda some: min(some, default=-1))
    if min(len(seen), len(others)) < _MEET or not all(alone) or len(both) > _MEET:
        return False
    end, start = max(alone[0]), min(alone[1])
    if not 0 < start - end <= _MEET + 1:
        return False
    first, then = (path, other) if end in seen else (other, path)
    meetings = [(one, one) for one in both] or [(end, start)]
    return all(_nested(first[a].box, then[b].box) > _NESTED for a, b in meetings)


def _nested(box: np.ndarray, other: np.ndarray) -> float:
    """Share of the smaller box [4] within the other; 0 if that is of many times its size."""
    small, large = sorted(float(box_area(one)) for one in (box, other))
    return max(_within(box, other), _within(other, box)) if large <= _SIZE * small else 0.0


def _both(one: Detection, other: Detection, least: float) -> Detection:
    """Two sights of one person in a frame. Beside a sure one a faint one may be scenery that a path went on through:
    where they are it is masked, but tells nothing of their body; elsewhere it is nobody."""
    surer, fainter = (one, other) if one.score >= other.score else (other, one)
    if not surer.score >= least > fainter.score:
        return one | other
    near = _nested(surer.box, fainter.box) >= _NEAR
    return replace(surer, place=surer.place | fainter.place | fainter.body) if near else surer


def _alike(a: Detection, b: Detection) -> float:
    area = max(float(box_area(one.box)) for one in (a, b))
    return float(oks(a.keypoints[None], b.keypoints[None], np.array([area]))[0, 0])


def _hide(path: Path, people: list[Path], gap: int, frames: int) -> None:
    """Go on with a path behind whoever it ends at."""
    end, last = max(path), path[max(path)]
    for t in range(end + 1, min(frames, end + gap + 1)):
        box = _expected({known: one for known, one in path.items() if known <= end}, t)
        others = [other[t].box for other in people if other is not path and t in other]
        if not any(_within(box, other) >= _HIDDEN for other in others):
            return
        inside = Patch(round(float(box[0])), round(float(box[1])), last.body.inside)
        path[t] = Detection(0, box, inside, np.zeros_like(last.keypoints), last.colours)


def _within(box: np.ndarray, other: np.ndarray) -> float:
    return float(shared_area(box, other)[0, 0] / max(1.0, float(box_area(box))))
