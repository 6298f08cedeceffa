"""The re-audit: what a sample of released clips, decoded again, says of all of them. From the output alone."""

import random
from collections.abc import Iterable

import cv2
import numpy as np

from schemas.certificate import Certificate, generated

CONFIDENCE = 0.95
_BLOCK = 8  # px: means over blocks as large as the codec's even out what it changes from frame to frame
_STILL = 4.0  # levels that no block of a clip changes by if it shows one picture
_STOOD = 1.0  # what the gate `frozen` says where the source's pictures do not change
_ROUNDING = 2.0  # levels by which another decoder's luma may differ


def draw(keys: Iterable[str], count: int, seed: str) -> set[str]:
    """`count` of the keys, or all if there are fewer; the same for the same seed."""
    ordered = sorted(keys)
    return set(random.Random(seed).sample(ordered, min(count, len(ordered))))


def doubts(frames: np.ndarray, certificate: Certificate) -> list[str]:
    """What speaks against a clip's release, in words: uint8 [T,H,W,3] RGB as decoded, and what was certified of it.

    Nothing is asked that takes the source: a clip that was not generated may well be black and still, and so may one
    be still of which the gate says that nothing moved in the source: someone who sits before a wall. An independent
    detector, run on the frames, belongs here as well.
    """
    found = []
    luma = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    brightest = float(max(np.percentile(frame, 99) for frame in luma))
    scores = {gate.name: gate.score for gate in certificate.gates}
    claimed = scores.get("black", 255.0)
    if claimed < 255 and brightest < claimed - _ROUNDING:
        found.append("is darker than its certificate says")
    if generated(certificate.tracks, certificate.steps):
        if max(int(frame.max()) for frame in luma) - min(int(frame.min()) for frame in luma) < _STILL:
            found.append("is of one colour throughout")
        elif len(frames) > 1 and scores.get("frozen", 0.0) < _STOOD and _largest_change(luma) < _STILL:
            found.append("is one picture throughout, although its people were generated")
    return found


def _largest_change(luma: list[np.ndarray]) -> float:
    """Levels by which a block differs from itself in the first frame, at most; uint8 [H,W] each."""
    height, width = luma[0].shape
    size = (max(1, width // _BLOCK), max(1, height // _BLOCK))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in luma]
    return float(max(cv2.absdiff(frame, small[0]).max() for frame in small))


def bound(found: int, sampled: int, total: int) -> float:
    """The share of `total` clips that is bad at most, at CONFIDENCE, if `found` of `sampled` drawn at random are.

    Exact if all were sampled.
    """
    return found / max(total, 1) if sampled >= total else upper_bound(found, sampled)


def upper_bound(found: int, sampled: int) -> float:
    """One-sided Clopper-Pearson bound at CONFIDENCE; for none found it is 1 - 0.05^(1/n), about 3/n."""
    if not sampled:
        return 1.0
    from scipy.stats import binomtest  # slow to import, and every task that checks a shard would

    interval = binomtest(found, sampled, alternative="less").proportion_ci(CONFIDENCE, method="exact")
    return float(interval.high)
