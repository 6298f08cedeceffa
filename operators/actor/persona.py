"""A persona in words -> an actor who looks like that, so that prompt and actor agree.

Personas are phrases between commas, a word from each list of a profile (operators/conditioning/persona.py). What they
name is followed; whatever they leave open is drawn from the seed.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.random import Generator

from operators.actor.looks import (
    BEARDS,
    CAP,
    CROPPED,
    HAIR_COLOURS,
    LONG,
    PATTERNS,
    SHAVED,
    SHORT,
    SHOULDER,
    SKINS,
    Color,
    Identity,
    Looks,
    Outfit,
    Pattern,
    colour_name,
    hair_tint,
    sample_colour,
    sample_identity,
    sample_outfit,
    skin_colours,
)
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
_STYLES = {"cropped": CROPPED, "short": SHORT, "shoulder-length": SHOULDER, "long": LONG, "cap": CAP}
_BALD = {"shaved", "bald"}
_SLEEVES = {
    "sleeveless": 0.06,
    "short-sleeved": 0.5,
    "elbow-sleeved": 1.05,
    "three-quarter-sleeved": 1.45,
    "long-sleeved": 1.93,
}
_TOPS = {"top": None, "t-shirt": 0.5, "shirt": 1.93, "sweater": 1.93, "blouse": 1.93, "pullover": 1.93}
_BOTTOMS = {
    "trousers": -0.80,
    "jeans": -0.80,
    "sweatpants": -0.80,
    "cropped": -0.55,
    "shorts": -0.33,
}
_SKIRTS = {"long": -0.72, "knee-length": -0.45, "short": -0.30}
_SHOES = {"shoes": -0.79, "sneakers": -0.79, "boots": -0.60, "ankle boots": -0.70}
_COLOURS = [
    "red",
    "orange",
    "yellow",
    "green",
    "teal",
    "blue",
    "purple",
    "pink",
    "brown",
    "beige",
    "black",
    "white",
    "grey",
]
_LIKE_SKIN = 0.3  # of RGB, 0 to 1 each: cloth closer to the skin's colour looks like skin
_FEW = 3
_TRIES = 3000  # draws after which a colour's name is not to be had


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
    return _clothed(looks, persona.lower(), rng)


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
        return _shoes
    if words[-1] == "jacket":
        return _jacket
    if words[-1] == "dress" or words[-1] in _TOPS:
        return _top
    if words[-1] == "skirt" or words[-1] in _BOTTOMS:
        return _bottom
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
        thick = {CROPPED: 0.010, SHORT: 0.03, SHOULDER: 0.012, LONG: 0.014, CAP: 0.016}[style]
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
    return looks if looks.identity.feminine or not looks.outfit.skirt else _wears(looks, **_trousered())


def _top(looks: Looks, words: list[str], rng: Generator) -> Looks:
    outfit = looks.outfit
    colours, pattern = _cloth(words, rng)
    sleeve = next((_SLEEVES[word] for word in words if word in _SLEEVES), _TOPS.get(words[-1]))
    changes: dict[str, object] = {
        "top_colours": colours,
        "top_pattern": pattern,
        "jacket": False,
        "sleeve": outfit.sleeve if sleeve is None else sleeve,
        "v_neck": 0.08 if "v-neck" in words else 0.0,
        "loose": 0.014 if "loose" in words else min(outfit.loose, 0.006),
        "dress": words[-1] == "dress",
    }
    if words[-1] == "dress":
        bottom = next((_SKIRTS[word] for word in words if word in _SKIRTS), outfit.bottom)
        skirt = {
            "skirt": True,
            "bottom": bottom,
            "hem": 0.05,
            "bottom_colours": colours,
            "bottom_pattern": pattern,
        }
        return _wears(looks, **changes, **skirt)
    if outfit.dress:  # the dress drawn from the seed is taken off
        changes |= {"hem": -0.03} | _trousered()
    return _wears(looks, **changes)


def _jacket(looks: Looks, words: list[str], rng: Generator) -> Looks:
    named = [word for word in words if word in (*_COLOURS, "dark", "light")]
    colour = _colour(" ".join(named), rng) if named else sample_colour(rng)
    return _wears(looks, jacket=True, jacket_colour=colour, v_neck=0.0, sleeve=max(looks.outfit.sleeve, 0.32))


def _bottom(looks: Looks, words: list[str], rng: Generator) -> Looks:
    colours, pattern = _cloth(words, rng)
    skirt = words[-1] == "skirt"
    lengths = _SKIRTS if skirt else _BOTTOMS
    bottom = next((lengths[word] for word in words if word in lengths), -0.45 if skirt else -0.80)
    loose = 0.0 if "tight" in words else 0.02 if "wide" in words or "sweatpants" in words else 0.006
    changes = {"bottom_colours": colours, "bottom_pattern": pattern, "bottom": bottom, "bottom_loose": loose}
    hem = min(looks.outfit.hem, 0.0)
    return _wears(looks, **changes, skirt=skirt, dress=False, hem=hem)


def _shoes(looks: Looks, words: list[str], rng: Generator) -> Looks:
    kind = (
        "ankle boots" if {"ankle", "boots"} <= set(words) else next(word for word in words if word in _SHOES)
    )
    uppers, _, soles = " ".join(words).partition(" with ")
    before = looks.outfit.shoe_colours
    named = [
        [word for word in part.split() if word in (*_COLOURS, "dark", "light")] for part in (uppers, soles)
    ]
    colours = tuple(
        _colour(" ".join(name), rng) if name else old for name, old in zip(named, before, strict=True)
    )
    return _wears(looks, shoe=_SHOES[kind], shoe_colours=colours)


def _cloth(words: list[str], rng: Generator) -> tuple[tuple[Color, Color], Pattern]:
    """Two colours, and the pattern by its words; "striped" alone is across."""
    said = " ".join(words)
    kind = next(
        (kind for kind, name in PATTERNS.items() if kind and name in said), 1 if "striped" in words else 0
    )
    names = re.findall(rf"(?:(?:dark|light) )?(?:{'|'.join(_COLOURS)})", said)
    colours = [_colour(name, rng) for name in names[:2]] or [sample_colour(rng)]
    second = (
        colours[1] if len(colours) > 1 else _colour(names[0], rng) if kind and names else sample_colour(rng)
    )
    pattern = Pattern(kind, float(rng.uniform(9, 30)), float(rng.uniform(0.6, 1)), "printed" in words)
    return (colours[0], second), pattern


def _colour(name: str, rng: Generator) -> Color:
    """A cloth's colour that is called so, and looks it: the most vivid of a few."""
    draws = (sample_colour(rng) for _ in range(_TRIES))
    found = list(islice((colour for colour in draws if colour_name(colour) == name), _FEW))
    if found:
        return max(found, key=lambda colour: max(colour) - min(colour))
    raise UserError("persona", f"no cloth is {name!r}", f"name one of {', '.join(_COLOURS)}, dark or light")


