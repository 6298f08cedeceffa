"""A blind detector, or one that sees somebody everywhere, does not get to work."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import operators.audit
import operators.conditioning.cue_models
from operators.audit import GateModels
from operators.conditioning.cue_models import CueModels
from operators.models.known_answer import picture, require_sight
from schemas.config import load
from schemas.cues import PersonBoxes
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile
from tests.operators.sightings import no_boxes

PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
POLICY = load(Policy, "cluster/policies/driving.yaml")
SIGHT: dict[str, float] = {"blind": 0.0, "everywhere": 1.0, "no number": float("nan")}


def scored(score: float) -> Callable[..., list[PersonBoxes]]:
    def look(frames: np.ndarray, *_: Any) -> list[PersonBoxes]:
        if not score:
            return no_boxes(frames)
        return [PersonBoxes(np.array([[0, 0, 9, 9]], np.float32), np.array([score], np.float32))] * len(
            frames
        )

    return look


def test_the_pictures_are_what_their_names_say() -> None:
    """By the embedded cue models and gates, at the limits of the policy."""
    CueModels.load(PROFILE, POLICY)
    GateModels.load(PROFILE, POLICY)
    assert picture("people.jpg").shape != picture("nobody.jpg").shape


@pytest.mark.parametrize("sight", SIGHT)
def test_who_sees_nobody_or_somebody_everywhere_is_named(sight: str) -> None:
    with pytest.raises(UserError, match="witness"):
        require_sight({"witness": (scored(SIGHT[sight]), 0.5)})


LOADED: dict[str, tuple[Any, str, Any]] = {
    "pose": (operators.conditioning.cue_models, "pose_model", CueModels),
    "segment": (operators.conditioning.cue_models, "segment_model", CueModels),
    "condition's witness": (operators.conditioning.cue_models, "Witness", CueModels),
    "condition's faces": (operators.conditioning.cue_models, "FaceDetector", CueModels),
    "audit's witness": (operators.audit, "Witness", GateModels),
    "audit's faces": (operators.audit, "FaceDetector", GateModels),
    "final": (operators.audit, "FinalLook", GateModels),
}


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", LOADED)
def test_with_a_detector_that_cannot_see_no_stage_begins(
    name: str, sight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others see what they should, so it is this one that is named."""
    for module, maker, _ in LOADED.values():
        monkeypatch.setattr(module, maker, lambda *_: seeing_right)
    module, maker, models = LOADED[name]
    monkeypatch.setattr(module, maker, lambda *_: scored(SIGHT[sight]))
    with pytest.raises(UserError, match=name.rsplit(maxsplit=1)[-1]):
        models.load(PROFILE, POLICY)
    monkeypatch.setattr(module, maker, lambda *_: seeing_right)
    models.load(PROFILE, POLICY)


def seeing_right(frames: np.ndarray, *_: Any) -> list[PersonBoxes]:
    return scored(0.9)(frames) if np.array_equal(frames, picture("people.jpg")) else no_boxes(frames)
