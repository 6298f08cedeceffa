"""What is known of a clip's frames whoever made them, to be compared with what is known of the source's."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from operators.evaluation.before import Before
from operators.evaluation.beside.jumps import jumps, steady
from operators.evaluation.beside.words import Said, alike, said
from operators.evaluation.judges.models import JudgeModels


@dataclass(frozen=True)
class Beside:
    """How like themselves people stay (`same`, as `steady` gives it), VBench's `dimensions` by name, and what a
    vision-language model said, if one is asked."""

    same: np.ndarray
    dimensions: dict[str, float]
    said: Said | None

    @classmethod
    def of(cls, frames: np.ndarray, before: Before, judges: JudgeModels, fps: float) -> "Beside":
        """Look at uint8 [T,H,W,3] frames, at people where they stand in the source."""
        return cls(
            same=steady(frames, before, judges.embedders),
            dimensions=dict(judges.vbench(frames)) if judges.vbench else {},
            said=said(judges.ask, frames, before, fps) if judges.ask else None,
        )

    def compared(self, source: "Beside") -> Iterator[tuple[str, float, float]]:
        """(name, numerator, denominator) of what was made beside the source."""
        yield from jumps(self.same, source.same)
        for name, value in self.dimensions.items():
            yield name, value, source.dimensions[name]
        if self.said and source.said:
            yield from alike(self.said, source.said)
