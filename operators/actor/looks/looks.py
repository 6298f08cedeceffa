"""What an actor looks like: who somebody is, and what they wear.

sampling.py draws it from seeds, persona.py makes it from words, and words.py says it.
Lengths are metres on the template body of 1.7 m, whose z is 0 at the hips and about -0.88 at the soles; a sleeve's
length is 0 at the shoulder, 1 at the elbow and 2 at the wrist.
"""

from dataclasses import dataclass

from operators.actor.looks.colours import Color

CROPPED, SHORT, SHOULDER, LONG, CAP, SHAVED, TIED = 1, 2, 3, 4, 5, 6, 7
HAIR_STYLES = {
    CROPPED: "cropped",
    SHORT: "short",
    SHOULDER: "shoulder-length",
    LONG: "long",
    CAP: "knitted cap over",
    SHAVED: "shaved",
    TIED: "tied",
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
