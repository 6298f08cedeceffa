"""People, or other things, by COCO-SSD of TensorFlow.js: SSDLite with MobileNetV2 (Sandler et al., 2018), of COCO."""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.special import expit, logit

from operators.models.boxes import surest_once
from operators.models.people.groups import groups
from operators.models.runtime.classes import chosen
from operators.models.runtime.onnx_session import OnnxNetwork
from operators.models.runtime.tiles import tiles
from schemas.cues import PersonBoxes

Look = tuple[
    tuple[slice, slice], list[np.ndarray]
]  # rows and columns of a frame, and the network's outputs there
_SIDE = 300  # it was trained at this size alone; at others its boxes shift
_CELLS = (19, 10, 5, 3, 2, 1)  # a side of each level's map
# Of its 91 classes those that anybody here asks for, in the order in which jobs.convert_cues keeps them.
KINDS = ("person", "stop sign", "tv", "laptop", "cell phone")
_EVEN = 0.22  # its own score at which it is right as often as not: it is never sure of small people
_SAME_IOU = 0.55
_TOGETHER = 16  # looks at once on a GPU; on a CPU one, whose maps stay in its cache, takes a fifth less each
_WHOLE = 1 << 30  # px of a tile: larger than any picture
_EDGE = 2  # px of a tile's edge at which a box is cut


class CocoSsd:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, surest first.

    Every look is 300 x 300: the whole frame, and, if it is larger than `tile` px, tiles of that size which share a
    quarter. Scores are shifted so that 0.5 means as likely as not. A faint box around several people who are seen
    surely is of the group, and left out. `detect` gives the boxes of other `classes`. Raises UserError for unusable
    weights or a class that is none of `KINDS`, ValueError if the network's output is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        confidence: float,
        device: str = "cpu",
        tile: int = 300,
        classes: Sequence[str] = ("person",),
    ) -> None:
        outputs = [f"{name}{level}" for level in range(len(_CELLS)) for name in ("box", "class")]
        self.network = OnnxNetwork(weights, outputs, device)
        self.confidence, self.tile, self.classes = confidence, tile, sorted(chosen(classes, KINDS, weights))
        self.together = _TOGETHER if device.startswith("cuda") else 1

    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        return [self._people(frame) for frame in frames]

    def of_whole(self, confidence: float) -> "CocoSsd":
        """The same network, which sees each picture as one, and tells of what it is so sure of."""
        other = copy.copy(self)
        other.confidence, other.tile = confidence, _WHOLE
        return other

    def detect(self, frames: np.ndarray) -> Iterator[tuple[np.ndarray, list[str]]]:
        """Of each frame boxes float32 [N,4] of all classes, and the names of those."""
        for frame in frames:
            looks = self._looks(frame)
            found = [self._things(frame, looks, name) for name in self.classes]
            names = [name for name, one in zip(self.classes, found, strict=True) for _ in one.scores]
            yield np.concatenate([one.boxes for one in found]), names

    def _people(self, frame: np.ndarray) -> PersonBoxes:
        people = self._things(frame, self._looks(frame), "person")
        alone = ~groups(people)
        return PersonBoxes(people.boxes[alone], people.scores[alone])

    def _looks(self, frame: np.ndarray) -> list[Look]:
        """What the network says of the whole frame and of its tiles, where they lie."""
        (height, width), whole = frame.shape[:2], (slice(0, frame.shape[0]), slice(0, frame.shape[1]))
        larger = max(height, width) > self.tile
        places = [whole, *(tiles(height, width, self.tile, self.tile // 4) if larger else [])]
        pictures = np.stack([_small(frame[place]) for place in places]).transpose(0, 3, 1, 2)
        answers = [
            self.network(pictures[first : first + self.together])
            for first in range(0, len(places), self.together)
        ]
        outputs = [np.concatenate(output) for output in zip(*answers, strict=True)]
        return [(place, [output[n : n + 1] for output in outputs]) for n, place in enumerate(places)]

    def _things(self, frame: np.ndarray, looks: list[Look], kind: str) -> PersonBoxes:
        """All of one class, each once."""
        height, width = frame.shape[:2]
        boxes, scores = [], []
        for number, ((rows, columns), outputs) in enumerate(looks):
            inside, sure = self._found((rows.stop - rows.start, columns.stop - columns.start), outputs, kind)
            found = inside + np.array([columns.start, rows.start] * 2, np.float32)
            ends = ((columns, width), (rows, height))
            low = [at.start + _EDGE if at.start else -np.inf for at, _ in ends]
            high = [at.stop - _EDGE if at.stop < end else np.inf for at, end in ends]
            uncut = ((found[:, :2] >= low) & (found[:, 2:] <= high)).all(axis=1) | (number == 0)
            boxes.append(found[uncut])
            scores.append(sure[uncut])
        everything = np.clip(np.concatenate(boxes), 0, np.array([width, height] * 2, np.float32))
        surest = np.concatenate(scores)
        kept = surest_once(everything, surest, _SAME_IOU)
        return PersonBoxes(everything[kept], surest[kept])

    def _found(
        self, size: tuple[int, int], outputs: list[np.ndarray], wanted: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Boxes float32 [N,4] in pixels of a look of that size (height, width), and scores; a thing perhaps twice."""
        boxes, scores = [], []
        for anchors, cells, box, kind in zip(_anchors(), _CELLS, outputs[::2], outputs[1::2], strict=True):
            sure = kind[0].reshape(len(anchors), len(KINDS), cells, cells)[:, KINDS.index(wanted)]
            sure = expit(sure - logit(_EVEN))
            which, rows, columns = np.nonzero(sure >= self.confidence)
            y, x, h, w = box[0].reshape(len(anchors), 4, cells, cells)[which, :, rows, columns].T
            high, wide = anchors[which].T
            middle_y, middle_x = (
                (rows + 0.5) / cells + 0.1 * y * high,
                (columns + 0.5) / cells + 0.1 * x * wide,
            )
            half_h, half_w = np.exp(0.2 * h) * high / 2, np.exp(0.2 * w) * wide / 2
            sides = (middle_x - half_w, middle_y - half_h, middle_x + half_w, middle_y + half_h)
            boxes.append(np.stack(sides, axis=1) * ([size[1], size[0]] * 2))
            scores.append(sure[which, rows, columns])
        return np.concatenate(boxes).astype(np.float32), np.concatenate(scores).astype(np.float32)


def _small(part: np.ndarray) -> np.ndarray:
    how = cv2.INTER_AREA if min(part.shape[:2]) > _SIDE else cv2.INTER_LINEAR
    return cv2.resize(part, (_SIDE, _SIDE), interpolation=how).astype(np.float32) / 127.5 - 1


def _anchors() -> Iterator[np.ndarray]:
    """Of each level heights and widths [A,2] in shares of the picture, as TensorFlow's detection API spaces them."""
    scales = [*np.linspace(0.2, 0.95, len(_CELLS)), 1.0]
    for level, scale in enumerate(scales[:-1]):
        kinds = [(scale, 1), (scale, 2), (scale, 1 / 2), (scale, 3), (scale, 1 / 3)]
        kinds.append(((scale * scales[level + 1]) ** 0.5, 1))
        if level == 0:
            kinds = [(scale / 2, 1), (scale, 2), (scale, 1 / 2)]
        yield np.array([(size / aspect**0.5, size * aspect**0.5) for size, aspect in kinds])
