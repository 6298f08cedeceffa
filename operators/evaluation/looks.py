"""What somebody looks like, moves like, and where: what an attacker compares."""

from collections.abc import Mapping

import cv2
import numpy as np

from operators.evaluation.before import Before
from operators.evaluation.judges.bodies import Embedder, described
from operators.evaluation.judges.faces import theirs
from operators.evaluation.judges.models import JudgeModels
from operators.models.boxes import box_iou
from operators.models.people.ensemble import People
from operators.models.witnesses.reid import Crop, largest
from schemas.clip import GRAY
from schemas.evaluation import SOURCE, Look, Scene

_HEAD = 12  # px of height of a head that can be compared
_SAME = 0.3  # IoU of whoever is seen and whoever was there
_JOINT = 0.3  # score of a joint that is known
_STEPS = 8  # moments of a motion
_BONES = (
    (5, 7),
    (6, 8),
    (7, 9),
    (8, 10),
    (11, 13),
    (12, 14),
    (13, 15),
    (14, 16),
    (5, 6),
    (11, 12),
    (5, 11),
    (6, 12),
)
# Of a body that everybody may be given, as shares of the height; left joints, of which the right ones are the next.
_TRUNK, _SHOULDERS, _HIPS = 0.288, 0.259, 0.191
_LIMBS = {(5, 7): 0.186, (7, 9): 0.146, (11, 13): 0.245, (13, 15): 0.246}
_PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8,), (9,), (10, 11))  # of bones, that left and right have alike


