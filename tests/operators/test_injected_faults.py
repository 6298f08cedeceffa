"""A fault in every function that a stage calls: what was written is decoded, and holds no pixel of any person."""

import hashlib
import importlib
import inspect
import io
import pkgutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import operators.audit
import operators.condition
import operators.gates
import operators.gates.source_copy
import operators.regenerate
from operators.audit import Provenance
from operators.pages.candidates import Candidates
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder
from operators.recovery.fail_closed import each
from operators.release.c2pa_mark import Marker
from operators.video.encode import decode_bytes, encode_video
from schemas.arrow import from_table, to_table
from schemas.certificate import Gate
from schemas.clip import (
    CandidateClip,
    ClipRef,
    Conditioning,
    FailedClip,
    QuarantinedClip,
    ReleasedClip,
)
from schemas.cues import InstanceMasks, Patch, PoseDetections
from tests.operators.stages import BODY, FRAMES, HEIGHT, OUTCOMES, WIDTH, Stages, source_frames, written

STAGES = {"condition": operators.condition, "regenerate": operators.regenerate, "audit": operators.audit}
PLACES = {**STAGES, "copy gate": operators.gates.source_copy}
SIZE = HEIGHT, WIDTH
ELSEWHERE = {
    *(
        "depth_model",
        "pose_model",
        "scene_model",
        "segment_model",
        "build_generator",
        "beside_nobody",
        "require_sight",
    ),  # load models before there is a clip, and test them
    "generated",  # asked for marks, which are an option: tests/operators/release/test_c2pa_mark.py
}
BESIDE = (
    Attempts,
    Candidates,
    Ladder,
    Marker,
    Provenance,
)  # of a stage, and no part of what it makes or judges
# Called where people are drawn, and nowhere else.
ACTED = {"actor", "act_before_plate", "act_in_scene", "doubles"}
ONLY_WHERE_MARKED = {"_marked"}  # tests/operators/release/test_c2pa_mark.py
GATE_1 = {"nobody_left", "_surest"}  # asked by Condition
SAME = 12  # levels; coarse noise after H.264


def called(module: ModuleType) -> list[str]:
    """Names of the operators' functions that a stage imports."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__.startswith("operators.")
        and value.__module__ != module.__name__
        and value is not each  # it is what catches
        and name not in ELSEWHERE
    ]


FUNCTIONS = [(stage, name) for stage, module in STAGES.items() for name in called(module)]


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> list[Stages]:
    return [Stages(tmp_path_factory.mktemp("of"), name) for name in ("structhuman", "structall")]


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> list[Stages]:
    return [
        Stages(tmp_path_factory.mktemp("of"), name) for name in ("structhuman actors", "structall actors")
    ]


def another_clip() -> np.ndarray:
    """Another person in another scene."""
    return np.ascontiguousarray(source_frames()[::-1, :, ::-1])


def videos(outcome: Any) -> Iterator[np.ndarray]:
    """Every video in the shards that are written for an outcome, decoded."""
    for path, data in written(outcome).items():
        if path.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as shard:
                for member in shard:
                    if member.name.endswith(".mp4"):
                        file = shard.extractfile(member)
                        assert file is not None
                        yield decode_bytes(file.read())


def likeness(outcome: Any) -> float:
    """Least mean difference, in levels, of any frame written to the person of either source, at any shift in time."""
    persons = [frame[BODY].astype(int) for frames in (source_frames(), another_clip()) for frame in frames]
    shown = [
        frame[BODY].astype(int) for frames in videos(outcome) for frame in frames if frame.shape[:2] == SIZE
    ]
    return min((float(np.abs(one - person).mean()) for one in shown for person in persons), default=255.0)


def encoded(frames: np.ndarray) -> bytes:
    return encode_video(frames, list(range(FRAMES)), Fraction(1, 10), Fraction(10), 18, "veryfast")


def test_the_measure_finds_a_person(variants: list[Stages]) -> None:
    released = variants[0].run()
    assert isinstance(released, ReleasedClip)
    assert 3 * SAME < likeness(released) < 255
    for frames in (source_frames(), another_clip()):
        video = encoded(frames)
        digest = hashlib.sha256(video).hexdigest()
        certificate = replace(released.certificate, output_sha256=digest)
        assert likeness(replace(released, video=video, certificate=certificate)) < SAME


@pytest.mark.parametrize(("stage", "name"), FUNCTIONS)
def test_an_exception_anywhere_publishes_nothing(
    variants: list[Stages], acted: list[Stages], stage: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []

    def fail(*_: Any, **__: Any) -> Any:
        reached.append(name)
        raise RuntimeError("/secret/name.mp4")

    monkeypatch.setattr(STAGES[stage], name, fail)
    for stages in acted if name in ACTED else variants:
        before = len(reached)
        outcome = stages.run()
        if len(reached) == before:
            continue
        assert isinstance(outcome, QuarantinedClip | FailedClip), name
        files = written(outcome)
        assert not [path for path in files if path.startswith("shards/")]
        assert b"secret" not in b"".join(files.values()) + outcome.reason.encode()
    assert reached, f"{name} is called by neither variant, so this proves nothing"


class Broken:
    """Whatever is asked of it raises, a call as well as a method."""

    def __init__(self) -> None:
        self.reached = False

    def __call__(self, *_: Any, **__: Any) -> Any:
        self.reached = True
        raise RuntimeError("/secret/name.mp4")

    def __getattr__(self, name: str) -> Any:
        return self


def owner_of_models(stage: Any) -> Any:
    """What holds a stage's models: their record, or the stage itself."""
    return getattr(stage, "models", stage)


