"""Gate 2: is there anybody in the output whom the source's masks do not account for?"""

import numpy as np

from operators.gates.people import Detector, gate_of
from schemas.certificate import Gate
from schemas.policy import Gates


def nobody_new(
    output: np.ndarray, mask: np.ndarray, detectors: tuple[Detector, Detector], limits: Gates
) -> list[Gate]:
    """Look for people and faces in the output's frames uint8 [T,H,W,3], with the union mask painted gray.

    `mask` bool [T,H,W] is where the source's people were, joined over time and dilated: whoever was generated belongs
    there. A person elsewhere is one of the source who was missed, or one whom the generator invented, and either is
    refused. There is no appeal to the source: had it shown this there, gate 1 would have masked it.
    Raises ValueError if a detector leaves a frame out.
    """
    people, faces = (look(output, mask) for look in detectors)
    if not len(people) == len(faces) == len(output):
        raise ValueError(f"a detector looked at other than {len(output)} frames")
    return [
        gate_of("nobody new", "a person outside the mask", people, limits.new_person_confidence),
        gate_of("no new face", "a face outside the mask", faces, limits.face_confidence),
    ]
