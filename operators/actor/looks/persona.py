"""A persona in words -> an actor who looks like that, so that prompt and actor agree.

Personas are phrases between commas, a word from each list of a profile (operators/conditioning/persona.py). What they
name is followed; whatever they leave open is drawn from the seed.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from operators.actor.looks import persona_clothes as clothes
from operators.actor.looks.colours import HAIR_COLOURS, SKINS, hair_tint, skin_colours
from operators.actor.looks.looks import (
    BEARDS,
    CAP,
    CROPPED,
    LONG,
    SHAVED,
    SHORT,
    SHOULDER,
    TIED,
    Identity,
    Looks,
)
from operators.actor.looks.sampling import sample_identity, sample_outfit
from schemas.errors import UserError

# Phenotypes by word: the body model's names, and from where to where.
_BUILD: dict[str, dict[str, tuple[float, float]]] = {
    "slim": {"weight": (0.2, 0.38)},
    "average": {"weight": (0.4, 0.6), "muscle": (0.4, 0.6)},
    "athletic": {"weight": (0.4, 0.52), "muscle": (0.7, 0.9)},
    "heavy": {"weight": (0.72, 0.95)},
    "short": {"height": (0.15, 0.35)},
    "tall": {"height": (0.65, 0.85)},
}
_AGE = {
    "toddler": (0.12, 0.18),
    "child": (0.24, 0.36),
    "boy": (0.24, 0.36),
    "girl": (0.24, 0.36),
    "teenager": (0.42, 0.52),
    "young": (0.58, 0.68),
    "adult": (0.58, 0.84),
    "man": (0.58, 0.84),
    "woman": (0.58, 0.84),
    "middle-aged": (0.72, 0.82),
    "older": (0.87, 0.97),
    "elderly": (0.9, 0.98),
}
_FEMININE = {"woman": True, "girl": True, "feminine": True, "man": False, "boy": False, "masculine": False}
_STYLES = {
    "cropped": CROPPED,
    "short": SHORT,
    "shoulder-length": SHOULDER,
    "long": LONG,
    "cap": CAP,
    "tied": TIED,
}
_BALD = {"shaved", "bald"}


def follow(persona: str, seed: int) -> Looks:
    """The looks that `persona` names, the rest from `seed`: the same two always give the same looks.

    Raises UserError for a phrase that no actor can look like.
    """
    rng = np.random.default_rng([17, seed])
    looks = Looks(identity := sample_identity(rng), sample_outfit(rng, identity.feminine))
    phrases = [phrase.split() for phrase in re.split(r"[,;]", persona.lower()) if phrase.strip()]
    for words in sorted(
        phrases, key=lambda words: words[-1] in ("skin", "hair")
    ):  # what depends on gender, later
        looks = _rule(words)(looks, words, rng)
    return clothes.clothed(looks, persona.lower(), rng)


def _rule(words: list[str]) -> Callable[[Looks, list[str], Generator], Looks]:
    """What a phrase is about is told by its noun."""
    said = set(words)
    if words[-1] == "skin":
        return _skin
    if words[-1] == "hair" or (said & _BALD and words[-1] == "head"):
        return _hair
    if words[-1] == "beard":
        return _beard
    if words[-1] == "build":
        return _build
    if said & (_AGE.keys() | _FEMININE.keys()):
        return _person
    if said & {"shoes", "sneakers", "boots"}:
        return clothes.shoes
    if words[-1] == "jacket":
        return clothes.jacket
    if words[-1] == "dress" or words[-1] in clothes.TOPS:
        return clothes.top
    if words[-1] == "skirt" or words[-1] in clothes.BOTTOMS:
        return clothes.bottom
    raise UserError(
        "persona",
        f"no actor can look like {' '.join(words)!r}",
        "end it in skin, hair, beard, build, adult, child, top, shirt, trousers, shorts, skirt, dress, jacket, shoes",
    )


def _skin(looks: Looks, words: list[str], rng: Generator) -> Looks:
    tone = _longest(words[:-1], SKINS)
    skin, lips = skin_colours(tone, looks.identity.feminine)
    return _who(looks, skin_tone=tone, skin=skin, lips=lips)


def _hair(looks: Looks, words: list[str], rng: Generator) -> Looks:
    if set(words) & _BALD:
        return _who(looks, hair_style=SHAVED, hair_thickness=0.0, curly=False)
    changes: dict[str, object] = {}
    style = next((_STYLES[word] for word in words if word in _STYLES), None)
    if style:
        thick = {CROPPED: 0.010, SHORT: 0.03, SHOULDER: 0.012, LONG: 0.014, CAP: 0.016, TIED: 0.008}[style]
        cut = {SHOULDER: rng.uniform(0.40, 0.57), LONG: rng.uniform(0.16, 0.38)}.get(style, 0.6)
        changes |= {
            "hair_style": style,
            "hair_thickness": thick,
            "hair_cut": float(cut),
            "curly": "curly" in words,
        }
    named = [word for word in words[:-1] if word not in (*_STYLES, "curly", "knitted", "over")]
    if named:
        colour = _longest(named, HAIR_COLOURS)
        changes |= {"hair_colour": colour, "hair": hair_tint(colour)}
    return _who(looks, **changes)


def _beard(looks: Looks, words: list[str], rng: Generator) -> Looks:
    amount = next((amount for amount, name in BEARDS.items() if name in words), 0.5)
    return _who(looks, beard=amount, feminine=False)


def _build(looks: Looks, words: list[str], rng: Generator) -> Looks:
    phenotype = dict(looks.identity.shape.phenotype)
    for word in words[:-1]:
        phenotype |= {name: float(rng.uniform(*span)) for name, span in _BUILD.get(word, {}).items()}
    return _who(looks, shape=replace(looks.identity.shape, phenotype=phenotype))


def _person(looks: Looks, words: list[str], rng: Generator) -> Looks:
    phenotype = dict(looks.identity.shape.phenotype)
    age = next(
        (span for word, span in _AGE.items() if word in words and word not in ("adult", "man", "woman")), None
    )
    if age is None and set(words) & _AGE.keys():
        age = _AGE["adult"]
    if age:
        phenotype["age"] = float(rng.uniform(*age))
    feminine = next((value for word, value in _FEMININE.items() if word in words), None)
    changes: dict[str, object] = {}
    if feminine is not None:
        phenotype["gender"] = float(rng.uniform(0.9, 1) if feminine else rng.uniform(0, 0.1))
        changes = {"feminine": feminine, "beard": 0.0 if feminine else looks.identity.beard}
    if phenotype["age"] < 0.55:
        changes["beard"] = 0.0
        phenotype["cupsize"], phenotype["muscle"] = (
            min(phenotype["cupsize"], 0.3),
            min(phenotype["muscle"], 0.5),
        )
    looks = _who(looks, shape=replace(looks.identity.shape, phenotype=phenotype), **changes)
    return (
        looks
        if looks.identity.feminine or not looks.outfit.skirt
        else clothes.wears(looks, **clothes.trousered())
    )


def _longest(words: list[str], names: tuple[str, ...]) -> int:
    """Which of `names` the words say; the longest that they end in."""
    said = " ".join(words)
    found = [name for name in names if said == name or said.endswith(" " + name)]
    if not found:
        raise UserError("persona", f"nobody's is {said!r}", f"use one of {', '.join(names)}")
    return names.index(max(found, key=len))


def _who(looks: Looks, **changes: object) -> Looks:
    identity: Identity = replace(looks.identity, **changes)  # type: ignore[arg-type]
    return replace(looks, identity=identity)
