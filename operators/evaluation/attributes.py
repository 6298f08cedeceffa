"""Words for somebody's looks, as a captioner would use them: a stand-in where none is in the profile."""

import cv2
import numpy as np

from schemas.clip import GRAY

_PARTS = {"hair": (0.0, 0.1), "top": (0.2, 0.5), "legs": (0.55, 0.9)}  # shares of the height
_HUES = (
    (15, "red"),
    (40, "orange"),
    (70, "yellow"),
    (165, "green"),
    (265, "blue"),
    (330, "purple"),
    (361, "red"),
)


def attributes(picture: np.ndarray) -> tuple[str, ...]:
    """Colours of hair, top and legs of uint8 [96,48,3] with gray surroundings, in eleven words; "" if none is seen."""
    shown = (picture != GRAY).any(axis=2)
    rows = np.flatnonzero(shown.any(axis=1))
    if not len(rows):
        return ("",) * len(_PARTS)
    first, tall = rows[0], rows[-1] - rows[0] + 1
    words = []
    for low, high in _PARTS.values():
        part = slice(int(first + low * tall), int(first + high * tall) + 1)
        pixels = picture[part][shown[part]]
        words.append(_word(np.median(pixels, axis=0)) if len(pixels) else "")
    return tuple(words)


def _word(colour: np.ndarray) -> str:
    pixel = np.asarray(colour, np.float32).reshape(1, 1, 3) / 255
    hue, saturation, value = cv2.cvtColor(pixel, cv2.COLOR_RGB2HSV)[0, 0]
    if value < 0.2:
        return "black"
    if saturation < 0.18:
        return "white" if value > 0.75 else "light grey" if value > 0.5 else "dark grey"
    name = next(name for limit, name in _HUES if hue < limit)
    return "brown" if name in ("red", "orange") and value < 0.55 and saturation < 0.75 else name
