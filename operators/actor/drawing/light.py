"""The light, softness and grain of what surrounds a person, for the actor who takes the place."""

import cv2
import numpy as np

from operators.actor.drawing.film import film_of
from schemas.actor import Light

_MIDDLE = 0.22  # mean linear light of a scene in which the default light looks right
_BRIGHTEST = 1.1  # times the default; more bleaches skin
_WHITE = 97  # percentile of the surroundings' levels that something white among them is taken to have
_LIT_WHITE = 1.25  # linear light in which white cloth shows in the default light
_DIM = 0.25  # times the default; less is too dark for anybody who was filmed by day,
_DAYLIGHT = 150  # when one pixel in twenty has this level or more,
_NIGHT = 0.08  # or than this share of that: somebody is to be seen at night as well
_CLOSE_UP = 0.85  # times the default: whoever fills the picture is what the camera has exposed for
# And the spread of its levels, between the quartiles: a dark chair that one clip masks and the next does not
# changes them by 5 %, and the standard deviation by 24 %.
_CONTRAST = 80
_DIRECT = 0.53  # share of the sun in what somebody looks like in the default light, in levels
_REBLUR = 1.0  # px
_SHARPER = (
    0.25  # the quantile of softness that counts: what lies behind is often out of focus, people seldom are
)
_MARGIN = 0.3  # of a box's longer side: what counts as around it
_OWN_BLUR = 0.83  # px: what a perfectly sharp picture seems to have, by this measure
_MOST_BLUR, _MOST_GRAIN = 3.0, 8.0


def match_light(frames: np.ndarray, mask: np.ndarray, boxes: np.ndarray, first: int = 0) -> Light:
    """One light for a whole track, so that it does not flicker.

    frames uint8 [T,H,W,3], mask bool [T,H,W] of everybody, boxes [N,4] px of the track from frame `first` on. Nothing
    inside the mask is read.
    """
    steps = np.unique(np.linspace(0, len(boxes) - 1, min(12, len(boxes))).astype(int))
    views = [_around(frames[first + t], ~mask[first + t], boxes[t]) for t in steps]
    pixels = np.concatenate([picture[known][::7] for picture, known in views])
    if len(pixels) < 50:
        return Light()
    mean = ((pixels / 255.0) ** 2.2).mean(0)
    level = max(float(mean.mean()), 1e-4)
    white = _before_tone(float(np.percentile(pixels.mean(1), _WHITE)))
    shown, hidden = frames[first + steps], mask[first + steps]
    gain = min((level / _MIDDLE) ** 0.75, white / _LIT_WHITE)
    gain = float(np.clip(gain, _dimmest(shown, hidden), _BRIGHTEST))
    gain = max(gain, _CLOSE_UP * float(hidden.mean()) ** 2)
    tint = np.clip(mean / level, 0.7, 1.4) ** 0.7 * gain
    quartiles = np.percentile(pixels.mean(1), [25, 75])
    hard = float(np.clip(np.ptp(quartiles) / _CONTRAST, 0.5, 1.3))
    usual, soft = Light(), 1.35 - 0.35 * hard  # flat light where the surroundings have little contrast
    # and on the whole as much: what a mask hides of the surroundings changes their contrast from clip to clip.
    tint /= _DIRECT * hard + (1 - _DIRECT) * soft
    middle = first + int(steps[len(steps) // 2])
    blurs, grains = zip(*(_softness(*view) for view in views), strict=True)
    lens, _ = _softness(
        frames[middle], ~mask[middle]
    )  # whatever is sharp in the frame shows what the lens can
    return Light(
        usual.direction,
        _times(usual.sun, tint * hard),
        _times(usual.sky, tint * soft),
        _times(usual.ground, tint * soft),
        float(np.clip(min(np.quantile(blurs, _SHARPER), lens), 0, _MOST_BLUR)),
        float(np.clip(np.median(grains), 0, _MOST_GRAIN)),
        film_of(shown, hidden),
    )


def _dimmest(frames: np.ndarray, mask: np.ndarray) -> float:
    """The least light that somebody stands in, times the default: before something black they are lit as the rest of
    the picture, and at night, where nothing in it is bright, they are dark."""
    bright = frames[:, ::8, ::8].mean(axis=3)[~mask[:, ::8, ::8]]
    if not len(bright):
        return _DIM
    light = _before_tone(float(np.percentile(bright, 95))) / _before_tone(_DAYLIGHT)
    return _DIM * float(np.clip(light, _NIGHT, 1))


def _before_tone(level: float) -> float:
    """The linear light that operators/actor/drawing/shade.tone shows as this level of 255."""
    shown = (level / 255) ** 2.2
    half = 1 - 0.55 * shown
    return (-half + np.sqrt(half**2 + 0.48 * shown)) / 0.24


def _around(frame: np.ndarray, known: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    margin = _MARGIN * float(max(box[2] - box[0], box[3] - box[1]))
    height, width = known.shape
    x0, y0 = (int(np.clip(box[side] - margin, 0, limit - 1)) for side, limit in ((0, width), (1, height)))
    x1, y1 = (int(np.clip(box[side] + margin, 1, limit)) for side, limit in ((2, width), (3, height)))
    return frame[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)], known[
        y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)
    ]


def _softness(picture: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Blur (sigma in px, beyond a sharp drawing's) and grain (levels) of what is known.

    Blur from how much blurring edges once more weakens them (Zhuo and Sim 2011); noise from the Laplacian that edges
    hardly pass (Immerkaer 1996).
    """
    inside = cv2.erode(known.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0) > 0
    if inside.sum() < 200:
        return 0.0, 0.0
    gray = cv2.cvtColor(np.where(known[..., None], picture, np.uint8(128)), cv2.COLOR_RGB2GRAY).astype(
        np.float32
    )
    sharp, soft = _gradient(gray)[inside], _gradient(cv2.GaussianBlur(gray, (0, 0), _REBLUR))[inside]
    edges = sharp >= max(float(np.percentile(sharp, 95)), 8.0)
    noise = cv2.filter2D(gray, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32))
    grain = 1.4826 * float(np.median(np.abs(noise[inside]))) / 6
    if edges.sum() < 30:
        return 0.0, grain
    ratio = float(np.quantile(sharp[edges] / np.maximum(soft[edges], 1e-3), 1 - _SHARPER))
    blur = _REBLUR / np.sqrt(max(ratio**2 - 1, 1e-2))
    return float(np.sqrt(max(blur**2 - _OWN_BLUR**2, 0))), grain


def _gradient(gray: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))


def _times(colour: tuple[float, float, float], by: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in np.array(colour) * by)
    return red, green, blue