def owned(stage: Any) -> list[str]:
    """Names of a stage's models and gates: functions, and objects of the operators' classes."""
    return [
        name
        for name, value in vars(owner_of_models(stage)).items()
        if inspect.isroutine(value)
        or (type(value).__module__.startswith("operators.") and not isinstance(value, BESIDE))
    ]


def test_an_exception_in_any_model_or_gate_that_is_an_object_publishes_nothing(
    variants: list[Stages], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = set()
    for stages in variants:
        for stage, name in [(one, name) for one in STAGES for name in owned(getattr(stages, one))]:
            with monkeypatch.context() as patch:
                broken = Broken()
                patch.setattr(owner_of_models(getattr(stages, stage)), name, broken)
                outcome = stages.run()
            if broken.reached:
                reached.add(f"{stage}.{name}")
                assert isinstance(outcome, QuarantinedClip | FailedClip), name
                assert not [path for path in written(outcome) if path.startswith("shards/")]
    everything = {f"{stage}.{name}" for stage in STAGES for name in owned(getattr(variants[0], stage))}
    assert reached == everything, "what neither variant reaches proves nothing"
    assert {"regenerate.generator", "audit.text", "audit.likeness", "condition.witness"} <= everything


Wrong = Callable[[Any], Any]  # what the function gives -> what it gives by mistake


def nan(value: np.ndarray) -> np.ndarray:
    return np.full(value.shape, np.nan, np.float32)


def empty_masks(found: list[InstanceMasks]) -> list[InstanceMasks]:
    return [replace(frame, masks=[Patch.of(np.zeros(SIZE, bool))] * len(frame.masks)) for frame in found]


def nan_boxes(found: list[InstanceMasks]) -> list[InstanceMasks]:
    return [replace(frame, boxes=nan(frame.boxes)) for frame in found]


def nan_points(found: list[PoseDetections]) -> list[PoseDetections]:
    one = np.ones((1, 4), np.float32), np.ones(1, np.float32), np.full((1, 17, 3), np.nan, np.float32)
    return [PoseDetections(*one) for _ in found]


def late(frames: np.ndarray) -> np.ndarray:
    return np.concatenate([frames[:1], frames[:-1]])


def interleaved(made: np.ndarray) -> np.ndarray:
    made = made.copy()
    made[::2] = source_frames()[::2]
    return made


VALUES: dict[str, tuple[str, str, Wrong]] = {
    "no mask for a person": ("condition", "self.segment", empty_masks),
    "boxes that are no numbers": ("condition", "self.segment", nan_boxes),
    "keypoints that are no numbers": ("condition", "self.pose", nan_points),
    "depth that is no number": ("condition", "self.depth", nan),
    "another clip is decoded": ("condition", "decode", lambda made: (another_clip(), made[1])),
    "the clip is decoded a frame late": ("condition", "decode", lambda made: (late(made[0]), made[1])),
    "the background is not masked": ("condition", "fuse_structhuman", lambda _: source_frames()),
    "generated as no number": (
        "regenerate",
        "self.generator.together",
        lambda made: [nan(frames) for frames in made],
    ),
    "another clip is composited": ("regenerate", "composite", lambda made: made[:, :, ::-1]),
    "the source is composited": ("regenerate", "composite", lambda _: source_frames()),
    "the source, a frame late": ("regenerate", "composite", lambda _: late(source_frames())),
    "half the frames are the source's": ("regenerate", "composite", interleaved),
    "composited as no number": ("regenerate", "composite", nan),
    "the source is acted": ("regenerate", "act_before_plate", lambda _: source_frames()),
    "another clip is acted": ("regenerate", "act_before_plate", lambda made: made[:, :, ::-1]),
    "acted as no number": ("regenerate", "act_before_plate", nan),
    "another clip is encoded": (
        "regenerate",
        "encode_video",
        lambda made: encoded(decode_bytes(made)[:, :, ::-1]),
    ),
    "the source is encoded": ("regenerate", "encode_video", lambda _: encoded(source_frames())),
    "a copied share that is no number": ("copy gate", "copied_share", lambda _: float("nan")),
    "the audit decodes another clip": ("audit", "decode_clip", lambda _: another_clip()),
}


@pytest.mark.parametrize("fault", VALUES)
def test_a_wrong_value_publishes_nobody(
    variants: list[Stages], acted: list[Stages], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, name, wrong = VALUES[fault]
    reached = 0
    for stages in acted if name in ACTED else variants:
        owner = owner_of_models(getattr(stages, stage)) if name.startswith("self.") else PLACES[stage]
        *path, attribute = name.removeprefix("self.").split(".")
        owner = reduce(getattr, path, owner)
        right = getattr(owner, attribute)

        def mistaken(*args: Any, right: Any = right, **options: Any) -> Any:
            nonlocal reached
            reached += 1
            return wrong(right(*args, **options))

        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, mistaken)
            outcome = stages.run()
        assert likeness(outcome) > 2 * SAME, outcome
    assert reached


def judges() -> list[tuple[ModuleType, str]]:
    """Every function of the gates that gives one Gate or several, and every class of which a call does."""
    found = []
    for info in pkgutil.iter_modules(operators.gates.__path__, "operators.gates."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            call = value.__call__ if inspect.isclass(value) else value
            own = getattr(value, "__module__", "") == info.name and inspect.isroutine(call)
            if own and inspect.signature(call).return_annotation in (Gate, list[Gate]):
                found.append((module, name))
    return found


JUDGES = judges()


def told_otherwise(gates: Any) -> Iterator[Any]:
    """What a judge may say by mistake instead of its gate or gates."""
    several = isinstance(gates, list)
    listed = gates if several else [gates]
    for changed in (
        [],
        *(listed[:n] + listed[n + 1 :] for n in range(len(listed))),
        [listed[0], *listed],
        [replace(gate, threshold=gate.threshold + 1) for gate in listed],
        [replace(gate, threshold=gate.threshold - 1) for gate in listed],
        [
            replace(gate, direction="at most" if gate.direction == "at least" else "at least")
            for gate in listed
        ],
        [replace(gate, score=float("nan")) for gate in listed],
        [replace(gate, name=gate.name + "!") for gate in listed],
        [True for _ in listed],
    ):
        yield changed if several or len(changed) != 1 else changed[0]
    yield None


def replaced(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, wrap: Callable[[Any], Any]
) -> None:
    """A judge wrapped wherever it has been imported to."""
    judge = getattr(module, name)
    if inspect.isclass(judge):
        monkeypatch.setattr(judge, "__call__", wrap(judge.__call__))
        return
    for place in [one for key, one in sys.modules.items() if key.startswith("operators.")]:
        if vars(place).get(name) is judge:
            monkeypatch.setattr(place, name, wrap(judge))


@pytest.mark.parametrize(("module", "name"), JUDGES, ids=[name for _, name in JUDGES])
def test_a_gate_that_says_nothing_or_something_else_releases_nothing(
    variants: list[Stages], module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is not consent: which gates are due the policy says, with their limits."""
    said: list[Any] = []
    turn = -1

    def wrap(judge: Callable[..., Any]) -> Callable[..., Any]:
        def mistaken(*args: Any, **options: Any) -> Any:
            right = judge(*args, **options)
            said.append(right)
            return right if turn < 0 else list(told_otherwise(right))[turn]

        return mistaken

    stages = variants[0]
    structure = stages.condition(to_table([stages.ref], ClipRef))
    (candidate,) = from_table(stages.regenerate(structure), CandidateClip, QuarantinedClip, FailedClip)
    replaced(monkeypatch, module, name, wrap)

    def judged() -> Any:
        """The clip's outcome: what was generated hangs on no gate, so it is the same each time."""
        clip = candidate
        if name in GATE_1:
            cases = Conditioning, QuarantinedClip, FailedClip
            (seen,) = from_table(stages.condition(to_table([stages.ref], ClipRef)), *cases)
            if not isinstance(seen, Conditioning):
                return seen
            clip = replace(clip, evidence=replace(clip.evidence, gates=seen.evidence.gates))
        table = stages.audit(to_table([clip], CandidateClip, QuarantinedClip, FailedClip))
        return from_table(table, *OUTCOMES)[0]

    assert isinstance(judged(), ReleasedClip)
    if name in ONLY_WHERE_MARKED:
        assert not said
        return
    assert said, f"{name} is not called, so this proves nothing"
    for turn in range(len(list(told_otherwise(said[0])))):
        outcome = judged()
        assert isinstance(outcome, QuarantinedClip), (name, turn)
        assert not [path for path in written(outcome) if path.startswith("shards/")]
