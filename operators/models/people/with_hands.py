"""Joints of a pose model that knows no hands, with hands from a close look at each of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from operators.models.people.hands import HandLook
from schemas.cues import PoseDetections

_BODY, _HAND = 17, 21  # points of COCO's body, and of each hand after it
_NOWHERE = np.zeros((2, 2), np.float32)  # where hands point, beside what the forearms say


class WithHands:
    """Frames uint8 [T,H,W,3] RGB -> T PoseDetections of what `pose` finds, with hands as MediaPipe's network sees them.

    `weights` is the folder that holds it (hand.onnx). A hand that `pose` knows stays as it is. Of one that is too small
    to show fingers, or that nobody sees, no point is known. Raises UserError for unusable weights, ValueError if the
    network's output is not finite.
    """

    def __init__(
        self, pose: Callable[[np.ndarray], list[PoseDetections]], weights: str | Path, device: str = "cpu"
    ) -> None:
        self.pose, self.look = pose, HandLook(Path(weights) / "hand.onnx", device)

    def __call__(self, frames: np.ndarray) -> list[PoseDetections]:
        found = self.pose(frames)
        return [
            replace(one, keypoints=self._with_hands(frame, one.keypoints))
            for frame, one in zip(frames, found, strict=True)
        ]

    def _with_hands(self, frame: np.ndarray, people: np.ndarray) -> np.ndarray:
        """float32 [N,K,3] of one frame, K at least 59."""
        lacking = max(0, _BODY + 2 * _HAND - people.shape[1])
        points = np.pad(people, ((0, 0), (0, lacking), (0, 0)))
        for person in points:
            seen = self.look(frame, person[:_BODY], _NOWHERE)
            for side, hand in enumerate(seen):
                own = person[_BODY + side * _HAND : _BODY + (side + 1) * _HAND]
                if not own[:, 2].any():
                    own[:] = hand
        return points
