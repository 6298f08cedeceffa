"""Condition -> Regenerate -> Audit -> sink with a fault in each: no source pixel reaches the output.

The operators are the real ones; only the three cue models are replaced, so that masks are known.
"""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import operators.condition
import operators.regenerate
from operators.attempts import Attempts
from operators.audit import Audit, Provenance
from operators.condition import Condition
from operators.decode import DecodeError
from operators.encode import decode_bytes, encode_video
from operators.escalate import Ladder
from operators.regenerate import Regenerate
from operators.sink import write_shard
from operators.source import plan_source
from schemas.arrow import from_table, to_table
from schemas.clip import (
    CandidateClip,
    ClipRef,
    Conditioning,
    FailedClip,
    QuarantinedClip,
    ReleasedClip,
)
from schemas.config import load
from schemas.cues import InstanceMasks, Patch, PoseDetections
from schemas.policy import Policy
from schemas.profile import Profile
from tests.tiny import save_generator
from tests.videos import pictures

HEIGHT, WIDTH, FRAMES = 96, 128, 9
BODY = np.zeros((HEIGHT, WIDTH), bool)
BODY[20:76, 50:74] = True
OUTCOMES = (ReleasedClip, QuarantinedClip, FailedClip)


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


class Stages:
    """The three operators of one run, and the clip they are given."""

    def __init__(self, folder: Path, variant: str) -> None:
        weights = save_generator(folder / "generator")
        settings = ["window=9", "overlap=1", "steps=1", "guidance=1.0", f"weights={weights}"]
        settings = [f"generator.{setting}" for setting in settings]
        self.profile = load(Profile, "cluster/profiles/embedded.yaml", settings)
        self.policy = load(Policy, "cluster/policies/driving.yaml", [f"variant={variant}"])
        self.condition = Condition.__new__(Condition)
        self.condition.profile, self.condition.policy = self.profile, self.policy
        self.condition.release_key, self.condition.attempts = b"key", Attempts(60)
        self.condition.ladder = Ladder()
        self.condition.pose, self.condition.segment, self.condition.depth = (  # type: ignore[assignment]
            Cues().pose,
            Cues().segment,
            Cues().depth,
        )
        self.regenerate = Regenerate(self.profile)
        self.audit = Audit(self.profile, self.policy, Provenance("w", "c"))
        path = folder / "a.mp4"
        pts = list(range(FRAMES))
        path.write_bytes(encode_video(source_frames(), pts, Fraction(1, 10), Fraction(10), 4, "veryfast"))
        (self.ref,) = plan_source(str(path), "a.mp4", b"key", self.profile.clip)

    def run(self) -> Any:
        """The outcome of the clip, through tables as between the stages of a job."""
        table = self.audit(self.regenerate(self.condition(to_table([self.ref], ClipRef))))
        (outcome,) = from_table(table, *OUTCOMES)
        return outcome


