"""Processor seconds that a clip takes beside the GPU: `python -m benchmarks.cpu_steps`.

The commercial profile's clip with one person of 300 px who walks through the sample video's street, enlarged, or with
so many `--people`. Whatever runs on a GPU (detectors, masks, joints, captions, the diffusion model) is replaced by
what it would answer, at no cost; all else is the stages' own code. One row a step, those of a stage without a row of
its own under `the rest`; at the end how many cores a GPU wants beside it that generates `--rate` frames a second. One
thread; threads of libraries are off.
"""

import argparse
import functools
import importlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch

from operators.audit import Audit, GateModels, Provenance
from operators.condition import Condition
from operators.conditioning.cue_models import CueModels
from operators.conditioning.redact import Redactor
from operators.gates.text import TextGate
from operators.models.known_answer import Sight
from operators.models.witnesses.reid import Likeness
from operators.planning.probe import plan_source
from operators.regenerate import Regenerate
from operators.video.encode import decode_bytes, encode_video
from schemas.clip import CandidateClip, Person
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PersonBoxes, PoseDetections
from schemas.generation import Request
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.rules import THINGS

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920)}
TALL, WIDE, WALKS, FPS = 300, 120, 4, 30  # px, px a frame, frames a second
CORES = 4  # beside a GPU
# By stage, what is called there: the module that calls it, and its name in it.
STEPS = {
    "condition": {
        "decode": ("operators.condition", "decode"),
        "shots": ("operators.condition", "shots"),
        "tracks, and gate 1's masks": ("operators.condition", "track_everybody"),
        "severed pieces": ("operators.condition", "cover_severed"),
        "what moves beside somebody": ("operators.condition", "cover_moving"),
        "gray where people are": ("operators.condition", "fuse_structhuman"),
        "skeletons on frames": ("operators.condition", "draw_tracks"),
        "tubes": ("operators.condition", "cut_tube"),
        "lossless background": ("operators.condition", "encode_lossless"),
        "conditioning video": ("operators.condition", "_conditioning_video"),
    },
    "regenerate": {
        "background decoded": ("operators.regenerate", "decode_bytes"),
        "composite": ("operators.regenerate", "composite"),
        "x264": ("operators.regenerate", "encode_video"),
    },
    "audit": {
        "container": ("operators.audit", "container"),
        "result and conditioning decoded": ("operators.audit", "decode_bytes"),
        "source decoded": ("operators.audit", "decode_clip"),
        "scenery": ("operators.audit", "scenery"),
        "shots again": ("operators.audit", "shots"),
        "copy": ("operators.audit", "source_copy"),
        "conditioning video compared": ("operators.audit", "conditioning_video"),
        "blank": ("operators.audit", "blank"),
        "degenerate": ("operators.audit", "degenerate"),
        "background compared": ("operators.audit", "background"),
    },
}


