"""The plain words for looks, by which prompt and actor agree."""

from operators.actor.looks.colours import HAIR_COLOURS, SKINS, Color, colour_name
from operators.actor.looks.looks import (
    BEARDS,
    CHILD,
    HAIR_STYLES,
    OLD,
    PATTERNS,
    SHAVED,
    Identity,
    Looks,
    Outfit,
    Pattern,
)

_SLEEVES = {0.1: "sleeveless", 0.6: "short-sleeved", 1.2: "elbow-sleeved", 1.6: "three-quarter-sleeved"}


def words(looks: Looks) -> dict[str, str]:
    """Plain words by aspect: age, style, skin, hair, beard (if any), top, bottom (if no dress), jacket, shoes."""
    identity = looks.identity
    age = identity.shape.phenotype["age"]
    said = {
        "age": "child" if age < CHILD else "older adult" if age > OLD else "adult",
        "style": f"{'feminine' if identity.feminine else 'masculine'} style",
        "skin": f"{SKINS[identity.skin_tone]} skin",
        "hair": hair_words(identity),
    }
    if identity.beard:
        said["beard"] = f"{BEARDS[identity.beard]} beard"
    return said | garments(looks.outfit)


def hair_words(identity: Identity) -> str:
    """Such as "short curly black hair"."""
    if identity.hair_style == SHAVED:
        return "shaved head"
    curls = "curly " if identity.curly else ""
    return f"{HAIR_STYLES[identity.hair_style]} {curls}{HAIR_COLOURS[identity.hair_colour]} hair"


def garments(outfit: Outfit) -> dict[str, str]:
    """Plain words of each garment: top, bottom (if no dress), jacket (if any), shoes."""
    sleeves = next((word for limit, word in _SLEEVES.items() if outfit.sleeve < limit), "long-sleeved")
    length = "long" if outfit.bottom < -0.6 else "knee-length" if outfit.bottom < -0.4 else "short"
    neck = " V-neck" if outfit.v_neck else ""
    top = _cloth(outfit.top_colours, outfit.top_pattern)
    said = {}
    if outfit.dress:
        said["top"] = f"{sleeves}{neck} {length} {top} dress"
    else:
        said["top"] = f"{'loose ' if outfit.loose > 0.01 else ''}{sleeves}{neck} {top} top"
        cloth = _cloth(outfit.bottom_colours, outfit.bottom_pattern)
        if outfit.skirt:
            said["bottom"] = f"{length} {cloth} skirt"
        else:
            tight, wide = outfit.bottom_loose < 0.003, outfit.bottom_loose > 0.01
            noun = (
                "shorts"
                if outfit.bottom > -0.4
                else "cropped trousers"
                if outfit.bottom > -0.6
                else "trousers"
            )
            said["bottom"] = f"{'tight ' if tight else 'wide ' if wide else ''}{cloth} {noun}"
    if outfit.jacket:
        said["jacket"] = f"open {colour_name(outfit.jacket_colour)} jacket"
    shoe = "boots" if outfit.shoe > -0.65 else "ankle boots" if outfit.shoe > -0.75 else "shoes"
    uppers, soles = (colour_name(colour) for colour in outfit.shoe_colours)
    said["shoes"] = f"{uppers} {shoe} with {soles} soles"
    return said


def _cloth(colours: tuple[Color, Color], pattern: Pattern) -> str:
    first, second = colour_name(colours[0]), colour_name(colours[1])
    if pattern.kind == 0:
        return first + (" printed" if pattern.printed else "")
    kind = PATTERNS[pattern.kind]
    return f"{kind} {first}" if first == second else f"{kind} {first} and {second}"
