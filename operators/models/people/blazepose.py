"""Masks and 3D joints of one person in a close look: BlazePose GHUM (Bazarevsky et al., 2020), MediaPipe's full one."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.special import expit

from operators.models.people.framing import squares
from operators.models.runtime.onnx_session import OnnxNetwork
from schemas.cues import Patch

_SIDE = 256
# COCO's 17 joints among the 33 points.
COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)


@dataclass(frozen=True)
class Bodies:
    """N people of one frame.

    presence  float32 [N], 0 to 1: is there somebody in the square?
    points    float32 [N,33,3]: x, y in pixels of the frame, visibility 0 to 1
    world     float32 [N,33,3]: metres from the middle between the hips: x to the right, y down, z away
    masks     N patches of the frame
    """

    presence: np.ndarray
    points: np.ndarray
    world: np.ndarray
    masks: list[Patch]


class BlazePose:
    """A frame uint8 [H,W,3] RGB and boxes float32 [N,4] -> Bodies.

    It looks at an upright square around each box. Raises UserError for unusable weights, ValueError if the network's
    output is not finite.
    """

    def __init__(
        self, weights: str | Path, device: str = "cpu", margin: float = 1.4, threshold: float = 0.5
    ) -> None:
        self.network = OnnxNetwork(weights, ["presence", "landmarks", "world", "mask"], device)
        self.margin, self.threshold = margin, threshold

    def __call__(self, frame: np.ndarray, boxes: np.ndarray) -> Bodies:
        pictures, places = squares(frame, boxes, _SIDE, self.margin)
        found = [self.network(picture.transpose(2, 0, 1)[None] / np.float32(255)) for picture in pictures]
        if not found:
            nothing = np.zeros((0, 33, 3), np.float32)
            return Bodies(np.zeros(0, np.float32), nothing, nothing, [])
        presence, landmarks, world, masks = (np.concatenate(part) for part in zip(*found, strict=True))
        points = landmarks.reshape(-1, 39, 5)[
            :, :33
        ]  # 33 of the body; the others help to crop the next frame
        scale = places[:, None, 2:] / _SIDE
        visible = expit(points[..., 3:].min(axis=2, keepdims=True))
        return Bodies(
            presence[:, 0],
            np.concatenate([points[..., :2] * scale + places[:, None, :2], visible], axis=2).astype(
                np.float32
            ),
            world.reshape(-1, 39, 3)[:, :33],
            [self._patch(*pair, frame.shape[:2]) for pair in zip(masks[:, 0], places, strict=True)],
        )

    def _patch(self, mask: np.ndarray, place: np.ndarray, size: tuple[int, int]) -> Patch:
        """The frame's pixels in which the mask, likelihoods float32 [256,256], says that the person is."""
        x, y, side = place.tolist()
        inside = cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR) >= self.threshold
        left, top = max(0, -x), max(0, -y)
        return Patch.of(inside[top : max(0, size[0] - y), left : max(0, size[1] - x)], x + left, y + top)
