"""The rules of a policy: what is done about whatever of a video could tell of somebody, and where."""

from typing import Literal, get_args

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from schemas import words
from schemas.config import Settings

Topic = Literal["person", "face", "plate", "text", "screen", "audio", "metadata", "other_streams"]
Disguise = Literal["blur", "pixelate", "blackout", "inpaint"]  # done to people in place of making them anew
Treatment = Literal["regenerate", Disguise]
Action = Literal[Treatment, "keep", "drop"]
DISGUISES: tuple[Disguise, ...] = get_args(Disguise)
_PEOPLE: set[Action] = {"regenerate", *DISGUISES}
_THINGS: set[Action] = {"regenerate", "blackout", "blur", "inpaint", "keep"}
THINGS = ("plate", "text", "screen")  # that are looked for where a rule does not keep them
_ALLOWED: dict[Topic, set[Action]] = {
    "person": _PEOPLE,
    "face": _PEOPLE,
    "plate": _THINGS,
    "text": _THINGS,
    "screen": _THINGS,
    "audio": {"drop"},
    "metadata": {"drop"},
    "other_streams": {"drop"},
}


class Rule(Settings):
    """What is done about one topic in one region; of several rules for a topic the first whose region holds it applies.

    where  everywhere, or a rectangle x0, y0, x1, y1 in shares of the frame's width and height, such as a burnt-in
           caption: what lies mostly within it
    do     regenerate  by the generator
           blackout, blur, inpaint  painted over in the source, by inpaint with what lies around it; nothing but the
                       detectors of people sees it before. Of a person: done to what the masks hold, as is pixelate; a
                       face is part of a person
           keep        stays as it is
           drop        is never written: sound, tags, further streams (Recast writes one video stream and nothing else)
    except what the rule is not about. Of a person, who is regenerated everywhere: the consents by which somebody whom
           the list beside a video names stays (docs/gates.md). Of text: lines that name nobody, such as STOP
    """

    model_config = ConfigDict(serialize_by_alias=True)

    what: Topic
    where: Literal["everywhere"] | tuple[float, float, float, float] = "everywhere"
    do: Action
    excepted: list[str] = Field(
        default_factory=list, alias="except", exclude_if=lambda consents: not consents
    )

    @model_validator(mode="after")
    def _possible(self) -> "Rule":
        if self.do not in _ALLOWED[self.what]:
            raise ValueError(f"{self.what} can be: {', '.join(sorted(_ALLOWED[self.what]))}")
        if self.where != "everywhere":
            x0, y0, x1, y1 = self.where
            if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
                raise ValueError("where is everywhere, or x0, y0, x1, y1 in shares of the frame, 0 to 1")
        person = (self.what, self.where, self.do) == ("person", "everywhere", "regenerate")
        if self.excepted and not (person or self.what == "text"):
            raise ValueError("except is of a person who is regenerated everywhere, or of text")
        if not all(spelled(one) and words.written(one) for one in self.excepted):
            raise ValueError(
                "what except lists is published: letters and digits, but no names, paths, addresses"
            )
        return self

    def holds(self, box: np.ndarray, size: tuple[int, int]) -> bool:
        """Whether more than half of `box` (x0 y0 x1 y1, px) of a frame of `size` (height, width) lies in the region."""
        if self.where == "everywhere":
            return True
        region = np.array(self.where) * [size[1], size[0], size[1], size[0]]
        inside = np.clip(np.minimum(box[2:], region[2:]) - np.maximum(box[:2], region[:2]), 0, None)
        return bool(inside.prod() > 0.5 * (box[2:] - box[:2]).prod())

    def is_about(self, line: str) -> bool:
        """Whether a line of text is not one of those that are excepted, however it is spaced and capitalised."""
        return spelled(line) not in {spelled(one) for one in self.excepted}


def spelled(line: str) -> str:
    """Letters and digits of a line, in capitals."""
    return "".join(one for one in line.upper() if one.isalnum())
