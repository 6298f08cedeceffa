"""The witness: a detector of people that Condition's masks do not come from, for the gates that look again."""

from collections.abc import Callable

import cv2
import numpy as np

from operators.models.coco_ssd import CocoSsd
from operators.models.finite import check_finite
from operators.models.person_map import STRIDE, PersonMap
from operators.models.rt_detr import RtDetr
from operators.models.tiles import tiles
from schemas import extractors as choice
from schemas.clip import GRAY
from schemas.cues import InstanceMasks, Patch, PersonBoxes


class Witness:
    """Frames uint8 [T,H,W,3] RGB, what is accounted for bool [T,H,W] -> T InstanceMasks of whoever is left.

    A detector of whole people looks at the frames as they are: painted ones show silhouettes, which look like people,
    and black boxes, behind which it sees nobody. Whom it boxes counts unless half of the box is accounted for. A map of
    parts of people looks at frames in which what is accounted for is gray, or it would name all of it. Either looks at
    native resolution in overlapping tiles. What they say of people elsewhere becomes one map in steps of 4 px, of
    several models the most that any says; connected parts of it above a model's confidence are what was found, with
    their highest value as score. So a hand that sticks out of a mask counts as a person.
    Raises UserError for unusable weights, ValueError if the model's output is not finite or the shapes differ.
    """

    def __init__(self, settings: choice.Witnesses, device: str = "cpu") -> None:
        several = settings if isinstance(settings, list) else [settings]
        self.models = [(one, _model(one, device)) for one in several]
        self.batch = min(one.batch for one in several)

    def __call__(self, frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        if covered.dtype != bool or covered.shape != frames.shape[:3]:
            raise ValueError(f"frames {frames.shape}, but covered {covered.dtype} {covered.shape}")
        found: list[InstanceMasks] = []
        for start in range(0, len(frames), self.batch):
            hidden = covered[start : start + self.batch]
            maps = self._map(frames[start : start + self.batch], hidden)
            found += [_parts(*pair, frames.shape[1:3]) for pair in zip(maps, hidden, strict=True)]
        return found

    def _map(self, frames: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """float32 [N,H/4,W/4], rounded up: the most that a model says of each place in any tile, if that is enough."""
        count, height, width = frames.shape[:3]
        painted = np.where(hidden[..., None], np.uint8(GRAY), frames)
        likely = np.zeros((count, -(-height // STRIDE), -(-width // STRIDE)), np.float32)
        for settings, look in self.models:
            pictures = painted if isinstance(settings, choice.PersonMap) else frames
            # COCO-SSD cuts tiles of its own.
            side = max(height, width) if isinstance(settings, choice.CocoSsd) else settings.image_size
            for rows, columns in tiles(height, width, side, side // 4):
                top, left = rows.start // STRIDE * STRIDE, columns.start // STRIDE * STRIDE
                part = np.s_[:, top : rows.stop, left : columns.stop]
                seen = look(pictures[part], hidden[part])
                check_finite(seen)
                y, x = top // STRIDE, left // STRIDE
                into = likely[:, y : y + seen.shape[1], x : x + seen.shape[2]]
                np.maximum(into, seen * (seen >= settings.confidence), out=into)
        return likely


def _model(settings: choice.OneWitness, device: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """From pictures uint8 [N,H,W,3], and what of them is accounted for, to a map of what may be people."""
    match settings:
        case choice.PersonMap():
            model = PersonMap.load(settings.weights, device)
            if not settings.reach:
                return lambda pictures, _: model.likelihood(pictures)
            return lambda pictures, hidden: model.likelihood(pictures) * _near(hidden, settings.reach)
        case choice.RtDetr(weights=weights, confidence=confidence, image_size=size, dtype=dtype):
            boxes: Callable[[np.ndarray], list[PersonBoxes]] = RtDetr(
                weights, confidence, size, device, settings.batch, dtype
            )
        case choice.CocoSsd(weights=weights, confidence=confidence, tile=tile):
            boxes = CocoSsd(weights, confidence, device, tile)
    return lambda pictures, hidden: _unaccounted(boxes(pictures), hidden)


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


def _unaccounted(found: list[PersonBoxes], hidden: np.ndarray) -> np.ndarray:
    """A map as the Witness's from boxes; one of which half lies in `hidden` bool [N,H,W] is somebody accounted for."""
    count, height, width = hidden.shape
    likely = np.zeros((count, -(-height // STRIDE), -(-width // STRIDE)), np.float32)
    for one, seen, there in zip(found, likely, hidden, strict=True):
        for box, score in zip(one.boxes, one.scores, strict=True):
            x0, y0, x1, y1 = Patch.of_box(box, (height, width)).box
            inside = there[y0:y1, x0:x1]
            if inside.size and inside.mean() < 0.5:
                place = seen[y0 // STRIDE : -(-y1 // STRIDE), x0 // STRIDE : -(-x1 // STRIDE)]
                np.maximum(place, score, out=place)
    return likely
