"""Words for the generator. None is ever taken from a person in the footage: looks are sampled."""

import re
from collections.abc import Sequence

_LEAST_WORDS, _MOST_WORDS, _LOOKS_WORDS = 120, 160, 80
_FILLING = (
    "A realistic video, filmed in one continuous shot with an ordinary camera. The movements are natural and smooth "
    "from frame to frame, and everybody keeps the same look throughout. Hands, feet and faces have the right "
    "proportions. Light and shadow fall on the people as they fall on everything around them. The people stand firmly "
    "on the ground, are as sharp as what is beside them, and are hidden by whatever stands in front of them. Colours "
    "are true to life, neither washed out nor too strong. Nothing appears or vanishes without a reason. The picture "
    "has the fine grain of real footage, no writing over it, no borders, no cuts and no effects. It stays steady and "
    "clear until its end."
)


def caption_from_cues(personas: Sequence[str], scene: str | None = None) -> str:
    """The prompt for a clip or tube: the sampled look of each person in it, in phrases between commas.

    With what a captioner says of the `scene`, the two together in 120 to 160 words: the backbone was fine-tuned with
    captions of that length, and short ones measurably hurt (ReGenHuman). Of a crowd's looks only the first are named,
    sentences that do not fit are left out, and what is too short is filled with sentences on the camera.
    """
    looks = "; ".join(personas) if personas else "no people"
    if scene is None:
        return looks
    people = f"People: {looks}.".split()[:_LOOKS_WORDS]
    words: list[str] = []
    for sentence in re.split(r"(?<=\.) ", scene):
        if len(words) + len(sentence.split()) + len(people) <= _MOST_WORDS:
            words += sentence.split()
    words += people
    for sentence in re.split(r"(?<=\.) ", _FILLING):
        if len(words) < _LEAST_WORDS:
            words += sentence.split()
    return " ".join(words)
