"""Colours of skin, hair and cloth in linear light, 0 to 1, and their names; SKIN_TONES and HAIR_TINTS are sRGB."""

import colorsys

import numpy as np

Color = tuple[float, float, float]

SKIN_TONES = {
    "very light": (0.96, 0.80, 0.70),
    "light": (0.91, 0.72, 0.60),
    "light medium": (0.85, 0.64, 0.50),
    "medium": (0.76, 0.55, 0.41),
    "medium brown": (0.66, 0.45, 0.32),
    "brown": (0.53, 0.35, 0.24),
    "dark brown": (0.42, 0.27, 0.19),
    "very dark brown": (0.33, 0.21, 0.15),
}
HAIR_TINTS = {
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
SKINS, HAIR_COLOURS = tuple(SKIN_TONES), tuple(HAIR_TINTS)


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
    skin = np.array(SKIN_TONES[SKINS[tone]])
    return linear(skin), linear(skin * ([0.95, 0.48, 0.50] if feminine else [0.92, 0.58, 0.56]))


def hair_tint(colour: int) -> Color:
    """The plain colour of one of HAIR_COLOURS."""
    return linear(HAIR_TINTS[HAIR_COLOURS[colour]])


def linear(colour: np.ndarray | Color) -> Color:
    """sRGB, near enough, to linear light."""
    red, green, blue = (float(channel) ** 2.2 for channel in colour)
    return red, green, blue


def hsv(h: float, s: float, v: float) -> Color:
    return linear(colorsys.hsv_to_rgb(h % 1, s, v))
