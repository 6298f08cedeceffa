"""Labels of who is drawn: from the actors' own parameters, and from the pixels that show them. Nothing is detected."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from operators.actor.compose import Cast
from operators.release.labels import numbered
from operators.release.rle import runs
from schemas.person_label import PersonLabel


@dataclass
class Labelling:
    """Labels of a clip whose first `overlap` frames are not released, as its frames are drawn."""

    overlap: int
    labels: list[PersonLabel] = field(default_factory=list)

    def see(self, t: int, one: Cast, shown: np.ndarray, drawn: int) -> None:
        """Frame `t` of the window shows the actor in the pixels `shown` bool [H,W]; of all `drawn` of them."""
        if t < self.overlap or not shown.any():
            return
        rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        self.labels.append(
            PersonLabel(
                frame=t - self.overlap,
                track=0,
                person=hashlib.sha256(f"person:{one.actor.seed}".encode()).hexdigest()[:16],
                box=[int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1],
                visibility=round(min(1.0, max(1e-4, float(shown.sum()) / max(drawn, 1))), 4),
                keypoints=_keypoints(one.points[t - one.first], shown),
                mask=runs(shown),
            )
        )

    def numbered(self) -> list[PersonLabel]:
        """By frame, people numbered as they come."""
        return numbered(self.labels)


def _keypoints(points: np.ndarray, shown: np.ndarray) -> list[float]:
    """COCO's 51 numbers of the joints [17,2] px."""
    made: list[float] = []
    height, width = shown.shape
    for x, y in (points.astype(float).round(2) + 0.0).tolist():  # of zeros the one
        if not (0 <= x < width and 0 <= y < height):
            made += [0.0, 0.0, 0.0]
        else:
            made += [x, y, 2.0 if shown[int(y), int(x)] else 1.0]
    return made