def _longest(words: list[str], names: tuple[str, ...]) -> int:
    """Which of `names` the words say; the longest that they end in."""
    said = " ".join(words)
    found = [name for name in names if said == name or said.endswith(" " + name)]
    if not found:
        raise UserError("persona", f"nobody's is {said!r}", f"use one of {', '.join(names)}")
    return names.index(max(found, key=len))


def _clothed(looks: Looks, said: str, rng: Generator) -> Looks:
    """The same looks, but for cloth of the skin's colour, in which anybody seems naked from afar."""
    outfit = looks.outfit
    colours = []
    for first, second in (outfit.top_colours, outfit.bottom_colours):
        name = colour_name(first)
        tries = [first] + 12 * (_apart(first, looks) < _LIKE_SKIN) * [None]
        drawn = [colour or (_colour(name, rng) if name in said else sample_colour(rng)) for colour in tries]
        colours.append((max(drawn, key=lambda colour: _apart(colour, looks)), second))
    return _wears(looks, top_colours=colours[0], bottom_colours=colours[0] if outfit.dress else colours[1])


def _apart(colour: Color, looks: Looks) -> float:
    return float(np.linalg.norm(np.array(colour) ** (1 / 2.2) - np.array(looks.identity.skin) ** (1 / 2.2)))


def _trousered() -> dict[str, object]:
    return {"skirt": False, "dress": False, "bottom": -0.80, "bottom_loose": 0.006}


def _who(looks: Looks, **changes: object) -> Looks:
    identity: Identity = replace(looks.identity, **changes)  # type: ignore[arg-type]
    return replace(looks, identity=identity)


def _wears(looks: Looks, **changes: object) -> Looks:
    outfit: Outfit = replace(looks.outfit, **changes)  # type: ignore[arg-type]
    return replace(looks, outfit=outfit)
