"""An exception in every function, model and gate that a stage calls: no clip is released, and no word leaks."""

import inspect
from types import ModuleType
from typing import Any

import pytest

from operators.audit import Provenance
from operators.pages.candidates import Candidates
from operators.recovery.attempts import Attempts
from operators.recovery.escalation import Ladder
from operators.recovery.fail_closed import each
from operators.release.c2pa_mark import Marker
from schemas.clip import (
    FailedClip,
    QuarantinedClip,
)
from tests.operators.stages import ACTED, DISGUISED, STAGES, Stages, owner_of_models, written

ELSEWHERE = {
    *(
        "build_generator",
        "beside_nobody",
        "reads_writing",
        "sees_people",
        "use_threads",
    ),  # before there is a clip; tested beside them
    *("in_vain", "painted_over"),  # asked when a gate has refused: tests/operators/recovery/test_rungs.py
    "generated",  # asked for marks, which are an option: tests/operators/release/test_c2pa_mark.py
}
BESIDE = (
    Attempts,
    Candidates,
    Ladder,
    Marker,
    Provenance,
)  # of a stage, and no part of what it makes or judges


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


@pytest.mark.parametrize(("stage", "name"), FUNCTIONS)
def test_an_exception_anywhere_publishes_nothing(
    variants: list[Stages],
    acted: list[Stages],
    disguised: list[Stages],
    stage: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached = []

    def fail(*_: Any, **__: Any) -> Any:
        reached.append(name)
        raise RuntimeError("/secret/name.mp4")

    monkeypatch.setattr(STAGES[stage], name, fail)
    for stages in acted if name in ACTED else disguised if name in DISGUISED else variants:
        before = len(reached)
        outcome = stages.run(first=stage)
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
                outcome = stages.run(first=stage)
            if broken.reached:
                reached.add(f"{stage}.{name}")
                assert isinstance(outcome, QuarantinedClip | FailedClip), name
                assert not [path for path in written(outcome) if path.startswith("shards/")]
    everything = {f"{stage}.{name}" for stage in STAGES for name in owned(getattr(variants[0], stage))}
    assert reached == everything, "what neither variant reaches proves nothing"
    assert {"regenerate.generator", "audit.text", "audit.likeness", "condition.witness"} <= everything
