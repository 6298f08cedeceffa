"""What is known of a clip's source, computed once for all that it is compared with."""

from dataclasses import dataclass

import numpy as np

from operators.evaluation.judges.models import JudgeModels
from operators.evaluation.warping import flow
from operators.evaluation.who import Somebody
from operators.models.people.ensemble import People


@dataclass(frozen=True)
class Before:
    """A clip's released frames as they were.

    frames  uint8 [T,H,W,3]; mask bool [T,H,W] of what was made anew
    moments frames that are looked at closely, with who is seen there (`seen`) and the depth, if any is asked (`depth`)
    flows   for every moment but the first frame, where its pixels were in the frame before
    """

    frames: np.ndarray
    mask: np.ndarray
    somebody: Somebody
    moments: list[int]
    seen: list[People]
    depth: np.ndarray | None
    flows: dict[int, np.ndarray]


def before(frames: np.ndarray, mask: np.ndarray, somebody: Somebody, judges: JudgeModels) -> Before:
    """Look at the source."""
    moments = list(range(0, len(frames), judges.every))
    some = frames[moments]
    return Before(
        frames=frames,
        mask=mask,
        somebody=somebody,
        moments=moments,
        seen=judges.people(some),
        depth=judges.depth(some) if judges.depth else None,
        flows={t: flow(frames[t - 1], frames[t]) for t in moments if t},
    )
