"""Who an actor is and what they wear, drawn from seeds, and the plain words for it.

`sample_identity` fixes body, face, skin, hair and beard, `sample_outfit` the clothes; the one link between them is that
only people of feminine style wear skirts. Shards of rendered people rest on these draws: a call of the random
generator that is added, dropped or moved makes everybody somebody else (a test holds the sequence).
Colours are linear light, 0 to 1. Lengths are metres on the template body of 1.7 m, whose z is 0 at the hips and about
-0.88 at the soles; a sleeve's length is 0 at the shoulder, 1 at the elbow and 2 at the wrist.
"""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

Color = tuple[float, float, float]

_SKIN = {
    "very light": (0.96, 0.80, 0.70),
    "light": (0.91, 0.72, 0.60),
    "light medium": (0.85, 0.64, 0.50),
    "medium": (0.76, 0.55, 0.41),
    "medium brown": (0.66, 0.45, 0.32),
    "brown": (0.53, 0.35, 0.24),
    "dark brown": (0.42, 0.27, 0.19),
    "very dark brown": (0.33, 0.21, 0.15),
}
_DARK_FROM = 4  # from this skin on, most hair is black or nearly so
_HAIR = {
    "black": (0.07, 0.055, 0.05),
    "very dark brown": (0.13, 0.09, 0.07),
    "dark brown": (0.22, 0.14, 0.09),
    "brown": (0.33, 0.22, 0.13),
    "light brown": (0.50, 0.34, 0.18),
    "blond": (0.72, 0.57, 0.34),
    "red": (0.48, 0.20, 0.10),
    "grey": (0.62, 0.60, 0.58),
    "white": (0.85, 0.84, 0.82),
}
SKINS, HAIR_COLOURS = tuple(_SKIN), tuple(_HAIR)
CROPPED, SHORT, SHOULDER, LONG, CAP, SHAVED = 1, 2, 3, 4, 5, 6
HAIR_STYLES = {
    CROPPED: "cropped",
    SHORT: "short",
    SHOULDER: "shoulder-length",
    LONG: "long",
    CAP: "knitted cap over",
    SHAVED: "shaved",
}
BEARDS = {0.0: "none", 0.25: "stubble", 0.5: "short", 0.95: "full"}
PATTERNS = {
    0: "plain",
    1: "horizontally striped",
    2: "vertically striped",
    3: "checked",
    4: "dotted",
    5: "blotched",
    6: "two-tone",
    7: "contrast-sleeved",
    8: "flecked",
}
_SLEEVES = {0.1: "sleeveless", 0.6: "short-sleeved", 1.2: "elbow-sleeved", 1.6: "three-quarter-sleeved"}
CHILD, OLD = 0.5, 0.85  # the body model's age below which somebody is a child, and above which an older adult
# Blend shapes of the body model that give a person their own face; "l-" stands for both sides.
FACE_CHANGES = (
    "l-cheek-volume-incr",
    "l-cheek-bones-incr",
    "chin-height-incr",
    "chin-prominent-incr",
    "chin-width-incr",
    "chin-bones-incr",
    "chin-jaw-drop-incr",
    "l-ear-scale-incr",
    "l-ear-wing-incr",
    "eyebrows-angle-up",
    "eyebrows-trans-up",
    "l-eye-scale-incr",
    "l-eye-trans-out",
    "l-eye-trans-up",
    "l-eye-epicanthus-out",
    "forehead-scale-vert-incr",
    "forehead-trans-forward",
    "head-fat-incr",
    "head-scale-vert-incr",
    "head-scale-horiz-incr",
    "head-scale-depth-incr",
    "mouth-scale-horiz-incr",
    "mouth-lowerlip-volume-incr",
    "mouth-upperlip-volume-incr",
    "mouth-angles-up",
    "mouth-trans-up",
    "nose-scale-vert-incr",
    "nose-scale-horiz-incr",
    "nose-scale-depth-incr",
    "nose-hump-incr",
    "nose-point-up",
    "nose-flaring-incr",
    "nose-width2-incr",
    "neck-scale-horiz-incr",
)


@dataclass(frozen=True)
class Shape:
    """Parameters of the body model, 0 to 1: `phenotype` by the model's names, `face` -1 to 1 by blend shape."""

    phenotype: dict[str, float]
    face: dict[str, float]


