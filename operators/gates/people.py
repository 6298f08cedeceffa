"""Is anybody left in what is shown, whom the masks do not account for? Asked of the conditioning and of the output."""

from collections.abc import Callable, Sequence

import numpy as np

from schemas.certificate import Gate
from schemas.cues import InstanceMasks
from schemas.policy import Gates

# Frames uint8 [T,H,W,3] RGB, what is accounted for bool [T,H,W] -> whoever is seen elsewhere, frame by frame.
Detector = Callable[[np.ndarray, np.ndarray], list[InstanceMasks]]


def look(detectors: Sequence[Detector], frames: np.ndarray, mask: np.ndarray) -> list[list[InstanceMasks]]:
    """What each detector sees in each frame outside `mask`. Raises ValueError if one leaves a frame out."""
    found = [detector(frames, mask) for detector in detectors]
    if any(len(one) != len(frames) for one in found):
        raise ValueError(f"a detector looked at other than {len(frames)} frames")
    return found


def nobody_left(people: Sequence[InstanceMasks], faces: Sequence[InstanceMasks], limits: Gates) -> list[Gate]:
    """Gate 1, on what the two detectors see in the conditioning's frames outside the mask."""
    return [
        _surest("nobody left", "a person outside the mask", people, limits.residual_confidence),
        _surest("no face left", "a face outside the mask", faces, limits.face_confidence),
    ]


def nobody_new(
    output: np.ndarray, mask: np.ndarray, detectors: tuple[Detector, Detector], limits: Gates
) -> list[Gate]:
    """Gate 2: look for people and faces in the output's frames uint8 [T,H,W,3], with the union mask painted gray.

    `mask` bool [T,H,W] is where the source's people were, joined over time and dilated: whoever was generated belongs
    there. A person elsewhere is one of the source who was missed, or one whom the generator invented, and either is
    refused. There is no appeal to the source: had it shown this there, gate 1 would have masked it.
    Raises ValueError if a detector leaves a frame out.
    """
    people, faces = look(detectors, output, mask)
    return [
        _surest("nobody new", "a person outside the mask", people, limits.new_person_confidence),
        _surest("no new face", "a face outside the mask", faces, limits.face_confidence),
    ]


def _surest(name: str, what: str, found: Sequence[InstanceMasks], threshold: float) -> Gate:
    """The highest score of all frames, 0 if there is none."""
    worst = float(np.max(np.concatenate([one.scores for one in found]), initial=0.0))
    return Gate.at_most(name, f"confidence of {what}", worst, threshold)
