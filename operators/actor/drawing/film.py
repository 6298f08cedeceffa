"""What a picture makes of colours and levels, so that whoever is drawn into it is of the same film."""

import cv2
import numpy as np

from schemas.actor import Film

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_STEP = 8  # px: a side of the squares that are looked at
_DARK = 24.0  # levels below which a colour is no more than noise
# Levels off the usual stain that the 98th percentile of a picture has: in black and white, where only its encoding is
# to be seen; in a picture of few colours.
_NO_COLOUR, _COLOURS = 3.0, 8.0
# Share of their colours that actors keep at least: without any the gates' embeddings take strangers for each other, and
# three of six real cuts in black and white came out as gray shapes.
_FAINT = 0.3
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
    black, white = np.percentile(known @ _LUMA, [_BLACKEST, _WHITEST])
    smooth = np.concatenate([_smooth(*pair) for pair in zip(frames, mask, strict=True)])
    colour, stain = _colours(smooth) if len(smooth) else (1.0, (0.0, 0.0, 0.0))
    haze = float(np.clip((black - _CLEAR) / (_HAZY - _CLEAR), 0, 1))
    return Film(colour, stain, haze * float(black), 255 - haze * (255 - float(white)))


def developed(levels: np.ndarray, film: Film) -> np.ndarray:
    """float [...,3]: levels 0 to 255 as the film shows them."""
    if film.colour < 1:
        gray = (levels @ _LUMA)[..., None]
        levels = gray * (1 + np.array(film.stain, levels.dtype)) + film.colour * (levels - gray)
    return np.asarray(film.black + levels * ((film.white - film.black) / 255))


def cleared(frames: np.ndarray, film: Film) -> np.ndarray:
    """uint8 [N,H,W,3] without haze and stain, as pictures are that networks have learnt from: black is black again, and
    what has no colour is gray."""
    if film.black == 0 and not any(film.stain):
        return frames
    whole = (np.arange(256) - film.black) * (255 / (film.white - film.black))
    tables = [np.clip(np.round(whole / (1 + one)), 0, 255).astype(np.uint8) for one in film.stain]
    return np.stack([table[frames[..., n]] for n, table in enumerate(tables)], axis=-1)


def _smooth(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """float32 [N,3]: means over squares of a frame that no mask touches, so that noise is no colour."""
    height, width = (side // _STEP * _STEP for side in mask.shape)
    size = max(1, width // _STEP), max(1, height // _STEP)
    small = cv2.resize(frame[:height, :width].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    touched = cv2.resize(mask[:height, :width].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small[touched == 0])


def _colours(known: np.ndarray) -> tuple[float, tuple[float, float, float]]:
    """How much colour there is in levels float [N,3], and by what all is off gray if there is none."""
    level = known @ _LUMA
    off = known - level[:, None]
    usual = np.median(off / np.maximum(level, _DARK)[:, None], axis=0)
    spread = np.percentile(np.abs(off - usual * level[:, None]).max(axis=1), 98)
    colour = float(np.clip((spread - _NO_COLOUR) / (_COLOURS - _NO_COLOUR), _FAINT, 1))
    red, green, blue = (float(value) for value in usual * (1 - colour) / (1 - _FAINT))
    return colour, (red, green, blue)
