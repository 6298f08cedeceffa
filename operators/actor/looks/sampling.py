"""Looks drawn from seeds.

`sample_identity` fixes body, face, skin, hair and beard, `sample_outfit` the clothes; the one link between them is that
only people of feminine style wear skirts. Shards of rendered people rest on these draws: a call of the random
generator that is added, dropped or moved makes everybody somebody else (a test holds the sequence).
"""

import numpy as np
from numpy.random import Generator

from operators.actor.looks.colours import HAIR_COLOURS, HAIR_TINTS, SKIN_TONES, SKINS, Color, hsv, linear
from operators.actor.looks.looks import (
    BEARDS,
    CAP,
    CROPPED,
    FACE_CHANGES,
    LONG,
    SHAVED,
    SHORT,
    SHOULDER,
    Identity,
    Looks,
    Outfit,
    Pattern,
    Shape,
)

_DARK_FROM = 4  # from this skin on, most hair is black or nearly so


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
    tone = int(rng.integers(len(SKIN_TONES)))
    skin = np.clip(
        np.array(SKIN_TONES[SKINS[tone]]) * rng.uniform(0.93, 1.06) + rng.normal(size=3) * 0.012, 0, 1
    )
    colour = int(rng.choice(len(HAIR_TINTS), p=[0.2, 0.2, 0.17, 0.12, 0.08, 0.07, 0.04, 0.07, 0.05]))
    if tone >= _DARK_FROM and rng.random() < 0.85:
        colour = int(rng.integers(0, 2))
    hair = np.clip(np.array(HAIR_TINTS[HAIR_COLOURS[colour]]) * rng.uniform(0.85, 1.15), 0, 1)
    odds = [0.10, 0.22, 0.33, 0.25, 0.08, 0.02] if feminine else [0.40, 0.33, 0.03, 0.03, 0.11, 0.10]
    style = int(rng.choice([CROPPED, SHORT, SHOULDER, LONG, CAP, SHAVED], p=odds))
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
    return hsv(rng.random(), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.75))


def sample_pattern(rng: Generator, share: float = 0.5) -> Pattern:
    """Patterned with probability `share`; some of the plain ones get a print on the chest."""
    kind = 0 if rng.random() > share else int(rng.choice([1, 1, 2, 3, 4, 5, 6, 7, 8]))
    printed = bool(kind == 0 and rng.random() < 0.3)
    return Pattern(kind, float(rng.uniform(9, 30)), float(rng.uniform(0.5, 1)), printed)
