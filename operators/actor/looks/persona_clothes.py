"""The phrases of a persona that name clothes, as persona.py tells them apart by their nouns.

Each takes the looks so far and a phrase's words to new looks; what the words leave open is drawn.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.random import Generator

from operators.actor.looks.colours import SKIN_TONES, Color, colour_name, hsv
from operators.actor.looks.looks import PATTERNS, Looks, Outfit, Pattern
from operators.actor.looks.sampling import sample_colour
from schemas.errors import UserError

_SLEEVES = {
    "sleeveless": 0.06,
    "short-sleeved": 0.5,
    "elbow-sleeved": 1.05,
    "three-quarter-sleeved": 1.45,
    "long-sleeved": 1.93,
}
TOPS = {"top": None, "t-shirt": 0.5, "shirt": 1.93, "sweater": 1.93, "blouse": 1.93, "pullover": 1.93}
BOTTOMS = {
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
# Of RGB, 0 to 1 each: cloth so close to the wearer's skin looks like skin, and from afar so does what is as close to
# any of the paler skins; brown cloth looks like cloth.
_LIKE_SKIN, _LIKE_A_SKIN, _PALER = 0.3, 0.16, 5
_OTHERS = 24  # that are drawn in its place
_NECK = 0.53  # z of the widest neck: lower ones run over the shoulders and stand off there
_FEW = 3
_TRIES = 3000  # draws after which a colour's name is not to be had


def top(looks: Looks, words: list[str], rng: Generator) -> Looks:
    """Top or dress."""
    outfit = looks.outfit
    colours, pattern = _cloth(words, rng)
    sleeve = next((_SLEEVES[word] for word in words if word in _SLEEVES), TOPS.get(words[-1]))
    changes: dict[str, object] = {
        "top_colours": colours,
        "top_pattern": pattern,
        "jacket": False,
        "sleeve": outfit.sleeve if sleeve is None else sleeve,
        "v_neck": 0.08 if "v-neck" in words else 0.0,
        "loose": 0.018 if "loose" in words else 0.009,
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
        return wears(looks, **changes, **skirt)
    if outfit.dress:  # the dress drawn from the seed is taken off
        changes |= {"hem": -0.03} | trousered()
    return wears(looks, **changes)


def jacket(looks: Looks, words: list[str], rng: Generator) -> Looks:
    """An open jacket over the top."""
    named = [word for word in words if word in (*_COLOURS, "dark", "light")]
    colour = _colour(" ".join(named), rng) if named else sample_colour(rng)
    return wears(looks, jacket=True, jacket_colour=colour, v_neck=0.0, sleeve=max(looks.outfit.sleeve, 0.32))


def bottom(looks: Looks, words: list[str], rng: Generator) -> Looks:
    """Trousers, shorts or skirt."""
    colours, pattern = _cloth(words, rng)
    skirt = words[-1] == "skirt"
    lengths = _SKIRTS if skirt else BOTTOMS
    bottom = next((lengths[word] for word in words if word in lengths), -0.45 if skirt else -0.80)
    loose = 0.0 if "tight" in words else 0.02 if "wide" in words or "sweatpants" in words else 0.006
    changes = {"bottom_colours": colours, "bottom_pattern": pattern, "bottom": bottom, "bottom_loose": loose}
    hem = min(looks.outfit.hem, 0.0)
    return wears(looks, **changes, skirt=skirt, dress=False, hem=hem)


def shoes(looks: Looks, words: list[str], rng: Generator) -> Looks:
    """Shoes or boots, and their soles."""
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
    return wears(looks, shoe=_SHOES[kind], shoe_colours=colours)


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


def _colour(name: str, rng: Generator, draw: Callable[[Generator], Color] = sample_colour) -> Color:
    """A cloth's colour that is called so, and looks it: the most vivid of a few."""
    draws = (draw(rng) for _ in range(_TRIES))
    found = list(islice((colour for colour in draws if colour_name(colour) == name), _FEW))
    if found:
        return max(found, key=lambda colour: max(colour) - min(colour))
    raise UserError("persona", f"no cloth is {name!r}", f"name one of {', '.join(_COLOURS)}, dark or light")


def clothed(looks: Looks, said: str, rng: Generator) -> Looks:
    """The same looks, but for cloth of the skin's colour, in which anybody seems naked from afar."""
    outfit = looks.outfit
    colours = []
    for first, second in (outfit.top_colours, outfit.bottom_colours):
        name = colour_name(first)
        drawn = [first] + [
            _colour(name, rng, _any_colour) if name in said else sample_colour(rng)
            for _ in range(_OTHERS * (_apart(first, looks) < 1))
        ]
        colours.append((max(drawn, key=lambda colour: min(1.0, _apart(colour, looks))), second))
    return wears(
        looks,
        top_colours=colours[0],
        bottom_colours=colours[0] if outfit.dress else colours[1],
        neck=max(outfit.neck, _NECK),
    )


def _any_colour(rng: Generator) -> Color:
    """Stronger ones, too, than cloth often has."""
    return hsv(rng.random(), rng.uniform(0, 0.95), rng.uniform(0.1, 0.95))


def _apart(colour: Color, looks: Looks) -> float:
    """How far cloth is from looking like skin: 1 and more is far enough."""
    shown = np.array(colour) ** (1 / 2.2)
    own = np.linalg.norm(shown - np.array(looks.identity.skin) ** (1 / 2.2)) / _LIKE_SKIN
    tones = np.array(list(SKIN_TONES.values())[:_PALER])
    return float(min(own, np.linalg.norm(shown - tones, axis=1).min() / _LIKE_A_SKIN))


def trousered() -> dict[str, object]:
    """What changes when a skirt or dress is taken off."""
    return {"skirt": False, "dress": False, "bottom": -0.80, "bottom_loose": 0.006}


def wears(looks: Looks, **changes: object) -> Looks:
    """The same person with these fields of the outfit."""
    outfit: Outfit = replace(looks.outfit, **changes)  # type: ignore[arg-type]
    return replace(looks, outfit=outfit)
