"""Every pixel is in a tile, and neighbouring tiles share enough that a face on a seam is whole in one of them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.models.runtime.tiles import tiles


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(64, 700), st.data())
def test_tiles_cover_and_share(height: int, width: int, side: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, side // 2))
    found = tiles(height, width, side, overlap)
    for spans, extent in zip(zip(*found, strict=True), (height, width), strict=True):
        edges = sorted({(span.start, span.stop) for span in spans})
        assert edges[0][0] == 0 and edges[-1][1] == extent
        assert all(0 < stop - start <= side for start, stop in edges)
        assert all(before[1] - after[0] >= overlap for before, after in pairwise(edges))
        assert len({stop - start for start, stop in edges}) == 1


def test_a_tile_must_be_larger_than_what_tiles_share() -> None:
    with pytest.raises(ValueError, match="cannot share"):
        tiles(100, 100, 32, 32)
