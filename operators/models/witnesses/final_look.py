"""The final look: a detector, or a view of the frames, that steers nothing: no mask has grown by what it says."""

import numpy as np

from operators.models.people.coco_ssd import CocoSsd
from operators.models.runtime.once import Once
from operators.models.witnesses.context_look import ContextLook
from operators.models.witnesses.turned import TurnedLook
from schemas import extractors as choice
from schemas.cues import PersonBoxes

_RATHER = 0.5  # the score at which somebody is seen rather than not


class FinalLook:
    """Frames uint8 [T,H,W,3] RGB -> T PersonBoxes, as COCO-SSD sees them in tiles of its own size, perhaps mirrored;
    whoever is seen rather than not, as a ContextLook sees them again.

    Raises UserError for unusable weights, ValueError if the network's output is not finite.
    """

    def __init__(self, settings: choice.FinalLookSettings, device: str = "cpu") -> None:
        self.mirrored = settings.mirrored
        detect = CocoSsd(settings.weights, settings.confidence, device, settings.tile)
        self.detect, self.context = Once(detect), ContextLook(detect, TurnedLook(detect))

    def __call__(self, frames: np.ndarray) -> list[PersonBoxes]:
        if not self.mirrored:
            return self._found(frames)
        width = frames.shape[2]
        found = self._found(np.ascontiguousarray(frames[:, :, ::-1]))
        return [PersonBoxes(_mirrored(one.boxes, width), one.scores) for one in found]

    def _found(self, frames: np.ndarray) -> list[PersonBoxes]:
        nothing = np.zeros(frames.shape[1:3], bool)
        found = []
        for frame, one in zip(frames, self.detect(frames), strict=True):
            faint = one.scores < _RATHER  # of which nobody is refused
            again = self.context(frame, PersonBoxes(one.boxes[~faint], one.scores[~faint]), nothing)
            boxes, scores = [again.boxes, one.boxes[faint]], [again.scores, one.scores[faint]]
            found.append(PersonBoxes(np.concatenate(boxes), np.concatenate(scores)))
        return found


def _mirrored(boxes: np.ndarray, width: int) -> np.ndarray:
    """float32 [N,4] as they lie in the frame of that width before it was mirrored."""
    x0, y0, x1, y1 = boxes.T
    return np.stack([width - x1, y0, width - x0, y1], axis=1)