@dataclass(frozen=True)
class Identity:
    """What stays when the clothes change. `skin_tone` and `hair_colour` index SKINS and HAIR_COLOURS.

    hair_thickness in metres; hair_cut is the z that long hair reaches down to, fringe the z of its edge over the face;
    beard 0 to 1 as in BEARDS; texture 0 to 1 seeds noise, folds and prints.
    """

    shape: Shape
    feminine: bool
    skin_tone: int
    skin: Color
    lips: Color
    hair_colour: int
    hair: Color
    iris: Color
    hair_style: int
    hair_thickness: float
    hair_cut: float
    fringe: float
    curly: bool
    beard: float
    texture: float


@dataclass(frozen=True)
class Pattern:
    """Of cloth: `kind` indexes PATTERNS, `repeats` a metre, `contrast` 0 to 1 between its two colours."""

    kind: int = 0
    repeats: float = 20.0
    contrast: float = 0.5
    printed: bool = False


@dataclass(frozen=True)
class Outfit:
    """Clothes. `hem` is where the top ends, `bottom` where trousers or skirt do, `shoe` where shoes begin."""

    hem: float
    sleeve: float
    neck: float
    v_neck: float
    loose: float
    dress: bool
    skirt: bool
    bottom: float
    bottom_loose: float
    shoe: float
    jacket: bool
    jacket_opening: float
    jacket_hem: float
    top_colours: tuple[Color, Color]
    top_pattern: Pattern
    bottom_colours: tuple[Color, Color]
    bottom_pattern: Pattern
    shoe_colours: tuple[Color, Color]
    jacket_colour: Color
    jacket_pattern: Pattern
    waist: float = 0.09
    jacket_sleeve: float = 1.93


@dataclass(frozen=True)
class Looks:
    """A whole person: who, and in what clothes."""

    identity: Identity
    outfit: Outfit


def sample_looks(identity_seed: int, outfit_seed: int) -> Looks:
    """The person of two seeds, as the shards of rendered people number them."""
    identity = sample_identity(np.random.default_rng([11, identity_seed]))
    return Looks(identity, sample_outfit(np.random.default_rng([13, outfit_seed]), identity.feminine))


def sample_shape(rng: Generator, adult: float = 0.9) -> Shape:
    """Body and face; one in ten is a child, or as `adult` says."""
    gender = float(np.clip(rng.beta(0.35, 0.35), 0, 1))
    age = float(rng.uniform(0.58, 0.98) if rng.random() < adult else rng.uniform(0.33, 0.45))
    origin = rng.dirichlet([0.5, 0.5, 0.5])
    phenotype = {
        "gender": gender,
        "age": age,
        "muscle": float(np.clip(rng.normal(0.52, 0.15), 0.1, 0.95)),
        "weight": float(np.clip(rng.normal(0.5, 0.17), 0.1, 0.95)),
        "height": float(np.clip(rng.normal(0.5, 0.14) + (0.5 - gender) * 0.12, 0.1, 0.92)),
        "proportions": float(rng.uniform(0.3, 0.9)),
        "cupsize": float(np.clip(rng.normal(0.5, 0.15), 0, 1)),
        "firmness": 0.5,
        "african": float(origin[0]),
        "asian": float(origin[1]),
        "caucasian": float(origin[2]),
    }
    face = {}
    for name in FACE_CHANGES:
        face[name] = float(np.clip(rng.normal(0, 0.35), -0.9, 0.9))
        if name.startswith("l-"):
            face["r-" + name[2:]] = face[name]
    return Shape(phenotype, face)


