"""Faces as a network tells them that knows real ones: found by a detector, cut out, described."""

import cv2
import numpy as np

from operators.models.boxes import box_area
from operators.models.runtime.onnx_session import OnnxNetwork
from operators.models.witnesses.centerface import FaceDetector
from schemas.evaluation import FaceSettings

_SURE = 0.5  # of a face
Faces = list[tuple[np.ndarray, np.ndarray]]  # x0 y0 x1 y1 in px, and a vector of length 1


class FaceEmbedder:
    """uint8 [T,H,W,3] frames -> of each the faces of `smallest` px and more.

    Faces are cut out as squares around the detector's boxes and not turned upright. Raises UserError for a file that is
    no such network.
    """

    def __init__(self, settings: FaceSettings, device: str = "cpu") -> None:
        self.settings = settings
        self.detector = FaceDetector(_SURE, device)
        self.network = OnnxNetwork(settings.weights, [settings.output], device)

    def __call__(self, frames: np.ndarray) -> list[Faces]:
        found: list[Faces] = []
        for frame, there in zip(frames, self.detector.everybody(frames), strict=True):
            boxes = [np.array(patch.box, float) for patch, _ in there]
            tall = [box for box in boxes if box[3] - box[1] >= self.settings.smallest]
            found.append(list(zip(tall, self.embed([self._cut(frame, box) for box in tall]), strict=True)))
        return found

    def embed(self, pictures: list[np.ndarray]) -> np.ndarray:
        """float32 [N,D], each of length 1, of uint8 [side,side,3] pictures of a face each."""
        if not pictures:
            return np.zeros((0, 1), np.float32)
        shown = (np.stack(pictures).astype(np.float32) - self.settings.mean) * self.settings.scale
        (vectors,) = self.network(shown.transpose(0, 3, 1, 2))
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))

    def _cut(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray:
        side = self.settings.side
        scale = side / (self.settings.margin * float(max(box[2:] - box[:2])))
        x, y = (box[:2] + box[2:]) / 2
        moved = np.array([[scale, 0, side / 2 - scale * x], [0, scale, side / 2 - scale * y]])
        near = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale) if scale < 0.7 else frame
        return cv2.warpAffine(
            near, moved, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )


def theirs(faces: Faces, box: tuple[int, int, int, int]) -> np.ndarray | None:
    """The vector of the largest face whose middle lies in the upper third of somebody's box; None if there is none."""
    x0, y0, x1, y1 = box
    inside = [
        (float(box_area(face)), vector)
        for face, vector in faces
        if x0 <= (face[0] + face[2]) / 2 <= x1 and y0 <= (face[1] + face[3]) / 2 <= y0 + (y1 - y0) / 3
    ]
    return max(inside, key=lambda one: one[0])[1] if inside else None
