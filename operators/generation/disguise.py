"""What others do to people in place of making them anew: for those who want no more than that, and to compare with."""

from typing import assert_never

import cv2
import numpy as np

from operators.actor.background.plate import plate
from operators.video.shots import shots
from schemas.rules import Disguise

_SIGMA = 0.06  # of a person's height
_BLOCK = 1 / 12  # of a person's height
_LEAST = 8  # px: of a block, and twice the sigma


def disguised(name: Disguise, frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """uint8 [T,H,W,3]: `frames` with what `mask` bool [T,H,W] marks treated so; the rest as it is.

    blur      Gaussian, sigma 6 % of the height of each connected part, 4 px at least
    pixelate  blocks of a twelfth of the height of each connected part, 8 px at least
    blackout  black
    inpaint   the background from other frames of the shot, and where none shows it, from around
    """
    match name:
        case "blackout":
            return np.where(mask[..., None], np.uint8(0), frames)
        case "inpaint":
            ends = [slice(*one) for one in shots(frames)]
            return np.concatenate([plate(frames[one], mask[one]).frames for one in ends])
        case "blur" | "pixelate":
            return np.stack([_by_part(name, *pair) for pair in zip(frames, mask, strict=True)])
    assert_never(name)


def _by_part(name: str, frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Each connected part of a bool [H,W] mask by its own height."""
    done = frame.copy()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for number in range(1, count):
        x, y, width, height, _ = stats[number]
        around = round(3 * max(_LEAST / 2, _SIGMA * height))
        top, left = max(0, y - around), max(0, x - around)
        part = np.s_[top : y + height + around, left : x + width + around]
        changed = _blurred(frame[part], height) if name == "blur" else _blocks(frame[part], height)
        inside = labels[part] == number
        done[part][inside] = changed[inside]
    return done


def _blurred(picture: np.ndarray, height: int) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), max(_LEAST / 2, _SIGMA * height))


def _blocks(picture: np.ndarray, height: int) -> np.ndarray:
    side = max(_LEAST, round(_BLOCK * height))
    size = max(1, round(picture.shape[1] / side)), max(1, round(picture.shape[0] / side))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
