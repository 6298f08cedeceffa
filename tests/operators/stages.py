"""The stages of a run with known masks: real operators, of which only the models that look are replaced."""

import io
from dataclasses import replace
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

import operators.audit
import operators.condition
import operators.regenerate
from operators.audit import Audit, GateModels, Provenance
from operators.condition import Condition
from operators.conditioning.cue_models import CueModels
from operators.conditioning.redact import Redactor
from operators.models.known_answer import Sight
from operators.models.runtime.once import Once
from operators.planning.probe import plan_source
from operators.regenerate import Regenerate
from operators.release.shard_writer import write_shard
from operators.video.encode import encode_video
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.rules import DISGUISES
from tests.operators.sightings import no_boxes, nobody
from tests.tiny import save_generator
from tests.videos import pictures

HEIGHT, WIDTH, FRAMES = 96, 128, 9
BODY = np.zeros((HEIGHT, WIDTH), bool)
BODY[20:76, 50:74] = True
OUTCOMES = (ReleasedClip, QuarantinedClip, FailedClip)
STAGES = {"condition": operators.condition, "regenerate": operators.regenerate, "audit": operators.audit}
# Called where people are drawn, or disguised, and nowhere else.
DISGUISED = {"disguised", "disguise"}
ACTED = {"actor", "act_before_plate", "act_in_scene", "doubles", "labels_fit", "labels_file", "surely_seen"}


class Cues:
    """Pose, segmentation and depth of a person who stands still."""

    def pose(self, frames: np.ndarray) -> list[PoseDetections]:
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
        return [PoseDetections(*nothing) for _ in frames]

    def segment(self, frames: np.ndarray) -> list[InstanceMasks]:
        box = np.array([[50, 20, 74, 76]], np.float32)
        return [InstanceMasks(box, np.ones(1, np.float32), [Patch.of(BODY)]) for _ in frames]

    def depth(self, frames: np.ndarray) -> np.ndarray:
        return np.tile(np.arange(WIDTH, dtype=np.float32), (len(frames), HEIGHT, 1))


class Joints(Cues):
    """The same person, and where their joints are: arms and legs a little apart."""

    def pose(self, frames: np.ndarray) -> list[PoseDetections]:
        across = [0, 1, -1, 2, -2, 6, -6, 8, -8, 9, -9, 4, -4, 4, -4, 5, -5]
        down = [6, 5, 5, 6, 6, 14, 14, 22, 22, 29, 29, 30, 30, 41, 41, 52, 52]
        points = np.array([[62 + x, 21 + y, 0.9] for x, y in zip(across, down, strict=True)], np.float32)
        box = np.array([[50, 20, 74, 76]], np.float32)
        return [PoseDetections(box, np.full(1, 0.9, np.float32), points[None]) for _ in frames]


