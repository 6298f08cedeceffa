"""Background plates, each made once: they take most of what Condition, Regenerate and Audit compute on small clips."""

from hashlib import blake2b

import numpy as np
import pytest

import operators.condition
import operators.gates.scenery
import operators.generation.act
import operators.generation.disguise
from operators.actor.background.plate import plate
from schemas.actor import Plate

MADE: dict[bytes, Plate] = {}


def remembered(frames: np.ndarray, mask: np.ndarray, patches: bool = True) -> Plate:
    """What is laid behind people depends on the pictures around them alone: for the same ones and the same masks it is
    the same, whoever asks."""
    name = blake2b(frames.tobytes() + mask.tobytes()).digest() + repr((frames.shape, patches)).encode()
    if name not in MADE:
        MADE[name] = plate(frames, mask, patches)
    return MADE[name]


def make_once(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone all stages ask `remembered`."""
    generation = operators.generation
    for place in (operators.condition, generation.act, generation.disguise, operators.gates.scenery):
        patch.setattr(place, "plate", remembered)
