"""When frames are shown, behind holes and over pauses: each is in a clip, or in the one record of what is missing."""

from fractions import Fraction
from itertools import chain
from pathlib import Path

import pytest

from operators.planning.order import between_pauses, in_order
from operators.planning.streams import Unreadable
from tests.operators.planning.test_frames import CODECS, nearest, plan, released, transport
from tests.videos import pictures, write

FRAMES = 60


def filmed(path: Path, bframes: int) -> bytes:
    if path.suffix == ".ts":
        return transport(path, pictures(FRAMES), 0, bframes).read_bytes()
    return write(path, pictures(FRAMES), **(CODECS["flv"] | {"options": {"bf": str(bframes)}})).read_bytes()


@pytest.mark.parametrize("bframes", [0, 2, 3])
@pytest.mark.parametrize("ending", ["ts", "flv"])
@pytest.mark.parametrize("lost", ["gone", "zeros"])
def test_a_hole_costs_the_frames_in_it_and_no_others(
    tmp_path: Path, ending: str, bframes: int, lost: str
) -> None:
    """Of what lies far enough from it every frame is released, as it was."""
    path = tmp_path / f"a.{ending}"
    data = filmed(path, bframes)
    for share, long in ((0.3, 0.1), (0.37, 0.05), (0.5, 0.2), (0.52, 0.013)):
        first, stop = (188 * int(len(data) * at // 188) for at in (share, share + long))
        path.write_bytes(data[:first] + (b"" if lost == "gone" else bytes(stop - first)) + data[stop:])
        refs = plan(path)
        shown = nearest(released(refs), pictures(FRAMES))
        assert set(shown) >= {*range(12), *range(48, FRAMES)}
        good = [ref for ref in refs if not ref.problem]
        assert len(shown) == sum(ref.frames for ref in good) > FRAMES * 0.7
        assert sum(ref.frames for ref in refs) - len(shown) == refs[0].missing <= FRAMES / 8


def test_few_frames_out_of_order_are_left_out_and_many_are_no_order() -> None:
    times: list[int | None] = [0, 1, 2, 3, 9, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]
    assert in_order(times, 1, True) == ([[0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]], 1)
    assert in_order([0, 1, 2, 1, 3, 4, 5, 6], 1, True) == ([[0, 1, 2, 3, 4, 5, 6]], 1)
    for wrong in ([1, 0, 3, 2, 5, 4], [3, 2, 1, 0], [0, None, 2, 3, 4, 5, 6, 7, 8]):
        with pytest.raises(Unreadable, match="do not tell the order"):
            in_order(wrong, 1, True)
    with pytest.raises(Unreadable, match="first at frame 5"):  # where frames are counted none can be left out
        in_order(times, 1, False)
    assert in_order([0, 1, 2, 0, 1, 2], 2, True) == ([[0, 1, 2], [0, 1, 2]], 0)


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("at", [24, 27, 31])  # frames; groups of pictures begin at every twelfth
def test_no_clip_lies_across_a_clock_that_jumps_ahead(tmp_path: Path, bframes: int, at: int) -> None:
    """Be it at a key frame or within a group of pictures: every frame is in a clip."""
    pts = [9000 * (n + 1000 * (n >= at)) for n in range(FRAMES)]
    options = {"bf": str(bframes)}
    path = write(tmp_path / "a.ts", pictures(FRAMES), time_base=Fraction(1, 90000), pts=pts, options=options)
    refs = plan(path)
    assert not any(ref.problem for ref in refs) and sum(ref.frames for ref in refs) == FRAMES
    assert nearest(released(refs), pictures(FRAMES)) == list(range(FRAMES))
    assert all(ref.pts[-1] - ref.pts[0] < 9000 * 60 for ref in refs)
    assert sum(ref.overlap == 0 for ref in refs) == 2


@pytest.mark.parametrize(
    ("times", "parts"),
    [
        ([0, 3600, 7200, 10800], 1),  # a frame an hour
        ([*range(20), *range(25, 40)], 1),  # five seconds
        ([*range(20), *range(400, 420)], 2),
        ([*range(20), *range(400, 420), *range(5000, 5010)], 3),
        ([0], 1),
        ([0, 1000], 1),  # nothing tells which is usual
    ],
)
def test_pauses_are_long_and_rare(times: list[int], parts: int) -> None:
    cut = between_pauses([times], Fraction(1))
    assert len(cut) == parts and [*chain(*cut)] == times
