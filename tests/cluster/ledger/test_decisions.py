"""Decisions: what they take out of a finished dataset, with which steps it is made again, and what they refuse."""

import json
from collections.abc import Callable
from functools import partial

import pytest
import ray

from cluster.ledger import checkpoint
from cluster.ledger.decisions import honour
from cluster.ledger.plans import Plan
from cluster.ledger.repair import repair
from cluster.ledger.run import Run
from operators import storage
from operators.recovery.escalation import Ladder
from operators.recovery.keyed import Keyed, in_public, steering_key
from operators.release import reader
from schemas.certificate import Gate, Step
from schemas.clip import ClipRef, QuarantinedClip
from schemas.decision import Decision
from schemas.errors import UserError
from tests.cluster import toy

REFUSED = Gate.at_least("background", 20.0, 26.0)
FIRST = Step("other seed", "audit: gate failed: background")
SHA, KEY = "5" * 64, {number: toy.make_ref(number).key for number in range(20)}
WAIVE = toy.POLICY.reviewers.model_copy(update={"may_waive": ["background"]})


@pytest.fixture(autouse=True)
def _no_checkpoint_left_behind() -> object:
    yield
    ray.data.DataContext.get_current().checkpoint_config = None


@pytest.fixture
def finished(place: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, str, list[str]]:
    """Plan, output and shards of 12 clips; a gate refused clip 0 after a step, clip 10 raised, 1 and 11 failed."""
    ended = toy.ended

    def refused(ref: ClipRef, seed: int | None = None) -> object:
        if ref.clip_id == 0:
            return QuarantinedClip(ref, "audit", "gate failed", [toy.GATE, REFUSED], [FIRST], {}, SHA)
        if ref.clip_id == 10:
            return QuarantinedClip(ref, "condition", "RuntimeError at a.py:1", [], [], {})
        return ended(ref, seed)

    monkeypatch.setattr(toy, "ended", refused)
    names = toy.write_output(f"{place}/plan", f"{place}/out", 12)
    return Plan(f"{place}/plan"), f"{place}/out", names


def decision(number: int, what: str, sha256: str = SHA, by: str = "R. Viewer") -> Decision:
    return Decision(key=KEY[number], decision=what, reason="why", by=by, output_sha256=sha256)  # type: ignore[arg-type]


def sha_of(output: str, key: str) -> str:

    rows = reader.manifest(output, ["key", "sha256"]).to_pylist()
    return str({row["key"]: row["sha256"] for row in rows}[key])


def steps(output: str, number: int) -> list[Step]:
    return Ladder(output=storage.absolute(output)).steps(number)


def test_what_is_decided_is_missing_and_due_with_its_steps(finished: tuple[Plan, str, list[str]]) -> None:
    plan, output, _ = finished
    looked_at = sha_of(output, KEY[9])
    given = [decision(0, "accept"), decision(9, "blackout", looked_at), decision(10, "redo", "")]
    decide = partial(honour, given, "d.json", plan, output, WAIVE)
    checkpoint.begin(Run(plan, output, toy.PROFILE, toy.POLICY), decide=decide)
    assert checkpoint.missing(plan, output).tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert steps(output, 0) == [FIRST, Step("accept", "why", "R. Viewer", SHA, ["background"])]
    assert steps(output, 9) == [Step("opaque fill", "why", "R. Viewer", looked_at)]
    assert steps(output, 10) == [Step("other seed", "why", "R. Viewer", "")]
    assert steps(output, 2) == []
    assert json.loads(storage.read_bytes(output, "dataset.json"))["state"] == "running"
    # Interrupted here, the same command goes on, and so does one without the decisions.
    assert decide() == {"to do": 0, "done": 3}
    checkpoint.begin(Run(plan, output, toy.PROFILE, toy.POLICY))
    assert steps(output, 0)[-1].name == "accept"


KEYED = Keyed(steering_key(b"the plan's"))


@pytest.mark.parametrize("what", ["redo", "blackout", "accept"])
@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_what_was_refused_is_called_by_its_digest_only_where_it_is_released(
    place: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Its step is published. The page knows the digest if the candidate was kept, and else what it is called."""
    name, ended = in_public(SHA, KEYED), toy.ended

    def refused(ref: ClipRef, seed: int | None = None) -> object:
        held = QuarantinedClip(ref, "audit", "gate failed", [toy.GATE, REFUSED], [FIRST], {}, name)
        return held if ref.clip_id == 0 else ended(ref, seed)

    monkeypatch.setattr(toy, "ended", refused)
    plan, output = Plan(f"{place}/plan"), f"{place}/out"
    toy.write_output(plan.uri, output, 4)
    decide = partial(honour, where="d.json", plan=plan, output=output, reviewers=WAIVE, keyed=KEYED)
    with pytest.raises(UserError, match="made again since"):
        decide([decision(0, what, "6" * 64)])
    if what == "accept":
        with pytest.raises(UserError, match="made again since"):
            decide([decision(0, what, name)])
    known = (SHA,) if what == "accept" else (SHA, name)
    assert [decide([decision(0, what, one)]) for one in (known[0], *known)] == [
        {"to do": 1, "done": 0},
        *[{"to do": 0, "done": 1}] * len(known),
    ]
    assert steps(output, 0)[-1].output_sha256 == (SHA if what == "accept" else name)


def test_a_neighbour_keeps_the_steps_that_a_reviewer_asked_for(finished: tuple[Plan, str, list[str]]) -> None:
    plan, output, _ = finished
    honour([decision(3, "redo", sha_of(output, KEY[3]))], "d.json", plan, output, WAIVE)
    assert steps(output, 0) == [FIRST]


def test_to_accept_what_is_released_is_nothing_to_do(finished: tuple[Plan, str, list[str]]) -> None:
    plan, output, _ = finished
    before = storage.list_files(output)
    given = [decision(3, "accept", sha_of(output, KEY[3]))]
    assert honour(given, "d.json", plan, output, WAIVE) == {"to do": 0, "done": 1}
    assert storage.list_files(output) == before


BAD: dict[str, tuple[Callable[[], Decision], str]] = {
    "unknown": (lambda: replaced(decision(0, "redo"), key="nobody"), "is in no such plan"),
    "failed": (lambda: decision(1, "redo", ""), "failed: nothing was made"),
    "not waivable": (lambda: decision(0, "accept"), "which the policy lets no reviewer waive"),
    "made again since": (lambda: decision(0, "redo", "6" * 64), "made again since"),
    "nothing to accept": (lambda: decision(10, "accept", ""), "no video that could be accepted"),
}


def replaced(made: Decision, **change: str) -> Decision:
    return Decision(**made.model_dump() | change)


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_what_cannot_be_honoured_changes_nothing(finished: tuple[Plan, str, list[str]], case: str) -> None:
    plan, output, _ = finished
    make, problem = BAD[case]
    before = storage.list_files(output)
    reviewers = toy.POLICY.reviewers if case == "not waivable" else WAIVE
    given = [decision(2, "redo", sha_of(output, KEY[2])), make()]
    with pytest.raises(UserError, match=problem) as raised:
        honour(given, "d.json", plan, output, reviewers)
    assert str(raised.value).startswith(f"d.json: entry 2: clip {make().key}")
    assert storage.list_files(output) == before


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_clip_that_has_not_ended_is_refused(finished: tuple[Plan, str, list[str]]) -> None:
    plan, output, names = finished
    storage.delete(output, [f"checkpoint/{names[0]}.parquet"])
    repair(output)
    with pytest.raises(UserError, match="has not ended yet"):
        honour([decision(2, "redo")], "d.json", plan, output, WAIVE)
