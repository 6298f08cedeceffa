"""The known answer: who finds nobody in a picture of people is blind, and must not be asked about footage.

Asked before the first clip, and again after each: a runtime may begin to answer with nothing, or always with the same,
at any time, and nobody would be found from then on. What was seen while the answer was known counts, and nothing else.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from schemas.cues import Strings
from schemas.errors import UserError

_PICTURES = Path(__file__).parent / "pictures"
_MARGIN = 0.8  # of the confidence asked for: the picture is rendered, and most networks know photographs
_WRITING = "RECAST 4711"

# One frame uint8 [1,H,W,3] -> what a detector sees in it, and with which scores.
Look = Callable[[np.ndarray], Any]
# How often it was asked before -> what is wrong with the answer; empty if nothing.
Check = Callable[[int], str]


class Blind(Exception):
    """Somebody no longer sees what is known to be there. What was made of the clip is not to be believed, nor is the
    process: it must end. The message names no source."""


class Sight:
    """All on whom a stage relies to see, by name, each with its `Check`; asked at once, and with every `again`.

    Raises UserError that names whoever is blind before the first clip, Blind for whoever is after one.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self.checks, self.asked = checks, 0
        for name, check in checks.items():
            if problem := check(0):
                remedy = "Check its weights and device: it must not be relied on"
                raise UserError(f"the profile's {name}", problem, remedy)

    def again(self) -> None:
        """To be called before anything that was made of a clip leaves the stage, whatever became of it."""
        self.asked += 1
        for name, check in self.checks.items():
            try:
                problem = check(self.asked)
            except Exception as error:  # whatever a runtime that has lost its device raises
                problem = f"raises {type(error).__name__}"
            if problem:
                raise Blind(f"{name} {problem}")


def sees_people(look: Look, confidence: float) -> Check:
    """A detector of which a score of `confidence` counts sees people in a picture of them, and nobody in another."""

    def check(asked: int) -> str:
        if not surest(look(picture("people.jpg", asked))) >= _MARGIN * confidence:  # NaN is not, either
            return "sees nobody in a picture of people"
        if not surest(look(picture("nobody.jpg", asked))) < confidence:
            return "sees somebody in a picture of nobody"
        return ""

    return check


def reads_writing(read: Callable[[np.ndarray], list[Strings]]) -> Check:
    """A reader of text reads what is written, and nothing where nothing is."""

    def check(asked: int) -> str:
        empty = np.full((1, 96, 352, 3), 200, np.uint8)
        written = cv2.putText(
            empty[0].copy(), _WRITING, (24, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3
        )
        seen, unseen = (read(_marked(one, asked)) for one in (written[None], empty))
        if _WRITING.replace(" ", "") not in "".join(seen[0].texts).upper().replace(" ", ""):
            return "does not read what is written in a picture"
        return "reads what is not there" if unseen[0].texts else ""

    return check


def beside_nobody(detector: Callable[[np.ndarray, np.ndarray], Any]) -> Look:
    """A detector of whoever is not accounted for, asked where nobody is."""
    return lambda frame: detector(frame, np.zeros(frame.shape[:3], bool))


def picture(name: str, asked: int = 0) -> np.ndarray:
    """uint8 [1,H,W,3] RGB: people.jpg or nobody.jpg; another one each time, or whoever remembers pictures would answer
    without looking."""
    read = cv2.imread(str(_PICTURES / name))
    if read is None:
        raise UserError(str(_PICTURES / name), "cannot be read", "Restore it from the repository")
    return _marked(cv2.cvtColor(read, cv2.COLOR_BGR2RGB)[None], asked)


def surest(found: Any) -> float:
    """The highest score in what a detector says of one frame; NaN if any is infinite or none."""
    (one,) = found
    return float(np.max(one.scores, initial=0.0)) if np.isfinite(one.scores).all() else float("nan")


def _marked(frame: np.ndarray, asked: int) -> np.ndarray:
    """With the number of times in its first pixel; as it is the first time."""
    if asked:
        frame[0, 0, 0] = np.frombuffer((asked % (1 << 24)).to_bytes(3, "big"), np.uint8)
    return frame
