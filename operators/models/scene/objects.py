"""Things that a policy may redact by what they look like: screens, and plates that nobody can read any more."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from operators.models.people.coco_ssd import CocoSsd
from operators.models.runtime.classes import chosen
from operators.models.runtime.finite import finite
from operators.models.runtime.yolo import Yolo
from schemas import extractors as choice

if TYPE_CHECKING:  # torch takes seconds to import, and jobs that only name a stage do without
    from operators.models.people.rt_detr import RtDetr

    _Model = RtDetr | Yolo | CocoSsd


class ObjectDetector:
    """Frames uint8 [T,H,W,3] RGB -> for each its things: topics of the policy, and boxes float32 [4].

    Raises UserError for unusable weights or a class that they lack, ValueError if the model's output is not finite.
    """

    def __init__(self, settings: choice.Objects, device: str) -> None:
        self.topics = {name.lower(): topic for name, topic in settings.classes.items()}
        one, classes = settings.detector, list(self.topics)
        self.model: _Model
        match one:
            case choice.RtDetrSettings():
                from operators.models.people.rt_detr import RtDetr

                self.model = RtDetr(
                    one.weights, one.confidence, one.image_size, device, one.batch, one.dtype, classes
                )
            case choice.CocoSsdSettings():
                self.model = CocoSsd(one.weights, one.confidence, device, one.tile, classes)
            case choice.YoloSettings():
                self.model = Yolo(one.weights, "detect", one.image_size, device, one.batch, one.confidence)
                chosen(classes, {name.lower() for name in self.model.model.names.values()}, one.weights)

    def __call__(self, frames: np.ndarray) -> list[list[tuple[choice.Topic, np.ndarray]]]:
        return [
            [(topic, box) for box, name in zip(boxes, names, strict=True) if (topic := self._topic(name))]
            for boxes, names in self._detect(frames)
        ]

    def _topic(self, name: str) -> choice.Topic | None:
        """Of the first of the profile's classes that a detector's class is of; None if it is of none."""
        return next((topic for one, topic in self.topics.items() if fnmatchcase(name, one)), None)

    def _detect(self, frames: np.ndarray) -> Iterator[tuple[np.ndarray, list[str]]]:
        if isinstance(self.model, CocoSsd):
            yield from self.model.detect(frames)
        elif isinstance(self.model, Yolo):
            for result in self.model.results(frames):
                finite(result.boxes.conf)
                yield finite(result.boxes.xyxy), [result.names[int(n)].lower() for n in result.boxes.cls]
        else:
            yield from ((boxes, names) for boxes, _, names in self.model.detect(frames))
