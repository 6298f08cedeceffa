"""What a vision-language model says of somebody, and of a clip: before and after."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from operators.evaluation.before import Before
from operators.models.witnesses.reid import largest

_LOOKS = (
    "Describe the person in this video for somebody who has to find them in a crowd: age, sex, build, skin, hair, "
    "face, every piece of clothing with its colour, and what they carry. No more than 60 words."
)
_QUESTIONS = (
    "How many people are in this video? Answer with one number.",
    "What do the people in this video do? Answer with one verb.",
    "Does anybody in this video walk or run? Answer with yes or no.",
    "Does anybody in this video hold something? Answer with yes or no.",
    "Is this video taken indoors or outdoors? Answer with one word.",
)
# Words that say nothing of anybody.
_PLAIN = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "in",
        "is",
        "it",
        "its",
        "no",
        "of",
        "on",
        "or",
        "person",
        "she",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "video",
        "wearing",
        "wears",
        "who",
        "with",
    ]
)
Ask = Callable[[np.ndarray, float, str], str]  # frames uint8 [T,H,W,3], frames a second, question -> answer


@dataclass(frozen=True)
class Said:
    """Of everybody in a clip, in order, a caption, empty of who is too small; and an answer to each question."""

    captions: list[str]
    answers: list[str]


def said(ask: Ask, frames: np.ndarray, before: Before, fps: float) -> Said:
    """What the model says of uint8 [T,H,W,3] frames, of people where they stand in the source."""
    captions = []
    for number in range(1, len(before.somebody.people) + 1):
        crops = [largest(before.somebody.masks[t] == number) for t in before.moments]
        shown = [one.of(frames[t], (384, 192)) for t, one in zip(before.moments, crops, strict=True) if one]
        rate = fps / max(1, before.moments[1] - before.moments[0] if len(before.moments) > 1 else 1)
        captions.append(ask(np.stack(shown), rate, _LOOKS) if shown else "")
    return Said(captions, [ask(frames, fps, question) for question in _QUESTIONS])


def alike(made: Said, source: Said) -> Iterator[tuple[str, float, float]]:
    """(name, numerator, denominator): "captions alike", the cosine of counts of words, and "answers alike", the same
    first word."""
    for one, two in zip(made.captions, source.captions, strict=True):
        if one and two:
            yield "captions alike", cosine(one, two), 1.0
    for one, two in zip(made.answers, source.answers, strict=True):
        yield "answers alike", float(_words(one)[:1] == _words(two)[:1]), 1.0


def cosine(one: str, two: str) -> float:
    """Of how often each word is used, but for those that say nothing of anybody."""
    counts = [Counter(word for word in _words(text) if word not in _PLAIN) for text in (one, two)]
    shared = sum(counts[0][word] * counts[1][word] for word in counts[0])
    lengths = [float(np.sqrt(sum(count**2 for count in some.values()))) for some in counts]
    return shared / max(lengths[0] * lengths[1], 1e-9)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