def sample_identity(rng: Generator, adult: float = 0.9) -> Identity:
    """Body, face, skin, hair, eyes and beard. Colour of skin and shape of the body are drawn independently."""
    shape = sample_shape(rng, adult)
    feminine = bool(rng.random() < shape.phenotype["gender"])
    tone = int(rng.integers(len(_SKIN)))
    skin = np.clip(np.array(_SKIN[SKINS[tone]]) * rng.uniform(0.93, 1.06) + rng.normal(size=3) * 0.012, 0, 1)
    colour = int(rng.choice(len(_HAIR), p=[0.2, 0.2, 0.17, 0.12, 0.08, 0.07, 0.04, 0.07, 0.05]))
    if tone >= _DARK_FROM and rng.random() < 0.85:
        colour = int(rng.integers(0, 2))
    hair = np.clip(np.array(_HAIR[HAIR_COLOURS[colour]]) * rng.uniform(0.85, 1.15), 0, 1)
    odds = [0.10, 0.22, 0.33, 0.25, 0.08, 0.02] if feminine else [0.40, 0.33, 0.03, 0.03, 0.11, 0.10]
    style = int(rng.choice(list(HAIR_STYLES), p=odds))
    cropped, short = rng.uniform(0.006, 0.014), rng.uniform(0.016, 0.05)
    thickness = {CROPPED: cropped, SHORT: short, SHOULDER: 0.012, LONG: 0.014, CAP: 0.016, SHAVED: 0.0}[style]
    shoulder, long = rng.uniform(0.40, 0.57), rng.uniform(0.16, 0.38)
    beard = 0.0 if feminine else float(rng.choice(list(BEARDS), p=[0.45, 0.2, 0.15, 0.2]))
    curly = bool(style == SHORT and rng.random() < 0.5)
    lips = skin * ([0.95, 0.48, 0.50] if feminine else [0.92, 0.58, 0.56])
    texture = float(rng.random())
    irises = [(0.25, 0.14, 0.07), (0.2, 0.3, 0.4), (0.22, 0.3, 0.15)]
    iris = linear(irises[rng.choice(3, p=[0.6, 0.25, 0.15])])
    fringe = float(rng.choice([0.70, 0.72, 0.76]))
    return Identity(
        shape,
        feminine,
        tone,
        linear(skin),
        linear(np.clip(lips, 0, 1)),
        colour,
        linear(hair),
        iris,
        style,
        float(thickness),
        float({SHOULDER: shoulder, LONG: long}.get(style, 0.6)),
        fringe,
        curly,
        beard,
        texture,
    )


def sample_outfit(rng: Generator, feminine: bool) -> Outfit:
    """Top, trousers or skirt or a dress, shoes, and sometimes an open jacket."""
    sleeve = float(rng.choice([0.06, 0.32, 0.5, 1.05, 1.45, 1.93], p=[0.08, 0.12, 0.35, 0.05, 0.08, 0.32]))
    hem = float(rng.uniform(-0.09, 0.04))
    loose = float(rng.choice([0.002, 0.006, 0.014, 0.022], p=[0.3, 0.3, 0.25, 0.15]))
    neck = float(rng.choice([0.50, 0.515, 0.56, 0.485], p=[0.45, 0.25, 0.1, 0.2]))
    v_neck = float(rng.choice([0, 0.05, 0.10], p=[0.6, 0.25, 0.15])) if neck < 0.55 else 0.0
    skirt = bool(feminine and rng.random() < 0.38)
    dress = bool(skirt and rng.random() < 0.5)
    if skirt:
        bottom = float(rng.choice([-0.72, -0.45, -0.30, -0.20]))
    else:
        bottom = float(rng.choice([-0.80, -0.78, -0.55, -0.33, -0.25], p=[0.5, 0.2, 0.06, 0.14, 0.1]))
    jacket = bool(rng.random() < 0.28)
    if jacket:
        v_neck, sleeve = 0.0, max(sleeve, 0.32)
    first, second, lower = sample_colour(rng), sample_colour(rng), sample_colour(rng)
    if rng.random() < 0.35:  # denim
        lower = hsv(0.6 + rng.normal() * 0.02, rng.uniform(0.35, 0.65), rng.uniform(0.18, 0.6))
    top_pattern = sample_pattern(rng, 0.45)
    bottom_pattern = sample_pattern(rng, 0.4 if skirt else 0.12)
    if dress:
        lower, bottom_pattern, hem = first, top_pattern, 0.05
    bottom_loose = float(rng.choice([0.0, 0.006, 0.016, 0.028], p=[0.3, 0.3, 0.25, 0.15]))
    shoe = float(rng.choice([-0.80, -0.785, -0.70, -0.60], p=[0.5, 0.3, 0.12, 0.08]))
    opening, jacket_hem = float(rng.uniform(0.01, 0.07)), float(rng.choice([-0.06, -0.12, 0.0]))
    lower_second = second if dress else sample_colour(rng)
    uppers = sample_colour(rng)
    soles = linear((0.9, 0.9, 0.88)) if rng.random() < 0.5 else linear((0.06, 0.06, 0.06))
    jacket_colour = sample_colour(rng)
    jacket_pattern = Pattern(int(rng.choice([0, 0, 0, 8])))
    return Outfit(
        hem,
        sleeve,
        neck,
        v_neck,
        loose,
        dress,
        skirt,
        bottom,
        bottom_loose,
        shoe,
        jacket,
        opening,
        jacket_hem,
        (first, second),
        top_pattern,
        (lower, lower_second),
        bottom_pattern,
        (uppers, soles),
        jacket_colour,
        jacket_pattern,
    )


