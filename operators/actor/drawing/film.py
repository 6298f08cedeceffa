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
_LEAST = 0.25  # share of the picture that has to be seen
# Share of their colours that actors keep at least: without any the gates' embeddings take strangers for each other, and
# three of six real cuts in black and white came out as gray shapes.
_FAINT = 0.3
_STAINED = 0.2  # of its level that a colour has left at least, for anything to be said of it
_BLACKEST, _WHITEST = 0.5, 99.5  # percentiles
# Level of the darkest channel (He et al. 2009) where something is black or has a colour, and through haze. Twenty-four
# real cuts have 59 at most, one of them in fog of two fifths and of two thirds 103 and 146.
_CLEAR, _HAZY = 60.0, 100.0
# A bare wall has nothing black, either: what has fewer levels than that says nothing, and so much is kept of whoever
# stands before it.
_FEWEST = 40.0
_BLACK, _LEFT = 150.0, 75.0  # the most that black is lifted to, and levels from there to white at least


def film_of(frames: np.ndarray, mask: np.ndarray) -> Film:
    """frames uint8 [N,H,W,3], mask bool [N,H,W], inside which nothing is read -> what they are taken on.

    Nothing is said of a picture that is nearly all hidden: a wall beside somebody's face is gray in colours as well.
    """
    free = ~mask[:, ::_STEP, ::_STEP]
    known = frames[:, ::_STEP, ::_STEP][free].astype(np.float32)
    if len(known) < _LEAST * free.size or not len(known):
        return Film()
    black = float(np.percentile(known.min(axis=1), _BLACKEST))
    least, white = (float(level) for level in np.percentile(known @ _LUMA, [_BLACKEST, _WHITEST]))
    haze = float(np.clip((black - _CLEAR) / (_HAZY - _CLEAR), 0, 1)) if white - least >= _FEWEST else 0.0
    black, white = haze * black, 255 - haze * (255 - white)
    smooth = np.concatenate([_smooth(*pair) for pair in zip(frames, mask, strict=True)])
    colour, stain = _colours(smooth, (white - black) / 255) if len(smooth) else (1.0, (0.0, 0.0, 0.0))
    return Film(colour, stain, black, white)


def developed(levels: np.ndarray, film: Film) -> np.ndarray:
    """float [...,3]: levels 0 to 255 as the film shows them."""
    if film.colour < 1:
        gray = (levels @ _LUMA)[..., None]
        levels = gray * (1 + np.array(film.stain, levels.dtype)) + film.colour * (levels - gray)
    black = min(film.black, _BLACK)
    return np.asarray(black + levels * ((max(film.white, black + _LEFT) - black) / 255))


def cleared(frames: np.ndarray, film: Film) -> np.ndarray:
    """uint8 [N,H,W,3] without haze and stain, as pictures are that networks have learnt from: black is black again, and
    what has no colour is gray."""
    if film.black == 0 and not any(film.stain):
        return frames
    whole = (np.arange(256) - film.black) * (255 / (film.white - film.black))
    tables = [
        np.clip(np.round(whole / max(1 + one, _STAINED)), 0, 255).astype(np.uint8) for one in film.stain
    ]
    return np.stack([table[frames[..., n]] for n, table in enumerate(tables)], axis=-1)


def _smooth(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """float32 [N,3]: means over squares of a frame that no mask touches, so that noise is no colour."""
    height, width = (side // _STEP * _STEP for side in mask.shape)
    size = max(1, width // _STEP), max(1, height // _STEP)
    small = cv2.resize(frame[:height, :width].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    touched = cv2.resize(mask[:height, :width].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small[touched == 0])


def _colours(known: np.ndarray, clear: float) -> tuple[float, tuple[float, float, float]]:
    """How much colour there is in levels float [N,3], seen through haze that leaves `clear` of it, and by what all is
    off gray if there is none."""
    level = known @ _LUMA
    off = known - level[:, None]
    usual = np.median(off / np.maximum(level, _DARK)[:, None], axis=0)
    spread = np.percentile(np.abs(off - usual * level[:, None]).max(axis=1), 98) / clear
    colour = float(np.clip((spread - _NO_COLOUR) / (_COLOURS - _NO_COLOUR), _FAINT, 1))
    red, green, blue = (float(value) for value in usual * (1 - colour) / (1 - _FAINT))
    return colour, (red, green, blue)
