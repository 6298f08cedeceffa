"""Is what surrounds the people still the source's?"""

import numpy as np

from schemas.certificate import Gate

_NOTHING = 99.0  # dB where there is no pixel to compare, or none differs
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def background(output: np.ndarray, source: np.ndarray, region: np.ndarray, least: float) -> Gate:
    """At least `least` dB of luma PSNR over the pixels `region` bool [T,H,W] of uint8 [T,H,W,3] frames."""
    return Gate.at_least("background", _psnr(output, source, region), least)


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