class Walkers:
    """So many people, seen by all who look, as a GPU's models would: ellipses that walk from left to right, in rows."""

    def __init__(self, people: int = 1) -> None:
        self.people = people

    def boxes(self, frames: np.ndarray) -> np.ndarray:
        """float32 [T,N,4]."""
        height, width = frames.shape[1:3]
        walked = WALKS * np.arange(len(frames))[:, None]
        a_row = 1 + max(0, width - WIDE - 80 - walked[-1, 0]) // (WIDE + 20)
        row, place = np.divmod(np.arange(self.people), a_row)
        left = 40 + (walked + place * (WIDE + 20)) % (width - WIDE - 80)
        top = np.broadcast_to((2 * row + 1) * height // (2 * row[-1] + 2) - TALL // 2, left.shape)
        return np.stack([left, top, left + WIDE, top + TALL], axis=2).astype(np.float32)

    def segment(self, frames: np.ndarray) -> list[InstanceMasks]:
        """Of each frame."""
        inside = cv2.ellipse(
            np.zeros((TALL, WIDE), np.uint8), (WIDE // 2, TALL // 2), (WIDE // 2, TALL // 2), 0, 0, 360, 1, -1
        ).astype(bool)
        sure = np.ones(self.people, np.float32)
        return [
            InstanceMasks(boxes, sure, [Patch(int(box[0]), int(box[1]), inside) for box in boxes])
            for boxes in self.boxes(frames)
        ]

    def pose(self, frames: np.ndarray) -> list[PoseDetections]:
        """Seventeen joints down the middle of each box."""
        down = np.linspace(0.05, 0.95, 17, dtype=np.float32)
        found = []
        for boxes in self.boxes(frames):
            x = boxes[:, :1] + WIDE * (0.35 + 0.3 * (np.arange(17) % 2))
            y = boxes[:, 1:2] + TALL * down
            points = np.stack([x, y, np.full_like(x, 0.9)], axis=2).astype(np.float32)
            found.append(PoseDetections(boxes, np.full(self.people, 0.9, np.float32), points))
        return found

    def look(self, frames: np.ndarray) -> list[PersonBoxes]:
        """The final look's."""
        return [PersonBoxes(boxes, np.full(self.people, 0.9, np.float32)) for boxes in self.boxes(frames)]


class Painted:
    """In the generator's place: what it was shown, blurred."""

    def together(self, requests: Sequence[Request]) -> list[np.ndarray | Exception]:
        """uint8 [T,h,w,3] of each."""
        return [np.stack([cv2.blur(frame, (9, 9)) for frame in asked.conditioning]) for asked in requests]


def nobody(frames: np.ndarray, _covered: np.ndarray) -> list[InstanceMasks]:
    """A witness who is content."""
    nothing = InstanceMasks(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])
    return [nothing] * len(frames)


class Strangers(Likeness):
    """Whoever is compared is somebody else."""

    def __init__(self) -> None:
        pass

    def __call__(
        self, output: np.ndarray, source: np.ndarray, body: np.ndarray, people: Sequence[Person] = ()
    ) -> tuple[float, float]:
        return 0.0, 0.0


def stages(people: int = 1, *settings: str) -> tuple[Condition, Regenerate, Audit]:
    """Of the commercial profile, with answers for models; text and screens are kept, as reading is a GPU's work."""
    policy = load(Policy, "cluster/policies/driving.yaml")
    kept = [rule.model_copy(update={"do": "keep"}) if rule.what in THINGS else rule for rule in policy.rules]
    policy = policy.model_copy(update={"rules": kept})
    profile = load(Profile, "cluster/profiles/commercial.yaml", ["caption={model: template}", *settings])
    pools = {name: pool.model_copy(update={"threads": 1}) for name, pool in profile.pools}
    profile = profile.model_copy(update={"pools": profile.pools.model_copy(update=pools)})
    walkers, sight = Walkers(people), Sight({})
    cues = CueModels(
        walkers.pose, walkers.segment, None, lambda _frames, _fps: None, nobody, nobody, None,
        Redactor(profile, policy), sight,
    )  # fmt: skip
    gates = GateModels(TextGate(profile, policy), Strangers(), nobody, nobody, walkers.look, sight)
    return (
        Condition(profile, policy, b"key", models=cues),
        Regenerate(profile, generator=Painted()),
        Audit(profile, policy, Provenance("w", "c"), models=gates),
    )


@contextmanager
def timed(stage: str, spent: dict[str, float]) -> Iterator[None]:
    """Processor seconds of the stage's steps, and of all that is none of them, are added to `spent`."""

    def over(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def run(*arguments: Any, **options: Any) -> Any:
            start = process_time()
            try:
                return call(*arguments, **options)
            finally:
                spent[name] += process_time() - start

        return run

    with ExitStack() as stack:
        for name, (module, function) in STEPS[stage].items():
            call = getattr(importlib.import_module(module), function)
            stack.enter_context(patch(f"{module}.{function}", over(name, call)))
        start = process_time()
        yield
        whole = process_time() - start
    spent[f"the rest of {stage}"] = whole - sum(spent[name] for name in STEPS[stage])


def clip(folder: Path, height: int, width: int, frames: int, people: int = 1) -> Path:
    """The sample video's street with so many people in it, so many frames of that size."""
    street = decode_bytes(Path("tests/data/street.mp4").read_bytes())
    there = np.stack([cv2.resize(street[t % len(street)], (width, height)) for t in range(frames)])
    noise = np.random.default_rng(0).integers(0, 255, (TALL, WIDE, 3), np.uint8)
    for frame, found in zip(there, Walkers(people).segment(there), strict=True):
        for mask in found.masks:
            frame[mask.y : mask.y + TALL, mask.x : mask.x + WIDE][mask.inside] = noise[mask.inside]
    path = folder / "street.mp4"
    path.write_bytes(
        encode_video(there, list(range(frames)), Fraction(1, FPS), Fraction(FPS), 18, "veryfast")
    )
    return path


def measure(height: int, width: int, frames: int = 0, people: int = 1) -> tuple[dict[str, float], int]:
    """Processor seconds by step of one clip, and its frames; 0 is the profile's."""
    condition, regenerate, audit = stages(people)
    spent: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        count = frames or condition.profile.clip.frames
        path = clip(Path(folder), height, width, count, people)
        (ref,) = plan_source(str(path), path.name, b"key", condition.profile.clip)
        with timed("condition", spent):
            conditioned = condition.condition(ref)
        if not isinstance(conditioned, Conditioning):
            raise ValueError(f"not conditioned: {conditioned}")
        made = regenerate._generate([conditioned])[ref.clip_id]
        with timed("regenerate", spent):
            candidate: CandidateClip = regenerate.regenerate(conditioned, made)
        with timed("audit", spent):
            audit.audit(candidate)
    return dict(spent), count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=0, help="of the clip, instead of the profile's")
    parser.add_argument("--people", type=int, default=1, help="in the clip (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=16, help="frames a GPU-second (default: %(default)s)")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    measured = {name: measure(*SIZES[name], options.frames, options.people) for name in options.sizes}
    counts = {count for _, count in measured.values()}
    print(
        f"| processor seconds a clip of {counts.pop()} frames, people: {options.people} | {' | '.join(measured)} |"
    )
    print("|---" * (1 + len(measured)) + "|")
    steps = [name for stage in STEPS for name in (*STEPS[stage], f"the rest of {stage}")]
    for step in steps:
        print(f"| {step} | {' | '.join(f'{spent[step]:.2f}' for spent, _ in measured.values())} |")
    wholes = [(sum(spent.values()), count) for spent, count in measured.values()]
    print(f"| all | {' | '.join(f'{whole:.1f}' for whole, _ in wholes)} |")
    cores = [whole / count * options.rate for whole, count in wholes]
    print(f"| cores at {options.rate:g} frames a second (goal: at most {CORES}) | "
          f"{' | '.join(f'{one:.1f}' for one in cores)} |")  # fmt: skip


if __name__ == "__main__":
    main()
