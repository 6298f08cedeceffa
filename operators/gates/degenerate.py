"""Frames that lost their content on the way: empty, black, frozen or painted over where the source's are not."""

import cv2
import numpy as np

from schemas.certificate import Gate
from schemas.policy import Gates

_MOVES = (
    2.0  # levels of mean change from frame to frame; below it the source itself may be still, but for noise
)


def degenerate(
    output: np.ndarray, source: np.ndarray, mask: np.ndarray, limits: Gates, filled: bool
) -> list[Gate]:
    """Three gates on uint8 [T,H,W,3] frames and the bool [T,H,W] mask of what was generated.

    content  frames whose generated part is of one colour although the source's is not; not asked of people who are
             `filled`, as gray is what was asked for
    black    the least 99th percentile of luma of a frame, where the source's is at least twice the limit
    frozen   the least change from one frame to the next, as a share of the source's change, inside or outside the mask
    """
    luma = [[cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames] for frames in (output, source)]
    brightness = np.array([[np.percentile(frame, 99) for frame in frames] for frames in luma])
    lit = brightness[0, brightness[1] >= 2 * limits.black_level]
    darkest = float(lit.min(initial=255.0))
    slowest = _slowest(luma[0], luma[1], mask, filled)
    empty = 0 if filled else _empty(output, source, mask, limits.empty_spread)
    return [
        Gate.at_most("content", "frames left empty", empty, 0),
        Gate.at_least("black", "luma of the darkest frame", darkest, limits.black_level),
        Gate.at_least("frozen", "least motion / the source's", slowest, limits.frozen_share),
    ]


def painted_over(painted: np.ndarray, shape: tuple[int, int, int], first: int, limits: Gates) -> Gate:
    """How much of a frame is blacked out or blurred; arguments as of `painted_share`."""
    share = painted_share(painted, shape, first)
    return Gate.at_most("painted", "largest share of a frame painted over", share, limits.painted_share)


def _empty(output: np.ndarray, source: np.ndarray, mask: np.ndarray, least: float) -> int:
    count = 0
    for after, before, masked in zip(output, source, mask, strict=True):
        region = masked if masked.any() else np.ones_like(masked)
        count += bool(_spread(after[region]) < least <= _spread(before[region]))
    return count


def _spread(pixels: np.ndarray) -> float:
    """Levels between the 10th and 90th percentile: the codec's ringing along an edge does not count."""
    low, high = np.percentile(pixels, [10, 90], axis=0)
    return float((high - low).max())


def _slowest(output: list[np.ndarray], source: list[np.ndarray], mask: np.ndarray, filled: bool) -> float:
    shares = [1.0]
    for t in range(1, len(source)):
        changes = [cv2.absdiff(frames[t], frames[t - 1]) for frames in (output, source)]
        regions = [~(mask[t] | mask[t - 1])] if filled else [~(mask[t] | mask[t - 1]), mask[t] & mask[t - 1]]
        for region in regions:
            after, before = (cv2.mean(change, region.astype(np.uint8))[0] for change in changes)
            if before >= _MOVES:
                shares.append(after / before)
    return min(shares)


def painted_share(painted: np.ndarray, shape: tuple[int, int, int], first: int = 0) -> float:
    """The largest share of a frame that `paint` covers, of the T frames from `first` on; shape (T, H, W)."""
    covered = np.zeros(shape, bool)
    for _, t, x0, y0, x1, y1 in painted.tolist():
        if first <= t < first + len(covered):
            covered[t - first, max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
    return float(covered.mean(axis=(1, 2)).max(initial=0.0))
