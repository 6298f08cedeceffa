"""A gate that says nothing, or something else than is due, releases nothing."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import operators.gates
from schemas.arrow import from_table, to_table
from schemas.certificate import Gate
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from tests.operators.stages import ACTED, DISGUISED, OUTCOMES, Stages, written

ONLY_WHERE_MARKED = {"_marked"}  # tests/operators/release/test_c2pa_mark.py
GATE_1 = {"nobody_left", "_surest"}  # asked by Condition


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


class Waved(Gate):
    """Passes whatever its score is."""

    passed = True  # type: ignore[assignment]


def waved(gate: Gate) -> Gate:
    """The same gate, of that class, which its constructor would not let be."""
    made: Gate = object.__new__(Waved)
    for field in fields(Gate):
        object.__setattr__(made, field.name, getattr(gate, field.name))
    object.__setattr__(made, "score", 1e9 if gate.direction == "at most" else -1e9)
    return made


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
        [replace(gate, measure="something else") for gate in listed],
        [waved(gate) for gate in listed],
        [True for _ in listed],
    ):
        yield changed if several or len(changed) != 1 else changed[0]
    yield from (None, iter(()), np.True_, "passed", Gate)


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
    variants: list[Stages],
    disguised: list[Stages],
    acted: list[Stages],
    module: ModuleType,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
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

    stages = (disguised if name in DISGUISED else acted if name in ACTED else variants)[0]
    (candidate,) = from_table(stages.before_audit, CandidateClip, QuarantinedClip, FailedClip)
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