class Stages:
    """The three operators of one run, and the clip they are given.

    Of a variant followed by "actors", such as "structall actors", people are drawn; by "blur" or another disguise, that
    is done to them; else a diffusion model makes them, with these settings of its `generator`.
    """

    def __init__(self, folder: Path, variant: str, **generator: object) -> None:
        variant, _, how = variant.partition(" ")
        people, seen = ("diffusion", Cues()) if not how else ("actor", Joints())
        weights = save_generator(folder / "generator")
        settings = [
            "window=9",
            "overlap=1",
            "steps=1",
            "guidance=1.0",
            f"weights={weights}",
            f"people={people}",
            *(f"{name}={value}" for name, value in generator.items()),
        ]
        settings = [f"generator.{setting}" for setting in settings]
        self.profile = load(Profile, "cluster/profiles/embedded.yaml", settings)
        self.policy = disguising(policy_of(variant), how) if how in DISGUISES else policy_of(variant)
        if how == "actors":  # of whom labels are published, in either form
            labels = "parquet" if variant == "structhuman" else "coco"
            self.policy = self.policy.model_copy(update={"labels": labels})
        cues = CueModels(
            pose=seen.pose,
            segment=seen.segment,
            depth=seen.depth,
            scene=lambda _frames, _fps: None,
            witness=nobody,
            faces=nobody,
            limbs=nobody,
            redact=redactor(variant),
            sight=Sight({}),
        )
        self.condition = Condition(self.profile, self.policy, b"key", models=cues)
        self.regenerate = Regenerate(self.profile)
        assert self.regenerate.generator  # loaded: faults are injected into it
        gates = replace(gate_models(variant), witness=nobody, faces=nobody, final=no_boxes, sight=Sight({}))
        self.audit = Audit(self.profile, self.policy, Provenance("w", "c"), models=gates)
        path = folder / "a.mp4"
        pts = list(range(FRAMES))
        path.write_bytes(encode_video(source_frames(), pts, Fraction(1, 10), Fraction(10), 4, "veryfast"))
        (self.ref,) = plan_source(str(path), "a.mp4", b"key", self.profile.clip)

    def run(self, first: str = "condition") -> Any:
        """The outcome of the clip, through tables as between the stages of a job.

        From the stage `first` on: where the fault is in that stage, those before it need no second time.
        """
        table = self.audit(self.before_audit if first == "audit" else self._regenerated(first))
        (outcome,) = from_table(table, *OUTCOMES)
        return outcome

    def _regenerated(self, first: str) -> pa.Table:
        return self.regenerate(self.before_regenerate if first == "regenerate" else self._conditioned())

    def _conditioned(self) -> pa.Table:
        return self.condition(to_table([self.ref], ClipRef))

    @cached_property
    def before_regenerate(self) -> pa.Table:
        """What Condition makes of the clip, without a fault."""
        return self._conditioned()

    @cached_property
    def before_audit(self) -> pa.Table:
        """What Regenerate makes of that."""
        return self.regenerate(self.before_regenerate)


def policy_of(variant: str) -> Policy:
    """The shipped policy for driving, of a variant."""
    return load(Policy, "cluster/policies/driving.yaml", [f"variant={variant}"])


def disguising(policy: Policy, how: str) -> Policy:
    """The same, but that people are so disguised."""
    settings = policy.model_dump()
    rules = [rule | ({"do": how} if rule["what"] in ("person", "face") else {}) for rule in settings["rules"]]
    rungs = [rung for rung in settings["escalation"] if rung != "other seed"]
    return Policy.model_validate(settings | {"rules": rules, "escalation": rungs})


@cache
def gate_models(variant: str) -> GateModels:
    """Loaded once for all stages of these tests: what loading takes is most of what making the stages does."""
    models = GateModels.load(load(Profile, "cluster/profiles/embedded.yaml"), policy_of(variant))
    models.text.read = Once(models.text.read)  # most tests show it the same pictures
    return models


@cache
def redactor(variant: str) -> Redactor:
    """Likewise."""
    made = Redactor(load(Profile, "cluster/profiles/embedded.yaml"), policy_of(variant))
    made.read = Once(made.read)
    return made


def owner_of_models(stage: Any) -> Any:
    """What holds a stage's models: their record, or the stage itself."""
    return getattr(stage, "models", stage)


def source_frames() -> np.ndarray:
    """A smooth scene; the person is coarse noise, as unlike anything generated as can be."""
    frames = pictures(FRAMES, HEIGHT, WIDTH)
    rng = np.random.default_rng(2)
    person = rng.integers(0, 255, (FRAMES, 24, 32, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    return np.where(BODY[None, :, :, None], person, frames)


def written(outcome: Any) -> dict[str, bytes]:
    """What the sink writes for an outcome, by path."""
    files: dict[str, io.BytesIO] = {}

    class Kept(io.BytesIO):
        def close(self) -> None:
            pass

    def open_output(path: str) -> IO[bytes]:
        return files.setdefault(path, Kept())

    write_shard([outcome], [outcome.ref.clip_id], "run-00000000", open_output)
    return {path: file.getvalue() for path, file in files.items()}
