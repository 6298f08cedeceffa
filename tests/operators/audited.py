"""A sound clip as Regenerate hands it over, and the audit as a job calls it."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import cv2
import numpy as np

from operators.audit import Audit, GateModels, Provenance
from operators.models.known_answer import Sight
from operators.video.encode import encode_video
from schemas.arrow import from_table, to_table
from schemas.certificate import Gate
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile
from tests.operators.sightings import no_boxes, nobody

RNG = np.random.default_rng(5)
PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
POLICY = load(Policy, "cluster/policies/driving.yaml")
GATE_1 = [
    Gate.at_most("nobody left", 0.0, POLICY.gates.residual_confidence),
    Gate.at_most("no face left", 0.0, POLICY.gates.face_confidence),
    Gate.at_most("mask grown", 0, POLICY.mask.growths),
]


def noise(frames: int) -> np.ndarray:
    """Frames of coarse noise: textured, and codable."""
    return RNG.integers(0, 255, (frames, 12, 16, 3), np.uint8).repeat(8, axis=1).repeat(8, axis=2)


SOURCE, PERSON = noise(9), noise(9) // 6  # in other colours, or it would count as the same person
MASK = np.zeros((9, 96, 128), bool)
MASK[:, 16:80, 32:96] = True
REGENERATED = np.where(MASK[..., None], PERSON, SOURCE)


def blacked(frames: np.ndarray) -> np.ndarray:
    """The fourth frame gone dark."""
    return frames * (np.arange(len(frames)) != 3).astype(np.uint8)[:, None, None, None]


def blurred(frames: np.ndarray) -> np.ndarray:
    return np.where(
        MASK[..., None], np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in frames]), frames
    )


def encode(frames: np.ndarray, pts: list[int] | None = None) -> bytes:
    return encode_video(
        frames, pts or list(range(len(frames))), Fraction(1, 10), Fraction(10), 12, "veryfast"
    )


GRAY = encode(np.where(MASK[..., None], np.uint8(128), SOURCE))  # what the generator was shown


@cache
def loaded(policy: str) -> GateModels:
    return GateModels.load(PROFILE, Policy.model_validate_json(policy))


def audit(
    clip: CandidateClip, policy: Policy = POLICY, **others: Any
) -> ReleasedClip | QuarantinedClip | FailedClip:
    """Through the operator as a job calls it, tables in and out."""
    cases = (ReleasedClip, QuarantinedClip, FailedClip)
    models = replace(
        loaded(policy.model_dump_json()), witness=nobody, faces=nobody, final=no_boxes, sight=Sight({})
    )
    gatekeeper = Audit(PROFILE, policy, Provenance("w", "c"), models=replace(models, **others))
    table = gatekeeper(to_table([clip], CandidateClip, QuarantinedClip, FailedClip))
    (result,) = from_table(table, *cases)
    assert isinstance(result, cases)
    return result
