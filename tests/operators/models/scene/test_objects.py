"""Screens by their looks: detectors in their real formats, random; and a screen blacked out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ultralytics import YOLO

from operators.conditioning.paint import paint
from operators.conditioning.redact import Redactor
from operators.models.scene.objects import ObjectDetector
from schemas.config import load
from schemas.errors import UserError
from schemas.extractors import Objects
from schemas.policy import Policy
from schemas.profile import Profile
from tests.operators.models.cue_models import listed, noise
from tests.operators.models.tiny_cues import break_weights, save_rt_detr, save_yolos

ROBOTICS = load(Policy, "cluster/policies/robotics.yaml")
SCREENS = {"tv": "screen", "laptop": "screen"}


def save_yolo(folder: Path) -> Path:
    """A detector of 80 classes with random weights, of which the first are a tv and a laptop."""
    model = YOLO("yolo11n.yaml", task="detect")
    names = {number: f"thing {number}" for number in range(80)}
    model.model.names = names | {0: "tv", 1: "laptop"}
    model.save(folder / "detect.pt")
    return listed(folder / "detect.pt")


def objects(model: str, weights: Path, classes: dict[str, str], confidence: float = 1e-6) -> Objects:
    size = {"tile": 150} if model == "coco_ssd" else {"image_size": 128}
    detector = {"model": model, "weights": str(weights), "confidence": confidence} | size
    return Objects.model_validate({"detector": detector, "classes": classes})


SAVED: dict[str, Callable[[Path], Path]] = {
    "rt_detr": lambda folder: save_rt_detr(folder, "TV"),
    "yolos": lambda folder: save_yolos(folder, "TV"),
    "yolo": save_yolo,
    "coco_ssd": lambda folder: Path("cluster/weights/embedded/coco_ssd.onnx"),
}


@pytest.mark.parametrize("name", ["TV", "t*", "*v"])
@pytest.mark.parametrize("model", SAVED)
def test_things_are_found_by_the_names_that_the_profile_gives(model: str, name: str, tmp_path: Path) -> None:
    weights = SAVED[model](tmp_path)
    frames = noise(3, 96, 128)
    found = ObjectDetector(objects(model, weights, {name: "screen"}), "cpu")(frames)
    assert len(found) == 3
    assert found[0]
    for topic, box in found[0]:
        assert topic == "screen"
        assert box.shape == (4,)
        assert (box > -64).all()
        assert (box < 256).all()
    for lacking in ("window", "*plate*"):
        with pytest.raises(UserError, match=re.escape(f"has no class called {lacking}. It has: ")):
            ObjectDetector(objects(model, weights, {name: "screen", lacking: "plate"}), "cpu")


def test_a_yolos_sees_pictures_in_their_own_form_and_says_where_things_are_in_them(tmp_path: Path) -> None:
    """Its boxes are shares of the picture: twice as large a picture, twice as large boxes."""
    weights, frames = save_yolos(tmp_path, "Licence-Plate"), noise(1, 96, 256)
    detect = ObjectDetector(objects("yolos", weights, {"*plate*": "plate"}), "cpu")
    larger = frames.repeat(2, axis=1).repeat(2, axis=2)
    (small,), (large,) = detect(frames), detect(larger)
    shown: list[tuple[int, ...]] = []
    detect.model.model.register_forward_pre_hook(lambda _, given: shown.append(given[0].shape))  # type: ignore[union-attr]
    detect(frames)
    assert shown == [(1, 3, 128, 336)]  # 341, in whole patches of 16
    assert small and len(small) == len(large) and {topic for topic, _ in small} == {"plate"}
    for (_, one), (_, other) in zip(small, large, strict=True):
        np.testing.assert_allclose(2 * one, other, atol=8)


def test_a_detector_that_gives_no_number_is_an_error(tmp_path: Path) -> None:
    weights = break_weights(save_rt_detr(tmp_path, "tv"), "class_embed.0.bias")
    detect = ObjectDetector(objects("rt_detr", weights, {"tv": "screen"}), "cpu")
    with pytest.raises(ValueError, match="not finite"):
        detect(noise(1, 96, 128))


def test_a_screen_is_painted_over_wherever_it_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load(Profile, "cluster/profiles/embedded.yaml", ["text.every=4"])
    with pytest.raises(ValueError, match="nothing in the profile finds screen"):
        Redactor(profile.model_copy(update={"objects": None}), ROBOTICS)
    settings = objects("rt_detr", save_rt_detr(tmp_path, "tv"), {"tv": "screen"})
    redact = Redactor(profile.model_copy(update={"objects": settings}), ROBOTICS)
    frames = np.full((9, 96, 160, 3), 90, np.uint8)
    for t, frame in enumerate(frames):
        frame[30:60, 20 + 4 * t : 70 + 4 * t] = noise(1, 30, 50)[0]
    shown = frames.copy()

    def find(seen: np.ndarray) -> Any:
        columns = np.flatnonzero((seen[0] != 90).any(axis=(0, 2)))
        return [[("screen", np.array([columns[0], 30, columns[-1] + 1, 60], np.float32))]]

    monkeypatch.setattr(redact, "detect", [find])
    painted, _ = redact(frames, ROBOTICS.mask)
    paint(shown, painted)
    for t in range(9):
        assert (shown[t, 30:60, 20 + 4 * t : 70 + 4 * t] == 0).all()
    assert (shown[:, :10] == 90).all()
