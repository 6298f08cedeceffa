"""The witness: a detector of people that Condition's masks do not come from, for the gates that look again."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from operators.models.people.coco_ssd import CocoSsd
from operators.models.runtime.finite import check_finite
from operators.models.runtime.once import Once
from operators.models.runtime.tiles import tiles
from operators.models.witnesses.context_look import ContextLook
from operators.models.witnesses.coverage import STRIDE, unaccounted
from operators.models.witnesses.turned import TurnedLook
from schemas import extractors as choice
from schemas.clip import GRAY
from schemas.cues import InstanceMasks, Patch, PersonBoxes

if TYPE_CHECKING:  # torch takes seconds to import, and jobs that only name a stage do without
    from operators.models.people.rt_detr import RtDetr
    from operators.models.witnesses.person_map import PersonMap

# Pictures uint8 [N,H,W,3], and what of them is accounted for bool [N,H,W] -> whoever is left in each.
_Look = Callable[[np.ndarray, np.ndarray], list[InstanceMasks]]


class Witness:
    """Frames uint8 [T,H,W,3] RGB, what is accounted for bool [T,H,W] -> T InstanceMasks of whoever is left.

    A detector of whole people looks at the frames as they are: painted ones show silhouettes, which look like people,
    and black boxes, behind which it sees nobody. Whom it boxes counts as far as the box is not accounted for, see
    `unaccounted`. A map of parts of people looks at frames in which what is accounted for is gray, or it would name all
    of it; connected parts of it above the model's confidence are what was found, with their highest value as score. So
    a hand that sticks out of a mask counts as a person. Either looks at native resolution in overlapping tiles. Of
    several models all counts. What a detector of whole people sees does not hang on what is accounted for: it is shown
    a picture once. Whoever scores no more than `least` decides nothing, and is not looked at twice.
    Raises UserError for unusable weights, ValueError if the model's output is not finite or the shapes differ.
    """

    def __init__(self, settings: choice.Witnesses, device: str = "cpu", least: float = 0.0) -> None:
        several = settings if isinstance(settings, list) else [settings]
        self.looks = [_look(one, device, least) for one in several]
        self.batch = min(one.batch for one in several)

    def __call__(self, frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        if covered.dtype != bool or covered.shape != frames.shape[:3]:
            raise ValueError(f"frames {frames.shape}, but covered {covered.dtype} {covered.shape}")
        found: list[InstanceMasks] = []
        for start in range(0, len(frames), self.batch):
            part = slice(start, start + self.batch)
            seen = [look(frames[part], covered[part]) for look in self.looks]
            found += map(_together, zip(*seen, strict=True))
        return found


def _look(settings: choice.OneWitness, device: str, least: float) -> _Look:
    match settings:
        case choice.PersonMapSettings():
            from operators.models.witnesses.person_map import PersonMap

            model = PersonMap.load(settings.weights, device)
            return lambda frames, hidden: _by_map(model, settings, frames, hidden)
        case choice.RtDetrSettings(weights=weights, confidence=confidence, image_size=size, dtype=dtype):
            from operators.models.people.rt_detr import RtDetr

            detector = RtDetr(weights, confidence, size, device, settings.batch, dtype)
            boxes = Once(lambda frames: _tiled(detector, frames, size))
            return lambda frames, hidden: _left(boxes(frames), hidden)
        case choice.CocoSsdSettings(weights=weights, confidence=confidence, tile=tile):
            upright = CocoSsd(weights, confidence, device, tile)  # cuts tiles of its own
            turned = TurnedLook(upright) if settings.turned else None
            seen = Once(lambda frames: _in_turn(upright, turned, frames))
            standing = partial(_standing, ContextLook(upright, turned, least))
            return lambda frames, hidden: _left([*map(standing, frames, seen(frames), hidden)], hidden)


def _by_map(
    model: "PersonMap", settings: choice.PersonMapSettings, frames: np.ndarray, hidden: np.ndarray
) -> list[InstanceMasks]:
    """What is seen of each place in any tile, as one map in steps of 4 px, and the parts of that."""
    count, height, width = frames.shape[:3]
    painted = np.where(hidden[..., None], np.uint8(GRAY), frames)
    likely = np.zeros((count, -(-height // STRIDE), -(-width // STRIDE)), np.float32)
    for rows, columns in tiles(height, width, settings.image_size, settings.image_size // 4):
        top, left = rows.start // STRIDE * STRIDE, columns.start // STRIDE * STRIDE
        seen = model.likelihood(painted[:, top : rows.stop, left : columns.stop])
        check_finite(seen)
        y, x = top // STRIDE, left // STRIDE
        into = likely[:, y : y + seen.shape[1], x : x + seen.shape[2]]
        np.maximum(into, seen * (seen >= settings.confidence), out=into)
    if settings.reach:
        likely *= _near(hidden, settings.reach)
    return [_parts(*pair, (height, width)) for pair in zip(likely, hidden, strict=True)]


def _tiled(detector: "RtDetr", frames: np.ndarray, side: int) -> list[PersonBoxes]:
    """What is seen in any tile; one person perhaps several times."""
    height, width = frames.shape[1:3]
    seen = [
        [
            PersonBoxes(one.boxes + np.array([columns.start, rows.start] * 2, np.float32), one.scores)
            for one in detector(frames[:, rows, columns])
        ]
        for rows, columns in tiles(height, width, side, side // 4)
    ]
    return [
        PersonBoxes(np.concatenate([one.boxes for one in tile]), np.concatenate([one.scores for one in tile]))
        for tile in zip(*seen, strict=True)
    ]


def _in_turn(upright: CocoSsd, turned: TurnedLook | None, frames: np.ndarray) -> list[list[PersonBoxes]]:
    """Of each frame whoever is seen upright, and where there is a look for that, whoever is in another turn alone."""
    seen = upright(frames)
    return (
        [list(one) for one in zip(seen, turned(frames, seen), strict=True)]
        if turned
        else [[one] for one in seen]
    )


def _standing(
    context: ContextLook, frame: np.ndarray, seen: list[PersonBoxes], hidden: np.ndarray
) -> PersonBoxes:
    """Whoever stands. Only the upright look cuts tiles: the turned one was sure twice, of the whole frame."""
    every = [context(frame, seen[0], hidden), *seen[1:]]
    boxes, scores = (np.concatenate([getattr(one, name) for one in every]) for name in ("boxes", "scores"))
    return PersonBoxes(boxes, scores)


def _left(found: list[PersonBoxes], hidden: np.ndarray) -> list[InstanceMasks]:
    return [unaccounted(*pair) for pair in zip(found, hidden, strict=True)]


def _near(hidden: np.ndarray, reach: int) -> np.ndarray:
    """bool [N,H/4,W/4], rounded up: which cells are within `reach` px of what `hidden` bool [N,H,W] marks."""
    pads = [(0, 0), *((0, -side % STRIDE) for side in hidden.shape[1:])]
    cells = np.pad(hidden, pads)[:, ::STRIDE, ::STRIDE].astype(np.uint8)
    around = np.ones((2 * -(-reach // STRIDE) + 1,) * 2, np.uint8)
    return np.stack([cv2.dilate(one, around) for one in cells]).astype(bool)


def _parts(likely: np.ndarray, hidden: np.ndarray, size: tuple[int, int]) -> InstanceMasks:
    """Connected parts of one map, without places that are mostly accounted for."""
    pad = [(0, -side % STRIDE) for side in size]
    cells = np.pad(hidden, pad).reshape(likely.shape[0], STRIDE, likely.shape[1], STRIDE)
    likely = np.where(cells.mean(axis=(1, 3)) >= 0.5, 0, likely)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((likely > 0).astype(np.uint8))
    boxes, scores, masks = [], [], []
    for number, (x, y, w, h) in enumerate(stats[1:count, :4], start=1):
        inside = labels[y : y + h, x : x + w] == number
        scores.append(float(likely[y : y + h, x : x + w][inside].max()))
        left, top = int(x) * STRIDE, int(y) * STRIDE
        shape = np.kron(inside, np.ones((STRIDE, STRIDE), bool))[: size[0] - top, : size[1] - left]
        masks.append(Patch(left, top, shape))
        boxes.append(masks[-1].box)
    return InstanceMasks(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), masks)


def _together(found: tuple[InstanceMasks, ...]) -> InstanceMasks:
    boxes, scores = (np.concatenate([getattr(one, name) for one in found]) for name in ("boxes", "scores"))
    return InstanceMasks(boxes, scores, [mask for one in found for mask in one.masks])
