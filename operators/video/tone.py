"""Pictures of a wider range than BT.709 -> what a BT.709 display shows of them: PQ, HLG, and BT.2020 as it is.

Light is what ITU-R BT.2100 says of PQ (in nits) and of HLG (on a display of 1000 nits). The curve of BT.2390, 5.4.1,
compresses it from 1000 nits to the 203 of reference white (BT.2408), by the brightest of the three primaries so that
hues stay; then primaries are those of BT.709, what lies outside of them is cut off, and BT.1886 codes it.
"""

from functools import cache

import av
import cv2
import numpy as np

_TRANSFERS = {16: "PQ", 18: "HLG"}  # of color_trc, ISO/IEC 23091-2
_BT2020 = 9  # of color_primaries and colorspace, there
PEAK, WHITE = 1000.0, 203.0  # nits of source and result
_CODES = np.linspace(0, 1, 1 << 12)  # a coded channel is looked up by its first 12 bits
_GAMMA = 2.4
# By color_primaries, to those of BT.709: its own; P3 with D65; else of BT.2020, by ITU-R BT.2087.
_PRIMARIES = {
    1: np.eye(3),
    12: np.array([[1.2249, -0.2249, 0.0], [-0.0420, 1.0420, 0.0], [-0.0197, -0.0786, 1.0983]]),
    _BT2020: np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
}
_HLG_LUMA = np.array([[0.2627, 0.6780, 0.0593]])


def transfer(frame: av.VideoFrame) -> str:
    """PQ, HLG or BT.2020: what has to be brought into BT.709; empty for what is shown as it is."""
    wide = _BT2020 in (frame.color_primaries, frame.colorspace)
    return _TRANSFERS.get(int(frame.color_trc), "BT.2020" if wide else "")


def to_bt709(frame: av.VideoFrame) -> np.ndarray:
    """uint8 [H,W,3] RGB of a frame that `transfer` names."""
    unsaid = (
        int(frame.colorspace) in (0, 2) and "rgb" not in frame.format.name and "gbr" not in frame.format.name
    )
    picture = frame.reformat(format="rgb48le", src_colorspace="BT2020" if unsaid else None).to_ndarray()
    kind = transfer(frame)
    light = _light(kind)[picture >> 4]
    if kind == "HLG":  # scene to display: the system's gamma of 1.2 at 1000 nits
        light *= np.maximum(cv2.transform(light, _HLG_LUMA.astype(np.float32)), 1e-6)[..., None] ** 0.2
    if kind != "BT.2020":
        brightest = np.clip(light.max(-1) * PEAK / 10000, 0, 1)
        light *= (_gain()[np.round(_pq(brightest) * (_CODES.size - 1)).astype(np.uint16)])[..., None]
    primaries = _PRIMARIES.get(int(frame.color_primaries), _PRIMARIES[_BT2020])
    shown = np.clip(cv2.transform(light, primaries.astype(np.float32)), 0, 1)
    return _coded()[np.round(np.sqrt(shown) * (_CODES.size - 1)).astype(np.uint16)]


@cache
def _light(kind: str) -> np.ndarray:
    """float32: light of each code, 1 at PEAK for PQ and HLG, at white for BT.2020."""
    match kind:
        case "PQ":
            return (_nits(_CODES) / PEAK).astype(np.float32)
        case "HLG":
            a, b, c = 0.17883277, 0.28466892, 0.55991073
            scene = np.where(_CODES <= 0.5, _CODES**2 / 3, (np.exp((_CODES - c) / a) + b) / 12)
            return scene.astype(np.float32)
    return (_CODES**_GAMMA).astype(np.float32)


@cache
def _gain() -> np.ndarray:
    """float32: by the PQ code of light, what it is multiplied with to go from 1 at PEAK to 1 at WHITE."""
    most, white = _pq(np.array(PEAK / 10000)), _pq(np.array(WHITE / 10000)) / _pq(np.array(PEAK / 10000))
    code = np.minimum(_CODES / most, 1)
    knee = 1.5 * white - 0.5
    t = np.clip((code - knee) / (1 - knee), 0, 1)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * white
    )
    shown = np.where(code < knee, code, curve) * most
    gain = _nits(shown) / WHITE / np.maximum(_nits(_CODES) / PEAK, 1e-9)
    gain[0] = PEAK / WHITE
    return gain.astype(np.float32)


@cache
def _coded() -> np.ndarray:
    """uint8: the code of light by its root, which spreads what is dark."""
    return np.round(255 * _CODES ** (2 / _GAMMA)).astype(np.uint8)


def _nits(code: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084."""
    root = code ** (1 / 78.84375)
    return 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def _pq(light: np.ndarray) -> np.ndarray:
    """Its inverse, of light in units of 10000 nits."""
    power = light**0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