def looks(
    method: str, clip: tuple[str, str], frames: np.ndarray, before: Before, seen: list[People],
    judges: JudgeModels, scope: str = "",
) -> list[Look]:  # fmt: skip
    """Everybody of a clip (source, key) in uint8 [T,H,W,3] frames, where they stand in the source.

    `seen` are the people that a detector finds in the frames at `before.moments`; `judges` tell looks and faces. Who is
    never 48 px tall has no look. The source's looks are of the later half of somebody's moments, all others of the
    earlier one: who is looked for is never compared in the very frame, whose outline alone would tell. A `motion` is of
    the whole clip.
    """
    found, faces = [], judges.faces(frames[before.moments]) if judges.faces else []
    for number, (person, outfit) in enumerate(before.somebody.people, start=1):
        places = {t: one for t in before.moments if (one := largest(before.somebody.masks[t] == number))}
        if places:
            half = _half(places, later=method == SOURCE)
            heads = {t: one.head() for t, one in half.items()}
            heads = {t: one for t, one in heads.items() if len(one.mask) >= _HEAD and one.mask.any()}
            where = _found(places, before.moments, seen)
            joints = _joints(places, before.moments, seen, where)
            own = [t in half for t in before.moments]
            moment, middle = list(half.items())[len(half) // 2]
            shown = [
                theirs(there, half[t].box)
                for t, there in zip(before.moments, faces, strict=False)
                if t in half
            ]
            found.append(
                Look(
                    method,
                    *clip,
                    person,
                    outfit,
                    float(np.median([len(one.mask) for one in places.values()])),
                    body=_embedded(half, frames, judges.embedders),
                    head=_embedded(heads, frames, judges.embedders),
                    face=_mean([one for one in shown if one is not None]),
                    gait=proportions(joints[own]),
                    motion=course(joints),
                    picture=middle.of(frames[moment]),
                    scope=scope,
                    outline=_walk(seen, where, own, judges),
                )
            )
    return found


def scene(method: str, clip: tuple[str, str], frames: np.ndarray, before: Before, times: np.ndarray) -> Scene:
    """Its `times`, and the surroundings: 32 x 18 colours of the clip's mean outside the mask, less their own mean, of
    length 1."""
    outside = ~before.mask[before.moments, ..., None]
    total = np.where(outside, frames[before.moments], 0).sum(axis=0, dtype=np.float64)
    count = outside.sum(axis=0)
    mean = np.where(count, total / np.maximum(count, 1), GRAY).astype(np.float32)
    small = cv2.resize(mean, (32, 18), interpolation=cv2.INTER_AREA).ravel()
    small = small - small.mean()
    return Scene(method, *clip, small / max(float(np.linalg.norm(small)), 1e-6), times)


def _half(places: dict[int, Crop], later: bool) -> dict[int, Crop]:
    """Of one moment, that."""
    middle = len(places) // 2
    chosen = list(places)[middle:] if later else list(places)[: max(1, middle)]
    return {t: places[t] for t in chosen}


def _embedded(
    crops: Mapping[int, Crop], frames: np.ndarray, embedders: Mapping[str, Embedder]
) -> np.ndarray:  # fmt: skip
    """float32 [E,D]: the mean unit vector of each embedder; NaN without crops."""
    nobody = Crop((0, 0, 1, 1), np.zeros((1, 1), bool)), frames[0]
    means = described([(one, frames[t]) for t, one in crops.items()] or [nobody], embedders).mean(axis=1)
    vectors = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    return np.asarray(vectors if crops else np.full_like(vectors, np.nan), np.float32)


def _mean(vectors: list[np.ndarray]) -> np.ndarray:
    """float32 [D] of length 1; NaN without any."""
    mean = np.mean(vectors, axis=0) if vectors else np.full(1, np.nan)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def _found(places: Mapping[int, Crop], moments: list[int], seen: list[People]) -> list[int | None]:
    """At every moment who of those that are `seen` stands where somebody was."""
    found: list[int | None] = []
    for t, people in zip(moments, seen, strict=True):
        best = None
        if t in places and len(people.boxes):
            overlap = box_iou(np.array(places[t].box, np.float32)[None], people.boxes)[0]
            best = int(overlap.argmax()) if overlap.max() >= _SAME else None
        found.append(best)
    return found


def _joints(
    places: Mapping[int, Crop], moments: list[int], seen: list[People], where: list[int | None]
) -> np.ndarray:
    """float32 [M,17,2]: joints of whoever is seen where somebody was, relative to her box; NaN where not known."""
    found = np.full((len(moments), 17, 2), np.nan, np.float32)
    for i, (t, people, best) in enumerate(zip(moments, seen, where, strict=True)):
        if best is not None:
            box, points = np.array(places[t].box, np.float32), people.keypoints[best]
            relative = (points[:, :2] - box[:2]) / max(float(box[3] - box[1]), 1.0)
            found[i] = np.where(points[:, 2:] >= _JOINT, relative, np.nan)
    return found


def _walk(seen: list[People], where: list[int | None], own: list[bool], judges: JudgeModels) -> np.ndarray:
    """What a gait network says of the outlines of whoever is seen; NaN where none is asked, or too few are seen."""
    outlines = [
        people.masks[best]
        for people, best, counts in zip(seen, where, own, strict=True)
        if counts and best is not None
    ]
    return judges.gait(outlines) if judges.gait else np.full(1, np.nan, np.float32)


def proportions(joints: np.ndarray) -> np.ndarray:
    """float32 [9]: lengths of limbs as shares of their sum, and middle and spread of the stride; NaN if not known."""
    lengths = np.stack([np.linalg.norm(joints[:, a] - joints[:, b], axis=1) for a, b in _BONES], axis=1)
    with np.errstate(all="ignore"):
        middle = np.array([_median(lengths[:, list(pair)]) for pair in _PAIRS])
        stride = np.linalg.norm(joints[:, 15] - joints[:, 16], axis=1)
        known = stride[np.isfinite(stride)]
        steps = (np.median(known), known.std()) if len(known) > 1 else (np.nan, np.nan)
    return np.array([*(middle / middle.sum()), *steps], np.float32)


def retargeted(joints: np.ndarray) -> np.ndarray:
    """float32 [M,17,2]: the same directions of trunk and limbs [M,17,2] on one body, whoever's they were.

    Lengths are shares of the height (Drillis and Contini 1966), in the plane of the picture, and the hips stay where
    they are. What hangs from a joint that is not known is not known; the head is left out.
    """
    made = np.full_like(joints, np.nan)
    hips, chest = ((joints[:, a] + joints[:, b]) / 2 for a, b in ((11, 12), (5, 6)))
    shoulders = hips + _along(chest - hips, _TRUNK)
    for middle, pair, width in ((hips, (11, 12), _HIPS), (shoulders, (5, 6), _SHOULDERS)):
        half = _along(joints[:, pair[0]] - joints[:, pair[1]], width / 2)
        made[:, pair[0]], made[:, pair[1]] = middle + half, middle - half
    for (start, end), length in _LIMBS.items():
        for side in (0, 1):
            a, b = start + side, end + side
            made[:, b] = made[:, a] + _along(joints[:, b] - joints[:, a], length)
    return made


def _along(direction: np.ndarray, length: float) -> np.ndarray:
    return direction * (length / np.maximum(np.linalg.norm(direction, axis=-1, keepdims=True), 1e-6))


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def course(joints: np.ndarray) -> np.ndarray:
    """float32 [8*34]: the joints at eight moments of the clip, in order."""
    steps = np.linspace(0, len(joints) - 1, _STEPS).round().astype(int)
    return np.asarray(joints[steps], np.float32).ravel()
