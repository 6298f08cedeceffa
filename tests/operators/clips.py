"""Clips between the stages, with as little in them as a test needs."""

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from schemas.clip import CandidateClip, Evidence, Person
from schemas.conditioning import Conditioning

C = TypeVar("C", Conditioning, CandidateClip)
SOMEBODY = Person(1, 0, np.zeros((1, 4), np.float32), np.zeros((1, 17, 3), np.float32))


def evidence(**known: Any) -> Evidence:
    """StructHuman of one frame, with nobody in it."""
    nothing = np.zeros((1, 1, 1), bool)
    blank: dict[str, Any] = {
        "variant": "structhuman",
        "treatment": "regenerate",
        "timing": "source",
        "conditioning_video": b"",
        "mask": nothing,
        "body": nothing,
        "renewed": nothing,
        "spared": np.zeros_like(known.get("mask", nothing)),
        "excepted": [],
        "painted": np.zeros((0, 6), np.int32),
        "people": [],
        "gates": [],
        "steps": [],
        "seconds": {},
    }
    return Evidence(**blank | known)


def with_evidence(clip: C, **changes: Any) -> C:
    """The clip with other evidence."""
    return replace(clip, evidence=replace(clip.evidence, **changes))