def sample_colour(rng: Generator) -> Color:
    """Of cloth: often gray, blue or a warm tone, else any."""
    kind = rng.random()
    if kind < 0.30:
        value = rng.uniform(0.06, 0.95)
        return linear((value, value, value * rng.uniform(0.92, 1.04)))
    if kind < 0.5:
        return hsv(rng.uniform(0.55, 0.68), rng.uniform(0.3, 0.8), rng.uniform(0.15, 0.7))
    if kind < 0.65:
        return hsv(rng.uniform(0.03, 0.12), rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.85))
    return hsv(rng.random(), rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.9))


def sample_pattern(rng: Generator, share: float = 0.5) -> Pattern:
    """Patterned with probability `share`; some of the plain ones get a print on the chest."""
    kind = 0 if rng.random() > share else int(rng.choice([1, 1, 2, 3, 4, 5, 6, 7, 8]))
    printed = bool(kind == 0 and rng.random() < 0.3)
    return Pattern(kind, float(rng.uniform(9, 30)), float(rng.uniform(0.5, 1)), printed)


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


def colour_name(colour: Color) -> str:
    """Plain name of a colour in linear light, such as "dark blue"."""
    h, s, v = colorsys.rgb_to_hsv(*[min(1.0, channel ** (1 / 2.2)) for channel in colour])
    if v < 0.16:
        return "black"
    if s < 0.13:
        grays = {0.38: "dark grey", 0.65: "grey", 0.85: "light grey"}
        return next((name for limit, name in grays.items() if v < limit), "white")
    h *= 360
    if 15 <= h < 45 and (v < 0.62 or s < 0.45):
        return "beige" if v > 0.65 else "brown" if v > 0.35 else "dark brown"
    hues = {
        15: "red",
        42: "orange",
        68: "yellow",
        160: "green",
        195: "teal",
        255: "blue",
        290: "purple",
        340: "pink",
    }
    name = next((name for limit, name in hues.items() if h < limit), "red")
    if v < 0.4:
        return "dark " + name
    return "light " + name if s < 0.35 and v > 0.6 else name


def skin_colours(tone: int, feminine: bool) -> tuple[Color, Color]:
    """The plain colours of skin and lips of one of SKINS."""
    skin = np.array(_SKIN[SKINS[tone]])
    return linear(skin), linear(skin * ([0.95, 0.48, 0.50] if feminine else [0.92, 0.58, 0.56]))


def hair_tint(colour: int) -> Color:
    """The plain colour of one of HAIR_COLOURS."""
    return linear(_HAIR[HAIR_COLOURS[colour]])


def _cloth(colours: tuple[Color, Color], pattern: Pattern) -> str:
    first, second = colour_name(colours[0]), colour_name(colours[1])
    if pattern.kind == 0:
        return first + (" printed" if pattern.printed else "")
    kind = PATTERNS[pattern.kind]
    return f"{kind} {first}" if first == second else f"{kind} {first} and {second}"


def linear(colour: np.ndarray | Color) -> Color:
    """sRGB, near enough, to linear light."""
    red, green, blue = (float(channel) ** 2.2 for channel in colour)
    return red, green, blue


def hsv(h: float, s: float, v: float) -> Color:
    return linear(colorsys.hsv_to_rgb(h % 1, s, v))
