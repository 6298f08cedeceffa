"""A cue of your own: `python -m examples.custom_cue VIDEO`. Here whatever moves is masked, whoever it may be.

A cue is a callable from a clip's frames uint8 [T,H,W,3] to one InstanceMasks a frame; what it sees is joined with what
the profile's models see, followed and dilated like everybody else. For a scene in which nothing but people moves, such
as a fixed camera in a corridor, motion finds those whom no detector knows.

Tried here on the first clip of a video. To have it in every run: a settings class in schemas/extractors.py, this file
as operators/models/people/motion.py, and a case in `segment_model` of operators/models/build.py; then name it in the
profile, in the list `segment`.
"""

import sys
from dataclasses import replace

import cv2
import numpy as np

from operators.condition import Condition
from operators.conditioning.cue_models import CueModels
from operators.models.build import unite_masks
from operators.planning.probe import plan_source
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.cues import InstanceMasks, Patch
from schemas.policy import Policy
from schemas.profile import Profile

THRESHOLD = 24  # levels that a pixel must differ from the clip's median
LEAST = 150  # px of something that counts


def movers(frames: np.ndarray) -> list[InstanceMasks]:
    """Everything that differs from the clip's median picture, piece by piece, each believed fully."""
    still = np.median(frames[:: max(1, len(frames) // 25)], axis=0)
    return [_pieces(np.abs(frame - still).max(axis=-1) > THRESHOLD) for frame in frames]


def _pieces(moved: np.ndarray) -> InstanceMasks:
    """The connected pieces of bool [H,W] that are large enough."""
    closed = cv2.morphologyEx(moved.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= LEAST]
    corners = stats[large, :4].astype(np.float32).reshape(-1, 4)
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
    return InstanceMasks(boxes, np.ones(len(large), np.float32), [Patch.of(labels == n) for n in large])


def with_movers(models: CueModels) -> CueModels:
    """The same models, whose segmentation also sees what moves."""

    def both(frames: np.ndarray) -> list[InstanceMasks]:
        found = zip(models.segment(frames), movers(frames), strict=True)
        return [unite_masks(frame) for frame in found]

    return replace(models, segment=both)


def main(video: str) -> None:
    """Print what share of the first clip is masked, without and with the cue."""
    profile = load(Profile, "cluster/profiles/embedded.yaml")
    policy = load(Policy, "cluster/policies/driving.yaml")
    clip = plan_source(video, "example", b"key", profile.clip)[0]
    models = CueModels.load(profile, policy)
    for name, used in (("the profile's models", models), ("and what moves", with_movers(models))):
        made = Condition(profile, policy, b"key", models=used).condition(clip)
        assert isinstance(made, Conditioning), made
        evidence = made.evidence
        print(f"{name}: {len(evidence.people)} followed, {evidence.mask.mean():.1%} of the picture masked")


if __name__ == "__main__":
    main(sys.argv[1])
