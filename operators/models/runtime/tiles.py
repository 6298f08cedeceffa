"""Large frames in overlapping tiles, so that a model sees them at native resolution in bounded memory."""

from math import ceil

Tile = tuple[slice, slice]


def tiles(height: int, width: int, side: int, overlap: int) -> list[Tile]:
    """Rows and columns of tiles of at most `side` px that cover height x width and share at least `overlap` px.

    A frame no larger than `side` is one tile.
    """
    if overlap >= side:
        raise ValueError(f"tiles of {side} px cannot share {overlap}")
    return [
        (rows, columns) for rows in _spans(height, side, overlap) for columns in _spans(width, side, overlap)
    ]


def _spans(extent: int, side: int, overlap: int) -> list[slice]:
    if extent <= side:
        return [slice(0, extent)]
    count = ceil((extent - overlap) / (side - overlap))
    length = ceil(
        (extent + (count - 1) * overlap) / count
    )  # no longer than needed: a look's time goes by its area
    starts = [round(number * (extent - length) / (count - 1)) for number in range(count)]
    return [slice(start, start + length) for start in starts]
