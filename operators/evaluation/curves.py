"""What a report draws: who is found against the size of the gallery, and how likenesses are spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from operators.evaluation.figures import over
from operators.evaluation.recognition import Search, rank1_at
from schemas.evaluation import Look

_SIZES = (2, 5, 10, 20, 50, 100, 200, 500, 1000)  # of galleries
_BINS = np.linspace(-1, 1, 41)


def sizes(found: Sequence[Search]) -> dict[str, Any]:
    """`sizes` of galleries, up to as large a one as there was for everybody; of each `rank1`, and `between` which
    values it lies, drawn over sources: None of one source."""
    largest = min((one.others + 1 for one in found), default=0)
    some = [size for size in _SIZES if size < largest] + ([largest] if largest >= _SIZES[0] else [])
    figures = [over(found, lambda one, size=size: rank1_at([one], size)) for size in some]  # type: ignore[misc]
    return {
        "sizes": some,
        "rank1": [round(one.value or 0.0, 4) for one in figures],
        "between": [
            None if one.low is None or one.high is None else [round(one.low, 4), round(one.high, 4)]
            for one in figures
        ],
    }


def spread(queries: Sequence[Look], gallery: Sequence[Look], likeness: np.ndarray) -> dict[str, list[int]]:
    """How many pairs of who is shown and who was there have a cosine in each twentieth from -1 to 1: of the same person
    in the same clothes (`genuine`), and of strangers (`impostor`)."""
    same, dressed = (
        np.array([getattr(look, part) for look in queries], object)[:, None]
        == np.array([getattr(look, part) for look in gallery], object)[None]
        for part in ("person", "outfit")
    )
    return {
        name: np.histogram(likeness[which & np.isfinite(likeness)], _BINS)[0].tolist()
        for name, which in (("genuine", same & dressed), ("impostor", ~same))
    }
