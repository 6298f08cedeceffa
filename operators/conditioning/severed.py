"""Masks over what something in front cuts off from somebody: a leg beyond a post, a hand beyond a sign."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from operators.conditioning.limbs import take_in
from operators.conditioning.pieces import around, pieces
from schemas.policy import MaskPolicy
from schemas.track import Track, union

_REACH = 0.3  # of a person's height around their box in which pieces are looked for
_BINS = (8, 32, 32)  # of lightness and the two colour axes of CIELAB
_COMMON = 0.004  # of the person's pixels that a colour makes up at least
_TIMES = 12.0  # more often on the person than in what surrounds everybody
_SMALLEST = 0.0015  # of the person's height squared: the area of a piece
_SPREAD = 1  # frames before and after a sighting in which the mask grows, too


def cover_severed(frames: np.ndarray, people: Sequence[Track], policy: MaskPolicy) -> list[Track]:
    """The tracks with masks that also cover pieces in somebody's colours nearby, of uint8 [T,H,W,3] RGB frames.

    A detector that knows whole people sees nobody in a lone shin, nor does the gates' witness. A piece counts if its
    colours are common on the person and rare in the scene, and if it ends within reach: what goes on beyond is
    scenery that has the same colour. Bodies stay as they are, as in cover_limbs.
    """
    if not people:
        return []
    shape = frames.shape[:3]
    colours = np.stack([_binned(frame) for frame in frames])
    covered = union(people, "mask", shape)
    scene = _shares(frame[~there] for frame, there in zip(colours, covered, strict=True))
    parts = np.zeros(shape, bool)
    for track in people:
        bodies = enumerate(track.bodies.frames, track.first)
        own = _shares(body.pick(colours[t]) for t, body in bodies)
        telling = (own > _COMMON) & (own > _TIMES * scene)
        for t, box in enumerate(track.boxes_throughout().round().astype(int), track.first):
            height = int(box[3] - box[1])
            window = around(box, round(_REACH * height))
            alike = (telling[colours[t][window]] & ~covered[t][window]).astype(np.uint8)
            opened = cv2.morphologyEx(alike, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
            piece = pieces(opened, _SMALLEST * height**2)
            parts[max(0, t - _SPREAD) : t + _SPREAD + 1, window[0], window[1]] |= piece
    return take_in(people, parts, policy)


def _binned(frame: np.ndarray) -> np.ndarray:
    """uint16 [H,W]: which colour of _BINS each pixel of uint8 [H,W,3] RGB has, without its noise."""
    lab = cv2.cvtColor(cv2.GaussianBlur(frame, (3, 3), 0), cv2.COLOR_RGB2LAB)
    light, a, b = (part // (256 // bins) for part, bins in zip(cv2.split(lab), _BINS, strict=True))
    return (light.astype(np.uint16) * _BINS[1] + a) * _BINS[2] + b


def _shares(colours: Iterable[np.ndarray]) -> np.ndarray:
    """float [bins]: how often each colour occurs in arrays [n] of them, neighbouring lightness counted in part."""
    total = np.zeros(int(np.prod(_BINS)), np.int64)
    for some in colours:  # all at once as integers would be a clip eight times
        total += np.bincount(some, minlength=len(total))
    counts = total.reshape(_BINS).astype(float)
    near = counts.copy()
    near[1:] += counts[:-1] / 2
    near[:-1] += counts[1:] / 2
    return (near / max(1.0, float(counts.sum()))).ravel()
