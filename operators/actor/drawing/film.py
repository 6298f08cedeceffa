"""What a picture makes of colours and levels, so that whoever is drawn into it is of the same film."""

import numpy as np

from schemas.actor import Film

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_STEP = 8  # px; of so many, one is looked at
_DARK = 24.0  # levels below which a colour is no more than noise
# Levels off the usual stain that the 98th percentile of a picture has: in black and white, where only its encoding is
# to be seen; in a picture of few colours.
_NO_COLOUR, _COLOURS = 5.0, 12.0
_BLACKEST, _WHITEST = 0.5, 99.5  # percentiles
_CLEAR, _HAZY = (
    25.0,
    55.0,
)  # level of the blackest in a picture that holds something black, and in one through haze


def film_of(frames: np.ndarray, mask: np.ndarray) -> Film:
    """frames uint8 [N,H,W,3], mask bool [N,H,W], inside which nothing is read -> what they are taken on."""
    known = frames[:, ::_STEP, ::_STEP][~mask[:, ::_STEP, ::_STEP]].astype(np.float32)
    if not len(known):
        return Film()
    level = known @ _LUMA
    colour, stain = _colours(known, level)
    black, white = np.percentile(level, [_BLACKEST, _WHITEST])
    haze = float(np.clip((black - _CLEAR) / (_HAZY - _CLEAR), 0, 1))
    return Film(colour, stain, haze * float(black), 255 - haze * (255 - float(white)))


def developed(levels: np.ndarray, film: Film) -> np.ndarray:
    """float [...,3]: levels 0 to 255 as the film shows them."""
    if film.colour < 1:
        gray = (levels @ _LUMA)[..., None]
        levels = gray * (1 + np.array(film.stain, levels.dtype)) + film.colour * (levels - gray)
    return np.asarray(film.black + levels * ((film.white - film.black) / 255))


def cleared(frames: np.ndarray, film: Film) -> np.ndarray:
    """uint8 [N,H,W,3] without haze: black is black again, as in pictures that networks have learnt from."""
    if film.black == 0:
        return frames
    levels = (np.arange(256) - film.black) * (255 / (film.white - film.black))
    return np.asarray(np.clip(np.round(levels), 0, 255).astype(np.uint8)[frames])


def _colours(known: np.ndarray, level: np.ndarray) -> tuple[float, tuple[float, float, float]]:
    """How much colour there is in levels float [N,3] of luma [N], and by what all is off gray if there is none."""
    off = known - level[:, None]
    usual = np.median(off / np.maximum(level, _DARK)[:, None], axis=0)
    spread = np.percentile(np.abs(off - usual * level[:, None]).max(axis=1), 98)
    colour = float(np.clip((spread - _NO_COLOUR) / (_COLOURS - _NO_COLOUR), 0, 1))
    red, green, blue = (float(value) for value in usual * (1 - colour))
    return colour, (red, green, blue)
