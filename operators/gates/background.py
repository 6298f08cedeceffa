"""Is what surrounds the people still the source's, and what is in their place what the policy asks for?"""

import numpy as np

from operators.generation.disguise import disguised
from schemas.certificate import Gate
from schemas.rules import Disguise

_NOTHING = 99.0  # dB where there is no pixel to compare, or none differs
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def background(output: np.ndarray, source: np.ndarray, region: np.ndarray, least: float) -> Gate:
    """At least `least` dB of luma PSNR over the pixels `region` bool [T,H,W] of uint8 [T,H,W,3] frames."""
    return Gate.at_least("background", _psnr(output, source, region), least)


def disguise(
    output: np.ndarray, source: np.ndarray, mask: np.ndarray, people: Disguise, least: float
) -> Gate:
    """At least `least` dB of luma PSNR inside `mask` bool [T,H,W], in every frame, to the source disguised once more.

    Frames uint8 [T,H,W,3]; `source` is painted over already where the policy redacts plates, text and screens.
    """
    again = disguised(people, source, mask)
    frames = [slice(t, t + 1) for t in range(len(mask))]
    return Gate.at_least("disguise", min(_psnr(output[t], again[t], mask[t]) for t in frames), least)


def _psnr(output: np.ndarray, source: np.ndarray, region: np.ndarray) -> float:
    """Of luma: H.264 halves the resolution of colour, which is no fault. Frame by frame: as floating point numbers a
    clip would take gigabytes."""
    if not region.any():
        return _NOTHING
    error = 0.0
    for after, before, where in zip(output, source, region, strict=True):
        difference = (after.astype(np.float32) - before) @ _LUMA
        error += float(np.square(difference[where]).sum(dtype=np.float64))
    return min(_NOTHING, 10 * float(np.log10(255**2 / max(error / region.sum(), 1e-6))))
