"""What becomes of clips of real people, and what it costs: `python -m benchmarks.real_clips --clips FOLDER`.

FOLDER holds short videos, at best one window each; every clip of them goes through the stages as in a job, with the
ladder's second tries, on one thread. Printed for each: what was tried and what became of it, CPU seconds a frame of all
tries together by stage, the share of the frame that its masks hide, the masks' area over that of the bodies in
them, how many of its people the detector finds again in the last candidate (IoU 0.5), and the share of their joints
that lie within a tenth of the height of where they did, in every third frame. With `--keep` sheets are written, source
above result, and masks: figures say little unless somebody looks.
"""

import tempfile
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import pyarrow as pa
import torch

from jobs import options
from operators.audit import Audit, Provenance
from operators.condition import Condition
from operators.evaluation.utility import still_there
from operators.models.people.ensemble import PeopleEnsemble
from operators.planning.probe import plan_source
from operators.recovery.escalation import Ladder
from operators.regenerate import Regenerate
from operators.video.decode import decode_clip
from operators.video.encode import decode_bytes
from schemas.arrow import from_table, to_table
from schemas.certificate import refused
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip

_OUTCOMES = (ReleasedClip, QuarantinedClip, FailedClip)
_CUES = Path("cluster/weights/embedded/cues")  # of the detector that finds people again, whatever the profile
_SHOWN = 6  # frames of a sheet
_LOOKED_AT = 3  # of so many frames, one is looked at for people and their joints


@dataclass
class Tried:
    """A clip, its outcome, the last candidate that was made of it, and CPU seconds by stage of all tries."""

    name: str
    ref: ClipRef
    outcome: ReleasedClip | QuarantinedClip | FailedClip | None = None
    candidate: CandidateClip | None = None
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    why: list[str] = field(default_factory=list)
    again: Counter[str] = field(
        default_factory=Counter
    )  # people and joints, and how many of them are still there

    @property
    def filled(self) -> bool:
        """Whether its people are gray shapes."""
        steps = self.candidate.evidence.steps if self.candidate else []
        return any(step.name == "opaque fill" for step in steps)


class Stages:
    """The stages of a job, each asked in turn until the clip has a verdict."""

    def __init__(self, arguments: Namespace) -> None:
        self.profile, policy = options.read_settings(arguments)
        self.policy, self.folder = policy, tempfile.mkdtemp()
        self.ladder = Ladder(policy.escalation, self.folder)
        self.detector = PeopleEnsemble(_CUES)
        self.stages: dict[str, Callable[[pa.Table], pa.Table]] = {
            "condition": Condition(self.profile, policy, b"key", ladder=self.ladder),
            "regenerate": Regenerate(self.profile),
            "audit": Audit(self.profile, policy, Provenance("w", "c"), ladder=self.ladder),
        }

    def run(self, video: Path) -> Iterator[Tried]:
        """Every clip of one video, to its end."""
        for ref in plan_source(str(video), video.name, b"key", self.profile.clip):
            tried = Tried(f"{video.stem}.{len(ref.pts)}", ref)
            while tried.outcome is None:
                self._once(tried)
            if tried.candidate:
                self._look_again(tried, tried.candidate)
            yield tried

    def _look_again(self, tried: Tried, candidate: CandidateClip) -> None:
        before, after = (self.detector(video[::_LOOKED_AT]) for video in pictures(tried, candidate))
        for was, found in zip(before, after, strict=True):
            for name, there, of in still_there(was, found):
                tried.again.update({name: int(there), f"all {name}": int(of)})

    def _once(self, tried: Tried) -> None:
        table: pa.Table = to_table([tried.ref], ClipRef)
        for name, stage in self.stages.items():
            before = process_time()
            table = stage(table)
            tried.seconds[name] += process_time() - before
            if name == "regenerate":
                rows = from_table(table, CandidateClip, QuarantinedClip, FailedClip)
                made = [row for row in rows if isinstance(row, CandidateClip)]
                tried.candidate = made[0] if made else None
            if not table.num_rows:  # refused, and there is another rung
                tried.why.append(self.ladder.steps(tried.ref.clip_id)[-1].reason)
                return
        (tried.outcome,) = from_table(table, *_OUTCOMES)
        if isinstance(tried.outcome, QuarantinedClip | FailedClip):
            tried.why.append(tried.outcome.reason)


