"""Are labels of what was made anew, and of nothing else? From the labels and the masks."""

from collections.abc import Sequence

import numpy as np

from operators.release.labels import faults
from operators.release.rle import unrolled
from schemas.certificate import Gate
from schemas.person_label import PersonLabel


def labels_fit(labels: Sequence[PersonLabel], people: int, regenerated: np.ndarray, drawn: bool) -> Gate:
    """Labels of up to so many `people`, each within `regenerated` bool [T,H,W]: where nothing of the source is. There
    are some if anybody was `drawn` in these frames."""
    frames, height, width = regenerated.shape
    wrong = len(faults(labels, people, frames, height, width, drawn))
    outside = sum(
        bool((unrolled(label.mask, height, width) & ~regenerated[label.frame]).any())
        for label in labels
        if not wrong
    )
    return Gate.at_most("labels", wrong + outside, 0)
