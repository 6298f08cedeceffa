"""The times at which a decoder gave frames -> those at which they are shown."""

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise

from operators.planning.streams import Unreadable

_MOST = 8  # one frame of so many may come where it is not shown
_PAUSE = 10  # seconds, and so many times the usual distance between frames
_LONGER = 100


def in_order(seen: list[int | None], clocks: int, mendable: bool) -> tuple[list[list[int]], int]:
    """Frames' times in order of display, cut where they go back or stand still as the packets' clock does, which starts
    `clocks` times; and how many frames are left out.

    Behind a hole decoders give some frames too late, or too early, as they no longer know which lean on which: where it
    is `mendable` these are left out, if they are few. Raises Unreadable for others: then they are no times of display.
    """
    order = [pts for pts in seen if pts is not None]
    cuts = [0, *(n for n, (one, other) in enumerate(pairwise(order), 1) if other <= one), len(order)]
    runs = [order[first:stop] for first, stop in pairwise(cuts)]
    if len(order) == len(seen) and len(runs) <= clocks:
        return runs, 0
    if mendable and clocks == 1 and len(order) == len(seen):
        kept = _increasing(order)
        if _MOST * (len(order) - len(kept)) <= len(order):
            return [kept], len(order) - len(kept)
    problem = "its timestamps do not tell the order in which its frames are shown"
    where = f" (first at frame {len(runs[0])})" if len(runs) > 1 else ""
    raise Unreadable(problem + where, "Transcode it, for example to H.264 in mp4")


def between_pauses(runs: list[list[int]], unit: Fraction) -> list[list[int]]:
    """Runs of times in units of `unit` seconds, cut where the clock jumps ahead: to another recording, or over a pause,
    with which no clip begins before and ends behind it. Of one who films a frame an hour that is no jump."""
    steps = sorted(other - one for run in runs for one, other in pairwise(run))
    if not steps:
        return runs
    most = max(_PAUSE / unit, Fraction(_LONGER * steps[len(steps) // 2]))
    parts = list[list[int]]()
    for run in runs:
        cuts = [n for n, (one, other) in enumerate(pairwise(run), 1) if other - one > most]
        parts += [run[first:stop] for first, stop in pairwise([0, *cuts, len(run)])]
    return parts


def _increasing(times: list[int]) -> list[int]:
    """As many of them as increase strictly, in their order."""
    last, before = (
        list[int](),
        list[int](),
    )  # of the best row of each length its last one; of each one who comes before
    ends = list[int]()
    for number, time in enumerate(times):
        length = bisect_left(last, time)
        last[length:], ends[length:] = [time, *last[length + 1 :]], [number, *ends[length + 1 :]]
        before.append(ends[length - 1] if length else -1)
    row, at = list[int](), ends[-1] if ends else -1
    while at >= 0:
        row.append(times[at])
        at = before[at]
    return row[::-1]
