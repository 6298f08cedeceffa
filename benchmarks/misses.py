"""The miss audit: who is seen in what would be released? `python -m benchmarks.misses --people PEOPLE`.

Synthetic streets with perfect ground truth go through Condition and gate 1, with every rung of the policy's ladder. A
person is exposed in a frame if more than a tenth of her visible pixels lie outside every mask. Printed by height: how
often that happens before gate 1; what becomes of those: masked after all, held back with the clip, or released; and how
many person-frames are exposed in what is released, per million, with two upper 95 % bounds: one as if frames were
independent (Clopper-Pearson), and one by drawing whole clips anew, as the frames of a clip are not.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from jobs import options
from operators.condition import Condition
from operators.conditioning.grow import track_everybody
from operators.conditioning.limbs import cover_limbs
from operators.conditioning.track import track_people
from operators.recovery.escalation import larger
from operators.recovery.fail_closed import Rejected
from operators.release.spot_check import upper_bound
from operators.training.synthetic_people import RenderedClip, read_people
from schemas.certificate import Step
from schemas.policy import Policy
from schemas.track import union

HEIGHTS = {"24-48 px": (24, 48), "48-96 px": (48, 96), "over 96 px": (96, 100_000), "all": (24, 100_000)}
DRAWS = 2000


@dataclass(frozen=True)
class Sight:
    """One person in one frame. `released` is whether the clip passes gate 1 on some rung."""

    clip: str
    height: int
    missed: bool  # by the cue models' masks
    exposed: bool  # after gate 1
    released: bool


def main(arguments: Namespace) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    profile, policy = options.read_settings(arguments)
    condition = Condition(profile, policy, b"key")
    sights = list(audit(condition, policy, read_people(arguments.people, arguments.shards)))
    print(f"{len(sights)} person-frames of {len({sight.clip for sight in sights})} clips\n")
    print(
        "| height | person-frames | missed by the masks | of these masked by gate 1 | held back | released |",
        end="",
    )
    print(" exposed per million released | 95 % bound, frames | 95 % bound, clips |")
    print("| --- " * 9 + "|")
    for name, (low, high) in HEIGHTS.items():
        print(row(name, [sight for sight in sights if low <= sight.height < high]))
    return 0


def audit(condition: Condition, policy: Policy, samples: Iterable[RenderedClip]) -> Iterable[Sight]:
    """Everybody in every frame, once."""
    for sample in samples:
        cues = condition.models.segment(sample.frames), condition.models.pose(sample.frames)
        shape = sample.masks.shape
        before = union(track_people(sample.frames, *cues, policy.mask), "mask", shape)
        after = masked(condition, policy, sample.frames, cues)
        for t, number in np.argwhere(
            [[(frame == i + 1).any() for i in range(len(sample.people))] for frame in sample.masks]
        ):
            body = sample.masks[t] == number + 1
            rows = np.flatnonzero(body.any(axis=1))
            covers = [before[t], before[t] if after is None else after[t]]
            missed, exposed = (bool(cover[body].mean() < 0.9) for cover in covers)
            yield Sight(sample.key, int(rows[-1] - rows[0] + 1), missed, exposed, after is not None)


def masked(condition: Condition, policy: Policy, frames: np.ndarray, cues: tuple) -> np.ndarray | None:
    """The mask with which the clip passes gate 1, tried again by the ladder as a run does; None if it never does."""
    tried = None
    for count in range(len(policy.escalation) + 1):
        settings = larger(policy.mask, [Step(rung, "gate 1") for rung in policy.escalation[:count]])
        if settings == tried:
            continue
        try:
            detectors = condition.models.witness, condition.models.faces
            people, _ = track_everybody(frames, cues, detectors, settings, policy.gates)
            limbs = condition.models.limbs
            people = cover_limbs(frames, people, limbs, settings) if limbs else people
            return union(people, "mask", frames.shape[:3])
        except Rejected:
            tried = settings
    return None


def row(name: str, sights: list[Sight]) -> str:
    """A line of the table."""
    missed = [sight for sight in sights if sight.missed]
    released = [sight for sight in sights if sight.released]
    exposed = [sight for sight in released if sight.exposed]
    million = 1e6 * len(exposed) / max(1, len(released))
    bounds = [
        f"{1e6 * bound:,.0f}" for bound in (upper_bound(len(exposed), len(released)), by_clips(released))
    ]
    masked_after = sum(not sight.exposed and sight.released for sight in missed)
    held = sum(not sight.released for sight in missed)
    counts = [len(sights), len(missed), masked_after, held, len(exposed), f"{million:,.0f}", *bounds]
    return f"| {name} | " + " | ".join(str(count) for count in counts) + " |"


def by_clips(sights: list[Sight]) -> float:
    """95th percentile of the exposed share over clips drawn with replacement; without a hit the bound of n clips."""
    clips = sorted({sight.clip for sight in sights})
    if not clips:
        return 1.0
    hits = np.array([sum(sight.exposed for sight in sights if sight.clip == clip) for clip in clips])
    total = np.array([sum(sight.clip == clip for sight in sights) for clip in clips])
    if not hits.any():
        return upper_bound(0, len(clips))
    drawn = np.random.default_rng(0).integers(0, len(clips), (DRAWS, len(clips)))
    return float(np.quantile(hits[drawn].sum(1) / total[drawn].sum(1), 0.95))


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--people", type=Path, required=True, help="folder of the synthetic people's shards")
    parser.add_argument("--shards", default="street-val.tar", help="which of them (default: %(default)s)")
    options.run(main, parser)
