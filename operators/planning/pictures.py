"""Single pictures in order -> clip references: of one sequence and shape, as far as the clock goes on."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Any

from operators.planning.cut import longest, windows
from operators.planning.frames import bounded
from operators.video.still import Still, facts, require_whole
from schemas.clip import ClipRef, ImageFile
from schemas.profile import Clips

MOST = 1 << 31  # units of time between two pictures, as files of released clips take them


@dataclass(frozen=True)
class Looked:
    """A picture: its bytes' digest, how it is shown or why it is not, and when, in units of the source's time.
    No clip holds pictures of two sequences."""

    file: ImageFile
    still: Still | None
    problem: str
    moment: int = 0
    sequence: str = ""


def usable(data: bytes, clips: Clips) -> Still:
    """The shape of a picture that can be decoded. Raises Unusable, or Unreadable if it is too large for the clips:
    before it is decoded, as a small file can be a large picture."""
    still = facts(data)
    longest(still.width, still.height, clips)
    require_whole(data)
    return still


def clips_of(
    seen: list[Looked], empty: ClipRef, clips: Clips, rate: Fraction | None, remedy: str
) -> list[ClipRef]:
    """The windows of those that can be shown, then one reference with a `problem` for all that share it. `empty` says
    what all have in common; its first frame is theirs."""
    runs = list(_runs([one for one in seen if one.still]))
    span = sum(run[-1].moment - run[0].moment for run in runs) * empty.time_base
    steps = sum(map(len, runs)) - len(runs)
    fps = bounded(rate or (steps / span if span else Fraction(25)))
    empty = replace(empty, fps_num=fps.numerator, fps_den=fps.denominator)
    made, begin = list[ClipRef](), empty.first_frame
    for run in runs:
        made += _windows(run, replace(empty, first_frame=begin), clips)
        begin += len(run)
    refused = defaultdict[str, list[Looked]](list)
    for one in seen:
        if not one.still:
            refused[one.problem].append(one)
    for problem, own in refused.items():
        said = f"{len(own)} pictures {problem}"
        made.append(replace(_of(empty, own), first_frame=begin, problem=said, remedy=remedy))
        begin += len(own)
    return made


def _windows(run: list[Looked], empty: ClipRef, clips: Clips) -> Iterator[ClipRef]:
    """Of pictures of one shape, behind those that come before them."""
    still = run[0].still
    if not still:
        return
    shape: dict[str, Any] = asdict(still)
    for first, stop in windows(len(run), longest(still.width, still.height, clips), clips.overlap):
        part = _of(replace(empty, **shape), run[first:stop])
        yield replace(part, first_frame=empty.first_frame + first, overlap=clips.overlap if first else 0)


def _of(empty: ClipRef, part: list[Looked]) -> ClipRef:
    return replace(empty, pts=[one.moment for one in part], images=[one.file for one in part])


def _runs(seen: list[Looked]) -> Iterator[list[Looked]]:
    """Pictures of one sequence and shape, in the order of a clock that goes on."""
    for _, alike in groupby(seen, lambda one: (one.sequence, one.still)):
        run: list[Looked] = []
        for one in alike:
            if run and not 0 < one.moment - run[-1].moment < MOST:
                yield run
                run = []
            run.append(one)
        yield run
