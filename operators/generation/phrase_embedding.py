"""Words as numbers without a text encoder: the embedded profile's prompts."""

import hashlib
import re

import numpy as np

PHRASES, WIDTH = 24, 64  # length and width of the embedding
COLOURS = {
    "red": (190, 30, 30), "orange": (225, 125, 35), "yellow": (220, 195, 60), "green": (45, 135, 60),
    "teal": (30, 135, 135), "blue": (45, 80, 165), "purple": (115, 55, 145), "pink": (220, 130, 160),
    "brown": (120, 80, 50), "beige": (215, 195, 160), "black": (22, 22, 24), "white": (240, 240, 240),
    "grey": (128, 128, 128), "blond": (215, 180, 115), "skin": (195, 150, 120),
}  # fmt: skip


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
