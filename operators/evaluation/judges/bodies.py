"""Bodies as somebody's own re-identification network tells them, and what several networks say side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import cv2
import numpy as np

from operators.models.runtime.onnx_session import OnnxNetwork
from operators.models.witnesses.reid import SIZE, Crop
from schemas.evaluation import BodySettings

Embedder = Callable[[list[np.ndarray]], np.ndarray]
_BATCH = 32


class BodyEmbedder:
    """uint8 [H,W,3] pictures of a body each, best of `size` -> float32 [N,D], each of length 1.

    Raises UserError for a file that is no such network.
    """

    def __init__(self, settings: BodySettings, device: str = "cpu") -> None:
        self.settings, self.size = settings, (settings.height, settings.width)
        self.network = OnnxNetwork(settings.weights, [settings.output], device)

    def __call__(self, pictures: list[np.ndarray]) -> np.ndarray:
        found = [np.zeros((0, 1), np.float32)] if not pictures else []
        for start in range(0, len(pictures), _BATCH):
            found.append(self._described(pictures[start : start + _BATCH]))
        return np.concatenate(found)

    def _described(self, pictures: list[np.ndarray]) -> np.ndarray:
        shown = np.stack([
            one if one.shape[:2] == self.size else cv2.resize(one, self.size[::-1], interpolation=cv2.INTER_AREA)
            for one in pictures
        ])  # fmt: skip
        mean, std = (np.array(three, np.float32) for three in (self.settings.mean, self.settings.std))
        (vectors,) = self.network(((shown.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2))
        vectors = vectors.reshape(len(pictures), -1)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))


def described(
    shown: Iterable[tuple[Crop, np.ndarray]], embedders: Mapping[str, Embedder]
) -> np.ndarray:  # fmt: skip
    """float32 [E,N,D] of N crops of a frame each: every embedder sees them in the size that it asks for."""
    some, sizes = list(shown), [getattr(embed, "size", SIZE) for embed in embedders.values()]
    pictures = {size: [crop.of(frame, size) for crop, frame in some] for size in sizes}
    return beside([embed(pictures[size]) for embed, size in zip(embedders.values(), sizes, strict=True)])


def beside(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """float32 [E,N,D] of vectors [N,d] of E networks: shorter ones are filled up with zeros: no cosine changes."""
    width = max(one.shape[1] for one in vectors)
    return np.stack([np.pad(one, ((0, 0), (0, width - one.shape[1]))) for one in vectors]).astype(np.float32)
