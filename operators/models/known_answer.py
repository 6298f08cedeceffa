"""The known answer: who finds nobody in a picture of people is blind, and must not be asked about footage."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from schemas.errors import UserError

_PICTURES = Path(__file__).parent / "pictures"
_MARGIN = 0.8  # of the confidence asked for: the picture is rendered, and most networks know photographs

# One frame uint8 [1,H,W,3] -> what a detector sees in it, and with which scores.
Sight = Callable[[np.ndarray], Any]


def require_sight(detectors: Mapping[str, tuple[Sight, float]]) -> None:
    """Show every detector people and an empty scene; each comes with the confidence from which on it counts.

    Raises UserError that names whoever sees nobody in the one, or somebody in the other.
    """
    people, nobody = (picture(name) for name in ("people.jpg", "nobody.jpg"))
    for name, (look, confidence) in detectors.items():
        if surest(look(people)) < _MARGIN * confidence:
            raise _blind(name, "sees nobody in a picture of people")
        if not surest(look(nobody)) < confidence:
            raise _blind(name, "sees somebody in a picture of nobody")


def beside_nobody(detector: Callable[[np.ndarray, np.ndarray], Any]) -> Sight:
    """A detector of whoever is not accounted for, asked where nobody is."""
    return lambda frame: detector(frame, np.zeros(frame.shape[:3], bool))


def picture(name: str) -> np.ndarray:
    """uint8 [1,H,W,3] RGB: people.jpg or nobody.jpg."""
    read = cv2.imread(str(_PICTURES / name))
    if read is None:
        raise UserError(str(_PICTURES / name), "cannot be read", "Restore it from the repository")
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)[None]


def surest(found: Any) -> float:
    """The highest score in what a detector says of one frame; NaN if any is none."""
    (one,) = found
    return float(np.max(one.scores, initial=0.0))


def _blind(name: str, problem: str) -> UserError:
    return UserError(
        f"the profile's {name}", problem, "Check its weights and device: it must not be relied on"
    )
