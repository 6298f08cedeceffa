"""Frames that lost their content on the way: empty, black, frozen or blank where the source's are not."""

import cv2
import numpy as np

from schemas.certificate import Gate
from schemas.clip import GRAY
from schemas.policy import Gates

_MOVES = (
    2.0  # levels of mean change from frame to frame; below it the source itself may be still, but for noise
)
_FILL = 3  # levels by which the codec may change a flat fill


def degenerate(
    output: np.ndarray,
    source: np.ndarray,
    mask: np.ndarray,
    anew: np.ndarray,
    limits: Gates,
    filled: bool,
) -> list[Gate]:
    """Three gates on uint8 [T,H,W,3] frames and the bool [T,H,W] masks of what was generated and of who is made anew.

    content  frames whose generated part is of one colour although the source's is not; not asked of people who are
             `filled`, as gray is what was asked for
    black    the least 99th percentile of luma of a frame, where the source's is at least twice the limit
    frozen   the least change from one frame to the next, as a share of the source's change, inside or outside the mask;
             inside only while somebody is made anew: a wall that stands in for somebody stands still
    """
    luma = [[cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames] for frames in (output, source)]
    brightness = np.array([[np.percentile(frame, 99) for frame in frames] for frames in luma])
    lit = brightness[0, brightness[1] >= 2 * limits.black_level]
    darkest = float(lit.min(initial=255.0))
    slowest = _slowest(luma[0], luma[1], mask, np.asarray(anew.any(axis=(1, 2)) & (not filled)))
    empty = 0 if filled else _empty(output, source, mask, limits.empty_spread)
    return [
        Gate.at_most("content", empty, 0),
        Gate.at_least("black", darkest, limits.black_level),
        Gate.at_least("frozen", slowest, limits.frozen_share),
    ]


def blank(
    output: np.ndarray, painted: np.ndarray, made: np.ndarray, first: int, limits: Gates, filled: bool
) -> Gate:
    """How much of a frame is neither the source's nor generated; arguments as of `blank_share`."""
    share = blank_share(output, painted, made, first, filled)
    return Gate.at_most("blank", share, limits.blank_share)


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


def _slowest(
    output: list[np.ndarray], source: list[np.ndarray], mask: np.ndarray, somebody: np.ndarray
) -> float:
    """`somebody` bool [T]: in which frames the mask holds somebody who has to move."""
    shares = [1.0]
    for t in range(1, len(source)):
        changes = [cv2.absdiff(frames[t], frames[t - 1]) for frames in (output, source)]
        regions = [~(mask[t] | mask[t - 1])]
        regions += [mask[t] & mask[t - 1]] if somebody[t] and somebody[t - 1] else []
        for region in regions:
            after, before = (cv2.mean(change, region.astype(np.uint8))[0] for change in changes)
            if before >= _MOVES:
                shares.append(after / before)
    return min(shares)


def blank_share(output: np.ndarray, painted: np.ndarray, made: np.ndarray, first: int, filled: bool) -> float:
    """The largest share of a frame that is painted over outside `made`, or a flat fill inside it.

    output uint8 [T,H,W,3]; made bool [T,H,W] of what is not the source's; painted as `paint` takes it, frames counted
    from `first` frames before the output's. All of `made` is a fill if that was asked for, by `filled`; if not, as much
    of it as is flat and of the fill's gray.
    """
    over = painted_over(painted, made.shape, first)
    shares = [
        float(np.where(anew, filled or _flat(frame), there).mean())
        for frame, there, anew in zip(output, over, made, strict=True)
    ]
    return max(shares, default=float("nan"))


def painted_over(painted: np.ndarray, shape: tuple[int, ...], first: int) -> np.ndarray:
    """bool of `shape` [T,H,W]: where the rectangles are; `painted` and `first` as of `blank_share`."""
    over = np.zeros(shape, bool)
    for _, t, x0, y0, x1, y1 in painted.tolist():
        if first <= t < first + len(over):
            over[t - first, max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
    return over


def _flat(frame: np.ndarray) -> np.ndarray:
    """bool [H,W]: where a frame is of the gray that stands for what was taken out, and all around as well."""
    gray = cv2.inRange(frame, np.full(3, GRAY - _FILL), np.full(3, GRAY + _FILL))
    return cv2.erode(gray, np.ones((5, 5), np.uint8)) > 0
