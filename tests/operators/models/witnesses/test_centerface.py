"""Faces, on a rendered one enlarged to the size of real footage's."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from operators.models.witnesses.centerface import FaceDetector
from operators.video.encode import decode_bytes

STREET = Path(__file__).parents[3] / "data/street.mp4"


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """A street in which the nearest person faces the camera, three times as large: uint8 [1,H,W,3]."""
    first = decode_bytes(STREET.read_bytes())[:1]
    return np.stack([cv2.resize(one, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC) for one in first])


def test_a_face_is_found_unless_it_is_covered(frame: np.ndarray) -> None:
    covered = np.zeros(frame.shape[:3], bool)
    detect = FaceDetector(0.3)
    (found,) = detect(frame, covered)
    assert len(found.boxes) == len(found.masks) >= 1
    for patch in found.masks:
        covered[0] |= (
            cv2.dilate(
                patch.within(0, 0, covered.shape[1], covered.shape[2]).astype(np.uint8), np.ones((25, 25))
            )
            > 0
        )
    assert covered.mean() < 0.05
    assert not len(detect(frame, covered)[0].boxes)


def test_tiles_see_what_the_whole_shows(frame: np.ndarray) -> None:
    nothing = np.zeros(frame.shape[:3], bool)
    whole, tiled = (FaceDetector(0.4, tile=tile)(frame, nothing)[0] for tile in (1920, 384))
    for box in whole.boxes:
        assert np.abs(tiled.boxes - box).max(axis=1).min() < 12


def test_an_output_that_is_not_finite_is_an_error(frame: np.ndarray) -> None:
    class Broken:
        def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            (pictures,) = inputs.values()
            shape = (len(pictures), 2, pictures.shape[2] // 4, pictures.shape[3] // 4)
            return [np.full(shape, np.nan, np.float32) for _ in names]

    detect = FaceDetector(0.3)
    detect.network.session = Broken()
    with pytest.raises(ValueError, match="not finite"):
        detect(frame, np.zeros(frame.shape[:3], bool))
