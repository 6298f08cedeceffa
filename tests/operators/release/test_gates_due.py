"""The policy says which gates are due: a certificate with any other, signed or not, proves nothing."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from operators.release.checked import Demands
from operators.release.shard_check import check_shard
from operators.release.shard_writer import write_shard
from schemas.certificate import Gate, Step
from schemas.due import due, miscounted, other_gates
from tests.cluster import toy

NAME, REF = "0" * 32 + "-00000000", toy.make_ref(5)
STRICT = toy.POLICY.model_copy(update={"variant": "structall", "publish_conditioning": False})
GATES = {gate.name: gate for gate in toy.passing()}
NOBODY = {"people": 0, "regenerated": 0}
FILLED = [Step("opaque fill", "audit: gate failed: copy")]


def check(gates: list[Gate], edit: Callable[[dict[str, Any]], None] = lambda gate: None) -> list[str]:
    """What verify says of a shard whose one certificate has these gates, the first of them edited as JSON."""
    row = toy.released(REF, toy.noise(REF, 0))
    object.__setattr__(row, "certificate", replace(row.certificate, gates=gates))
    files: dict[str, toy._File] = {}
    write_shard([row], [REF.clip_id], NAME, lambda path: toy._open(files, path))
    data = {path: file.data for path, file in files.items()}
    _edit_record(data, edit)
    checked = check_shard(NAME, data.__getitem__, Demands(toy.POLICY, toy.PROFILE.digest()))
    return [breach.problem for breach in checked.breaches if breach.problem.startswith(("cert", "cannot"))]


def _edit_record(data: dict[str, bytes], edit: Callable[[dict[str, Any]], None]) -> None:
    (path,) = (path for path in data if path.startswith("shards/"))
    target = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data[path])) as old, tarfile.open(fileobj=target, mode="w") as new:
        for member in old:
            held = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name.endswith(".json"):
                record = json.loads(held)
                for gate in record["certificate"]["gates"][:1]:
                    edit(gate)
                held = (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()  # as json_form, and NaN
            member.size = len(held)
            new.addfile(member, io.BytesIO(held))
    data[path] = target.getvalue()


@pytest.mark.parametrize(
    "more",
    [
        {"people": -7, "regenerated": -8, "filled": 1},
        {"people": 0, "regenerated": -1, "filled": 1},
        {"people": 1 << 40, "regenerated": 1 << 40},
        {"people": 3},
        {"frames_masked": REF.frames + 1},
        {"frames_painted": -1},
        {"frames_painted": REF.frames + 1},
        {"tracks": -1},
        {"tracks": 1 << 40},
        {"tracks": 0},
        {"tracks": 0, "diffusion_calls": 0},
        {"tracks": 0, "diffusion_calls": 0, "frames_masked": 0},
        {"tracks": 0, "frames_masked": 0, **NOBODY},
        {"tracks": 0, "diffusion_calls": 0, **NOBODY},
        {"diffusion_calls": -1},
        {"steps": FILLED},
        {"steps": FILLED, "diffusion_calls": 0},
        {"steps": FILLED, "regenerated": 0, "filled": 1},
        {"treatment": "blur", "regenerated": 0, "filled": 1, "diffusion_calls": 0},
        {"treatment": "blur", "tracks": 0, "diffusion_calls": 0},
        {"variant": "structall", "frames_masked": REF.frames - 1},
        {"variant": "structall", "tracks": 0, "diffusion_calls": 0, **NOBODY},
    ],
    ids=str,
)
def test_what_cannot_be_counted_is_a_breach_and_released_nowhere(more: dict[str, Any]) -> None:
    row = toy.released(REF, toy.noise(REF, 0))
    wrong = replace(row.certificate, **more)
    with pytest.raises(ValueError, match="counts "):
        replace(row, certificate=wrong)
    object.__setattr__(row, "certificate", wrong)
    files: dict[str, toy._File] = {}
    write_shard([row], [REF.clip_id], NAME, lambda path: toy._open(files, path))
    checked = check_shard(NAME, lambda path: files[path].data, Demands(toy.POLICY, toy.PROFILE.digest()))
    assert any("certificate: counts " in breach.problem for breach in checked.breaches)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tracks": 0, "diffusion_calls": 0, "frames_masked": 0, **NOBODY},
        {"tracks": 0, "diffusion_calls": 0, "frames_masked": 0, "frames_painted": 2, **NOBODY},
        {"tracks": 2, **NOBODY},  # plates made anew
        {"diffusion_calls": 0},  # somebody drawn
        {"regenerated": 0, "filled": 1},  # drawn, but for one whose joints nobody saw
        {"steps": FILLED, "regenerated": 0, "filled": 1, "diffusion_calls": 0},
        {"treatment": "blur", "regenerated": 0, "filled": 1, "tracks": 0, "diffusion_calls": 0},
        {"variant": "structall", **NOBODY},
        {"variant": "structall", "steps": FILLED, "regenerated": 0, "filled": 1, "diffusion_calls": 0},
    ],
    ids=str,
)
def test_what_can_be_counted_is_taken(more: dict[str, Any]) -> None:
    certificate = replace(toy.released(REF, b"video").certificate, **more)
    assert miscounted(certificate, 0) == []


def test_only_frames_of_context_may_show_whom_no_released_frame_masks() -> None:
    before = replace(toy.released(REF, b"video").certificate, frames_masked=0)
    assert miscounted(before, 5) == []
    for one in (before, replace(before, **NOBODY), replace(before, regenerated=0, filled=1)):
        assert miscounted(one, 0) == ["counts whoever shows in no masked frame"]


@pytest.mark.parametrize("name", GATES)
def test_a_score_that_its_measure_cannot_have_passes_nothing(name: str) -> None:
    """A confidence below zero, or more decibels than there are, is a fault of whoever computed it, or a message."""
    gate = GATES[name]
    beyond = -20260314.0 if gate.direction == "at most" else 20260314.0
    wrong = [replace(one, score=beyond) if one is gate else one for one in GATES.values()]
    assert gate.passed
    assert other_gates(wrong, due(toy.POLICY, [], False)) == [f"gate {name} has a score that it cannot have"]
    assert check(wrong)


OTHERS: dict[str, Callable[[Gate], list[Gate]]] = {
    "missing": lambda gate: [],
    "twice": lambda gate: [gate, gate],
    "under another name": lambda gate: [replace(gate, name="toy")],
    "with another limit": lambda gate: [replace(gate, threshold=gate.threshold + 1)],
    "in the other direction": lambda gate: [
        replace(gate, direction="at most" if gate.direction == "at least" else "at least")
    ],
    "beyond its limit": lambda gate: [
        replace(gate, score=gate.threshold + (1 if gate.direction == "at most" else -1))
    ],
    "beside a friendlier one": lambda gate: [gate, replace(gate, threshold=gate.threshold + 1)],
}


def test_the_gates_that_are_due_prove_a_clip() -> None:
    assert check(list(GATES.values())) == []
    assert check(list(reversed(GATES.values()))) == []


@pytest.mark.parametrize("fault", OTHERS)
@pytest.mark.parametrize("name", GATES)
def test_any_other_gate_is_a_breach(name: str, fault: str) -> None:
    gates = [new for gate in GATES.values() for new in (OTHERS[fault](gate) if gate.name == name else [gate])]
    found = check(gates)
    assert found and all(problem.startswith("certificate: gate") for problem in found)


def test_an_attackers_certificate_of_one_gate_named_toy_is_a_breach() -> None:
    assert f"certificate: gate {'copy'} is missing" in check([Gate("toy", "always 0", 0.0, 1.0, "at most")])
    assert check([])


@pytest.mark.parametrize(
    "edit",
    [
        lambda gate: gate.update(score=None),
        lambda gate: gate.update(score="0.0"),
        lambda gate: gate.update(score=float("nan")),
        lambda gate: gate.update(score=float("-inf")),
        lambda gate: gate.update(passed=True),
        lambda gate: gate.update(score=0.99, passed=True),
        lambda gate: gate.update(direction="about"),
        lambda gate: gate.pop("score"),
        lambda gate: gate.pop("threshold"),
        lambda gate: gate.pop("direction"),
        lambda gate: gate.clear(),
    ],
)
def test_a_gate_that_lacks_or_claims_something_is_a_breach(edit: Callable[[dict[str, Any]], None]) -> None:
    found = check(list(GATES.values()), edit)
    assert any(problem.startswith(("certificate: gate", "cannot be read")) for problem in found)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("direction", ["at most", "at least"])
def test_only_a_finite_number_passes(score: float, direction: Any) -> None:
    assert not Gate("a", "b", score, 0.5, direction).passed
    assert not Gate("a", "b", 0.5, score, direction).passed
    assert Gate("a", "b", 0.5, 0.5, direction).passed
    assert not Gate("a", "b", 0.5, 0.5, "whatever").passed  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, "0", [0.0]])
def test_no_gate_can_be_made_of_no_number(value: Any) -> None:
    with pytest.raises(TypeError):
        Gate("a", "b", value, 0.5, "at most")
    with pytest.raises(TypeError):
        Gate("a", "b", 0.5, value, "at most")
    with pytest.raises((TypeError, ValueError)):
        Gate.at_most("copy", value if value != "0" else "no number", 0.5)


def test_what_is_due_follows_policy_steps_and_mark() -> None:
    def names(*arguments: Any) -> set[str]:
        return {one.name for one in due(*arguments)}

    plain = names(toy.POLICY, [], False)
    assert names(toy.POLICY, [], True) - plain == {"mark"}
    assert plain - names(STRICT, [], False) == {"background", "conditioning container", "conditioning copy"}
    fill, seed = Step("opaque fill", "x"), Step("other seed", "x")
    assert plain - names(toy.POLICY, [fill], False) == {"body likeness", "head likeness"}
    assert names(toy.POLICY, [fill, seed], False) == plain
    assert names(toy.POLICY, [Step("accept", "x", "R. Viewer", "0")], False) - plain == {"accepted"}


def test_every_limit_of_the_policy_is_one_of_a_gate_that_is_due() -> None:
    """A limit that no certificate must state may be any."""
    steering = {"grow_confidence", "grow_face_confidence"}
    beside = steering | {"text_confidence", "empty_spread"}  # what counts as read, as empty
    for name, value in toy.POLICY.gates.model_dump().items():
        other = toy.POLICY.gates.model_copy(update={name: value * 0.5})
        gates = toy.passing(toy.POLICY.model_copy(update={"gates": other}))
        assert bool(other_gates(gates, due(toy.POLICY, [], False))) == (name not in beside), name


def test_whether_a_gate_passed_is_for_no_other_class_to_say() -> None:
    class Lenient(Gate):
        @property
        def passed(self) -> bool:
            return True

    with pytest.raises(TypeError, match="no other class"):
        Lenient("copy", "share", 0.99, 0.1, "at most")


def test_a_number_that_compares_as_it_likes_is_a_plain_one() -> None:
    class Small(float):
        def __le__(self, _: object) -> bool:
            return True

        __ge__ = __lt__ = __gt__ = __le__

    gate = Gate("copy", "share", Small(0.99), 0.1, "at most")
    assert type(gate.score) is float and not gate.passed
    assert not Gate("copy", "share", 0.99, Small(0.1), "at most").passed
