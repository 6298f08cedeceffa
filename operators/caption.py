"""Words for the generator. None is ever taken from a person in the footage: looks are sampled."""

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

WORDS, WIDTH = 24, 64  # length and width of the embedded profile's text embedding


def sample_persona(seed: int, distribution: Mapping[str, Sequence[str]]) -> str:
    """One look, e.g. "adult; long-sleeved red top, black trousers", drawn uniformly from each list of the profile.

    The same seed always gives the same look; balance between groups is a matter of the lists alone.
    """
    rng = np.random.default_rng(seed)
    return ", ".join(str(rng.choice(list(choices))) for choices in distribution.values())


def caption_from_cues(personas: Sequence[str]) -> str:
    """The prompt for a clip or tube: the sampled look of each person in it, in phrases between commas."""
    return "; ".join(personas) if personas else "no people"


def embed_words(text: str) -> np.ndarray:
    """float32 [24, 64], unit variance: each word as a fixed pseudo-random vector, then zeros.

    Stands in for a text encoder in the embedded profile: it needs no weights, and the transformer's own text
    projection learns what the words mean. The transformer reads the words as a set, so each is mixed with the
    last word of its phrase (between commas): "red" in "long red coat" differs from "red" in "red shoes".
    The empty text is all zeros (the negative prompt of guidance).
    """
    embedding, row = np.zeros((WORDS, WIDTH), np.float32), 0
    for phrase in re.split(r"[,;]", text.lower()):
        words = re.findall(r"[a-z0-9]+", phrase)
        for word in words[: WORDS - row]:
            embedding[row] = (_vector(word) + _vector("of " + words[-1])) / np.sqrt(2)
            row += 1
    return embedding


def _vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(WIDTH)
