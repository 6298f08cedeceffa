"""Does somebody turn into somebody else within a clip? By looks, from each moment that is looked at to the next."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from operators.evaluation.before import Before
from operators.evaluation.judges.bodies import Embedder, described
from operators.models.witnesses.reid import largest

_FALL = 0.35  # by which a likeness to the moment before is less than the source's where somebody has become another


def steady(frames: np.ndarray, before: Before, embedders: Mapping[str, Embedder]) -> np.ndarray:
    """float [N,E]: how like themselves everybody stays from one moment to the next in uint8 [T,H,W,3] frames, where
    they stand in the source, by each embedder."""
    found = [np.zeros((0, len(embedders)))]
    for number in range(1, len(before.somebody.people) + 1):
        crops = [largest(before.somebody.masks[t] == number) for t in before.moments]
        seen = [i for i, one in enumerate(crops) if one is not None]
        shown = [(one, frames[t]) for t, one in zip(before.moments, crops, strict=True) if one is not None]
        pairs = [i for i, (a, b) in enumerate(pairwise(seen)) if b == a + 1]
        if pairs:
            vectors = described(shown, embedders)
            found.append((vectors[:, :-1] * vectors[:, 1:]).sum(axis=2)[:, pairs].T)
    return np.concatenate(found)


def jumps(made: np.ndarray, source: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """(name, numerator, denominator) of "jumping": of the steps of everybody, as `steady` gives them of what was made
    and of the source, those in which they stay less like themselves than in the source, as every embedder has it."""
    for one in (source - made > _FALL).all(axis=1):
        yield "jumping", float(one), 1.0
