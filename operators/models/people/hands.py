"""Hands in a close look: MediaPipe's hand landmarks (Zhang et al., 2020), the small network of its two."""

from pathlib import Path

import numpy as np

from operators.models.people.framing import taken_back, turned
from operators.models.runtime.onnx_session import OnnxNetwork

_SIDE = 224
_PRESENT = 0.5  # likelihood from which a hand is there
_PERHAPS = 0.05  # from which a second look, where the first one puts the hand, may find it
_SEEN = 0.2  # score of a joint that counts
_WRISTS, _ELBOWS = (9, 10), (7, 8)  # of COCO's joints, left and right
# How many times the distance of two joints a square around a hand is: shoulders, forearms, trunk. Whichever says most
# is least foreshortened.
_SQUARES = {(5, 6): 0.75, (7, 9): 1.1, (8, 10): 1.1, (5, 11): 0.55, (6, 12): 0.55}
_AHEAD = 0.33  # of the square's side from the wrist to its middle
# Times the palm, from the wrist to the middle finger's knuckle: a square around a hand whose points are known, and from
# the wrist to its middle.
_AROUND, _BEYOND = 2.6, 1.1
_LEAST = 24  # px of a square: smaller hands show no fingers
_WRIST, _MIDDLE = 0, 9  # of the 21 points


class HandLook:
    """A frame uint8 [H,W,3] RGB, COCO's joints float32 [17,3], where either hand points [2,2] -> float32 [2,21,3].

    x, y in pixels of the frame, and the score of a hand's points: 0 where none is seen. A hand is looked for where a
    vector from the wrist says that it points, unless that is 0, and where the forearm does. Raises UserError for
    unusable weights, ValueError if the network's output is not finite.
    """

    def __init__(self, weights: str | Path, device: str = "cpu") -> None:
        self.network = OnnxNetwork(weights, ["landmarks", "presence"], device)

    def __call__(self, frame: np.ndarray, joints: np.ndarray, towards: np.ndarray) -> np.ndarray:
        hands = np.zeros((2, 21, 3), np.float32)
        length = _square(joints)
        for side, (wrist, elbow) in enumerate(zip(_WRISTS, _ELBOWS, strict=True)):
            if joints[wrist, 2] < _SEEN or length < _LEAST:
                continue
            for ahead in (towards[side], joints[wrist, :2] - joints[elbow, :2]):
                points, present = self._hand(frame, joints[wrist, :2], length, ahead)
                if present >= _PRESENT:
                    hands[side] = points
                    hands[side, :, 2] = present * joints[wrist, 2]
                    break
        return hands

    def _hand(
        self, frame: np.ndarray, wrist: np.ndarray, length: float, ahead: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """The points of a hand that points `ahead` [2] from a wrist, and how likely it is there."""
        if not ahead.any():
            return np.zeros((21, 3), np.float32), 0.0
        middle = wrist + ahead / np.linalg.norm(ahead) * _AHEAD * length
        points, present = self._look(frame, middle, length, ahead)
        return self._again(frame, points, length) if present >= _PERHAPS else (points, present)

    def _again(self, frame: np.ndarray, points: np.ndarray, length: float) -> tuple[np.ndarray, float]:
        """Where the first look puts the hand, as MediaPipe goes on from frame to frame; not much smaller or larger."""
        ahead = points[_MIDDLE, :2] - points[_WRIST, :2]
        around = float(np.clip(_AROUND * np.linalg.norm(ahead), length / 2, length * 1.5))
        return self._look(frame, points[_WRIST, :2] + _BEYOND * ahead, around, ahead)

    def _look(
        self, frame: np.ndarray, middle: np.ndarray, length: float, ahead: np.ndarray
    ) -> tuple[np.ndarray, float]:
        picture, back = turned(frame, middle, length, float(np.arctan2(ahead[0], -ahead[1])), _SIDE)
        points, present = self.network(picture.transpose(2, 0, 1)[None] / np.float32(255))
        return taken_back(points.reshape(21, 3), back), float(present[0, 0])


def _square(joints: np.ndarray) -> float:
    """px a side of a square around a hand of whoever has these joints [17,3]; 0 if nothing says how large they are."""
    lengths = [
        factor * float(np.linalg.norm(joints[one, :2] - joints[other, :2]))
        for (one, other), factor in _SQUARES.items()
        if min(joints[one, 2], joints[other, 2]) >= _SEEN
    ]
    return max(lengths, default=0.0)