def source_frames() -> np.ndarray:
    """A smooth scene; the person is coarse noise, as unlike anything generated as can be."""
    frames = pictures(FRAMES, HEIGHT, WIDTH)
    rng = np.random.default_rng(2)
    person = rng.integers(0, 255, (FRAMES, 24, 32, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    return np.where(BODY[None, :, :, None], person, frames)


@pytest.fixture(scope="module", params=["structhuman", "structall"])
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp(request.param), request.param)


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


def test_without_a_fault_the_clip_is_released_and_the_person_replaced(stages: Stages) -> None:
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    assert "shards/run-00000000.tar" in written(outcome)
    difference = np.abs(decode_bytes(outcome.video).astype(int) - source_frames())
    assert difference[:, BODY].mean() > 30
    if outcome.certificate.variant == "structhuman":
        assert difference[:, :, :30].mean() < 6


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def not_finite(*_: Any, **__: Any) -> Any:
    return np.full((FRAMES, HEIGHT, WIDTH), np.nan, np.float32)


def passed_through(*_: Any, **__: Any) -> np.ndarray:
    return source_frames()


PUBLISHED_BY_MISTAKE = RuntimeError("/secret/name.mp4 and a person's name")
FAULTS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "decode fails": ("condition_module", "decode_clip", failing(DecodeError("cut off"))),
    "decode crashes": ("condition_module", "decode_clip", failing(PUBLISHED_BY_MISTAKE)),
    "segmentation crashes": ("condition", "segment", failing(PUBLISHED_BY_MISTAKE)),
    "pose crashes": ("condition", "pose", failing(PUBLISHED_BY_MISTAKE)),
    "a frame without detections": ("condition", "segment", lambda frames: Cues().segment(frames[1:])),
    "tracking crashes": ("condition_module", "track_people", failing(PUBLISHED_BY_MISTAKE)),
    "fusing crashes": ("condition_module", "fuse_structhuman", failing(PUBLISHED_BY_MISTAKE)),
    "the generator crashes": ("regenerate", "generator", failing(PUBLISHED_BY_MISTAKE)),
    "the generator gives no number": ("regenerate", "generator", not_finite),
    "compositing crashes": ("regenerate_module", "composite", failing(PUBLISHED_BY_MISTAKE)),
    "compositing passes the source": ("regenerate_module", "composite", passed_through),
    "encoding crashes": ("regenerate_module", "encode_video", failing(PUBLISHED_BY_MISTAKE)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_publishes_nothing(stages: Stages, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, replacement = FAULTS[fault]
    places = {
        "condition": stages.condition,
        "condition_module": operators.condition,
        "regenerate": stages.regenerate,
        "regenerate_module": operators.regenerate,
    }
    if where == "regenerate":
        replacement.calls = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(places[where], name, replacement)
    outcome = stages.run()
    assert isinstance(outcome, QuarantinedClip | FailedClip)
    files = written(outcome)
    assert not [path for path in files if path.startswith("shards/")]
    record = b"".join(files.values()) + outcome.reason.encode()
    assert b"secret" not in record
    assert b"a.mp4" not in record


def test_a_person_missed_by_the_masks_is_not_published(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gate 1: the pose model sees, on the fused frames, somebody outside every mask."""

    def somebody(frames: np.ndarray) -> list[PoseDetections]:
        if (frames[0, BODY] != 128).any():  # the first look finds nobody
            return Cues().pose(frames)
        box = np.array([[2, 2, 30, 70]], np.float32)
        return [PoseDetections(box, np.full(1, 0.9, np.float32), np.zeros((1, 17, 3), np.float32))] * len(
            frames
        )

    monkeypatch.setattr(stages.condition, "pose", somebody)
    outcome = stages.run()
    assert isinstance(outcome, QuarantinedClip)
    assert [gate.name for gate in outcome.gates if not gate.passed] == ["nobody left"]


def test_pixels_inside_the_mask_do_not_matter(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Non-interference: with the same cues, another person under the mask gives the same bytes."""
    cases = (Conditioning, QuarantinedClip, FailedClip)

    def conditioned(frames: np.ndarray) -> Conditioning:
        monkeypatch.setattr(operators.condition, "decode_clip", lambda _: frames)
        (clip,) = from_table(stages.condition(to_table([stages.ref], ClipRef)), *cases)
        assert isinstance(clip, Conditioning)
        return clip

    changed = source_frames()
    changed[:, BODY] = 255 - changed[:, BODY]
    first, second = conditioned(source_frames()), conditioned(changed)
    assert first.background == second.background
    assert first.preview == second.preview
    for one, other in zip(first.tubes, second.tubes, strict=True):
        np.testing.assert_array_equal(one.conditioning, other.conditioning)
    results = [
        from_table(stages.regenerate(to_table([clip], *cases)), CandidateClip, QuarantinedClip, FailedClip)[0]
        for clip in (first, second)
    ]
    assert isinstance(results[0], CandidateClip), results[0]
    assert results[0].video == results[1].video
