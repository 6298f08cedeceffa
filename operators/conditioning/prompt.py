"""Words for the generator. None is ever taken from a person in the footage: looks are sampled."""

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

PHRASES, WIDTH = 24, 64  # length and width of the embedded profile's text embedding
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
COLOURS = {
    "red": (190, 30, 30), "orange": (225, 125, 35), "yellow": (220, 195, 60), "green": (45, 135, 60),
    "teal": (30, 135, 135), "blue": (45, 80, 165), "purple": (115, 55, 145), "pink": (220, 130, 160),
    "brown": (120, 80, 50), "beige": (215, 195, 160), "black": (22, 22, 24), "white": (240, 240, 240),
    "grey": (128, 128, 128), "blond": (215, 180, 115), "skin": (195, 150, 120),
}  # fmt: skip


def sample_persona(
    seed: int,
    distribution: Mapping[str, Sequence[str]],
    weights: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """One look, e.g. "adult; long-sleeved red top, black trousers", a word from each list of the profile.

    Uniformly, or by the policy's `weights` of words, 1 where it names none. The same seed always gives the same look;
    balance between groups is a matter of lists and weights alone.
    """
    rng, words = np.random.default_rng(seed), []
    for name, choices in distribution.items():
        shares = np.array([(weights or {}).get(name, {}).get(choice, 1.0) for choice in choices])
        even = (shares == shares[0]).all()
        words.append(str(rng.choice(list(choices), p=None if even else shares / shares.sum())))
    return ", ".join(words)


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


def embed_phrases(text: str) -> np.ndarray:
    """float32 [24, 64]: a row for each phrase between commas, then zeros.

    Stands in for a text encoder in the embedded profile, without weights: what the phrase is about (its last word)
    and how that looks (its other words) as fixed pseudo-random vectors, and its first two colours as numbers.
    The transformer's own text projection learns what they mean. The empty text is all zeros (the negative
    prompt of guidance).
    """
    embedding = np.zeros((PHRASES, WIDTH), np.float32)
    phrases = [re.findall(r"[a-z0-9]+", phrase) for phrase in re.split(r"[,;]", text.lower())]
    for row, words in zip(embedding, [words for words in phrases if words], strict=False):
        row[0] = 1
        row[1:24] = _vector(words[-1], 23)
        # Faint: strong ones tell clips apart, and training then learns those by heart.
        row[24:52] = sum(0.3 * _vector(word, 28) for word in words[:-1]) / np.sqrt(max(1, len(words) - 1))
        for number, colour in enumerate(_colours(words)):
            row[52 + 3 * number : 55 + 3 * number] = colour
    return embedding


def _colours(words: list[str]) -> list[np.ndarray]:
    """Up to two colours, each RGB about -2..2, "dark" and "light" before them applied."""
    found, tone, strength = [], 0.0, 1.0
    for word in words:
        if word == "very":
            strength = 1.6
        elif word in ("dark", "light"):
            tone = strength if word == "light" else -strength
        elif word in COLOURS:
            rgb = np.array(COLOURS[word], np.float32) / 255
            rgb = rgb * (1 + 0.45 * tone) if tone < 0 else rgb + (1 - rgb) * 0.35 * tone
            found.append((rgb - 0.5) * 4)
            tone, strength = 0.0, 1.0
    return found[:2]


def _vector(word: str, width: int) -> np.ndarray:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(width)