def main(arguments: Namespace) -> int:
    """Measure and print."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    stages = Stages(arguments)
    videos = sorted(path for path in arguments.clips.iterdir() if path.is_file())
    chosen = [path for path in videos if not arguments.only or path.stem in arguments.only]
    columns = [
        "clip",
        "became",
        "after",
        "refused for",
        "condition",
        "regenerate",
        "audit",
        "masked",
        "over bodies",
    ]
    columns += ["found", "joints"]
    print(f"| {' | '.join(columns)} |\n|" + " --- |" * len(columns), flush=True)
    every = []
    for video in chosen:
        for tried in stages.run(video):
            every.append(tried)
            print(row(tried), flush=True)
            if arguments.keep:
                keep(tried, arguments.keep)
    print(f"\n{summary(every)}")
    return 0


def row(tried: Tried) -> str:
    """A line of the table."""
    frames = len(tried.ref.pts)
    became = type(tried.outcome).__name__.removesuffix("Clip").lower() + (", filled" if tried.filled else "")
    evidence = tried.candidate.evidence if tried.candidate else None
    steps = ", ".join(step.name for step in evidence.steps) if evidence else ""
    masked = f"{evidence.mask.mean():.3f}" if evidence else ""
    over = f"{evidence.mask.sum() / max(1, evidence.body.sum()):.2f}" if evidence else ""
    spent = [f"{tried.seconds[name] / frames:.2f}" for name in ("condition", "regenerate", "audit")]
    cells = [tried.name, became, steps, "; ".join(tried.why), *spent, masked, over, *_again(tried.again)]
    return f"| {' | '.join(cells)} |"


def _again(count: Counter[str]) -> tuple[str, str]:
    """How many people are found again, and the share of joints that are kept."""
    people = f"{count['detector recall']}/{count['all detector recall']}"
    return people, f"{count['pose'] / count['all pose']:.2f}" if count["all pose"] else ""


def summary(every: list[Tried]) -> str:
    """Shares of clips, and what a frame costs."""
    released = [one for one in every if isinstance(one.outcome, ReleasedClip)]
    first = sum(not one.why for one in released)
    plain = sum(not one.filled for one in released)
    frames = sum(len(one.ref.pts) for one in every)
    seconds = sum(sum(one.seconds.values()) for one in every)
    found, joints = _again(sum((one.again for one in every), Counter()))
    return (
        f"{len(every)} clips: {first} released at the first try, {plain} without opaque fill, {len(released)} in all; "
        f"{seconds / max(1, frames):.2f} CPU seconds a frame; people found again: {found}, joints kept: {joints}"
    )


def pictures(tried: Tried, candidate: CandidateClip) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [T,H,W,3]: the source and what was made of it, without the window's overlap."""
    return decode_clip(tried.ref)[tried.ref.overlap :], decode_bytes(candidate.video)


def keep(tried: Tried, folder: Path) -> None:
    """Frames of the source above those of the last candidate, with its mask's edge; and the mask itself."""
    folder.mkdir(exist_ok=True, parents=True)
    outcome, candidate = tried.outcome, tried.candidate
    if candidate is None:
        return
    np.savez_compressed(
        folder / f"{tried.name}.npz", mask=candidate.evidence.mask, body=candidate.evidence.body
    )
    source, made = pictures(tried, candidate)
    columns = []
    for t in np.unique(np.linspace(0, len(made) - 1, _SHOWN).astype(int)):
        above, mask = source[t].copy(), candidate.evidence.mask[t].astype(np.uint8)
        edges, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(above, edges, -1, (255, 0, 0), 1)
        columns.append(np.vstack([above, made[t]]))
    cv2.imwrite(str(folder / f"{tried.name}.png"), np.hstack(columns)[..., ::-1])
    gates = outcome.certificate.gates if isinstance(outcome, ReleasedClip) else getattr(outcome, "gates", [])
    lines = [f"{gate.name}: {gate.score:.3f} ({gate.direction} {gate.threshold})" for gate in gates]
    lines += [f"refused: {one}" for one in refused(gates, [], "", [])] if gates else []
    (folder / f"{tried.name}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser: ArgumentParser = options.parser(__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of videos, and nothing else")
    parser.add_argument(
        "--only", nargs="*", default=[], help="names without ending, of those that are to be tried"
    )
    parser.add_argument("--keep", type=Path, help="folder for sheets, masks and scores of gates")
    options.run(main, parser)
