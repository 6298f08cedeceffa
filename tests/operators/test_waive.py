"""A reviewer's accept: for the gates that the policy names, for the very bytes that were looked at, and no further."""

import hashlib
from dataclasses import replace

import pytest

from operators.audit import Audit, Provenance
from operators.recovery.escalation import tries
from operators.release.checked import Demands
from operators.release.shard_check import check_shard
from operators.release.shard_writer import write_shard
from schemas.arrow import from_table, to_table
from schemas.certificate import Gate, Step, filled, margin, refused
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.errors import UserError
from schemas.policy import Policy
from tests.cluster import toy
from tests.operators.audited import PERSON, POLICY, PROFILE, encode, loaded
from tests.operators.clips import with_evidence
from tests.operators.sightings import no_boxes

NAME, REF = "0" * 32 + "-00000000", toy.make_ref(5)
LENIENT = POLICY.model_copy(
    update={"reviewers": POLICY.reviewers.model_copy(update={"may_waive": ["background"]})}
)


def accept(video: bytes, *waives: str, by: str = "R. Viewer") -> Step:
    return Step("accept", "a mirror, not a person", by, hashlib.sha256(video).hexdigest(), list(waives))


def audit(clip: CandidateClip, policy: Policy = LENIENT) -> ReleasedClip | QuarantinedClip:
    table = to_table([clip], CandidateClip, QuarantinedClip, FailedClip)
    models = replace(loaded(policy.model_dump_json()), final=no_boxes)
    made = Audit(PROFILE, policy, Provenance("w", "c"), models=models)(table)
    (result,) = from_table(made, ReleasedClip, QuarantinedClip, FailedClip)
    assert isinstance(result, ReleasedClip | QuarantinedClip)
    return result


@pytest.fixture(scope="module")
def held(candidate: CandidateClip) -> CandidateClip:
    """A candidate that the gate "background" refuses, and no other."""
    clip = replace(candidate, video=encode(PERSON))
    result = audit(clip)
    assert isinstance(result, QuarantinedClip)
    assert [gate.name for gate in result.gates if not gate.passed] == ["background"]
    assert result.output_hmac == hashlib.sha256(clip.video).hexdigest()
    return clip


def test_what_the_policy_lets_a_reviewer_waive_is_released_and_says_so(held: CandidateClip) -> None:
    step = accept(held.video, "background")
    released = audit(with_evidence(held, steps=[step]))
    assert isinstance(released, ReleasedClip)
    assert released.certificate.steps == [step]
    assert [gate.name for gate in released.certificate.gates if not gate.passed] == ["background"]
    assert "accepted" in [gate.name for gate in released.certificate.gates if gate.passed]


@pytest.mark.parametrize(
    ("step", "policy", "why"),
    [
        (accept(encode(PERSON), "background"), POLICY, "gate failed: background"),
        (accept(encode(PERSON), "copy"), LENIENT, "gate failed: background"),
        (accept(encode(PERSON)), LENIENT, "gate failed: background"),
        (accept(encode(PERSON), "background", by=" "), LENIENT, "gate failed: background"),
        (accept(b"another video", "background"), LENIENT, "gate failed: background, accepted"),
        (Step("other seed", "why", "R. Viewer", "", ["background"]), LENIENT, "gate failed: background"),
    ],
)
def test_any_other_accept_leaves_it_in_quarantine(
    held: CandidateClip, step: Step, policy: Policy, why: str
) -> None:
    result = audit(with_evidence(held, steps=[step]), policy)
    assert isinstance(result, QuarantinedClip)
    assert result.reason == why
    assert result.steps == [step]


def test_a_sound_clip_with_an_accept_of_another_video_is_not_released(candidate: CandidateClip) -> None:
    result = audit(with_evidence(candidate, steps=[accept(b"another video", "background")]))
    assert isinstance(result, QuarantinedClip)
    assert result.reason == "gate failed: accepted"


def test_a_released_clip_is_no_longer_one_without_its_accept(held: CandidateClip) -> None:
    released = audit(with_evidence(held, steps=[accept(held.video, "background")]))
    assert isinstance(released, ReleasedClip)
    for steps in ([], [accept(b"another", "background")], [accept(held.video, "background", by="")]):
        with pytest.raises(ValueError, match="has not passed every gate"):
            replace(released, certificate=replace(released.certificate, steps=steps))


def test_a_score_that_is_not_a_number_cannot_be_waived() -> None:
    gate = Gate("background", "dB", float("nan"), 26.0, "at least")
    step = accept(b"video", "background")
    assert refused([gate], [step], step.output_sha256, ["background"]) == ["background"]
    assert refused([replace(gate, score=20.0)], [step], step.output_sha256, ["background"]) == []
    assert refused([replace(gate, score=20.0)], [step], step.output_sha256, ["copy"]) == ["background"]


@pytest.mark.parametrize(
    "name", ["frames", "timestamps", "size", "container", "conditioning copy", "accepted"]
)
def test_no_policy_lets_anybody_waive_that_the_video_fits_its_source(name: str) -> None:
    with pytest.raises(UserError, match=f"nobody may waive {name}"):
        load(Policy, "cluster/policies/driving.yaml", [f"reviewers.may_waive=[copy, {name}]"])


def test_accept_asks_for_the_same_seed_and_a_redo_for_another() -> None:
    seed, fill, yes = Step("other seed", "r"), Step("opaque fill", "r"), Step("accept", "r", "R. Viewer", "0")
    assert [tries(steps) for steps in ([], [yes], [seed], [seed, yes], [seed, fill])] == [0, 0, 1, 1, 2]
    wider = Step("larger mask", "r")
    assert [tries(steps) for steps in ([wider], [wider, wider], [wider, seed])] == [0, 0, 1]
    assert [filled(steps) for steps in ([], [fill], [fill, yes], [fill, seed], [seed, fill])] == [
        False,
        True,
        True,
        False,
        True,
    ]


def test_the_margin_is_that_of_the_closest_gate() -> None:
    near, far = Gate("a", "at most", 0.9, 1.0, "at most"), Gate("b", "at least, dB", 52.0, 26.0, "at least")
    count = Gate("c", "a count", 0, 0, "at most")
    assert margin([far, count]) == pytest.approx(0.5)
    assert margin([near, far, count]) == pytest.approx(0.1)
    assert margin([near, replace(far, score=13.0)]) == pytest.approx(-0.5)
    assert margin([near, replace(count, score=2)]) == -1
    assert margin([]) == margin([replace(near, score=float("nan"))]) == -1


@pytest.mark.parametrize(
    ("may_waive", "steps", "found"),
    [
        (["background"], [accept(toy.noise(REF, 0), "background")], []),
        (
            [],
            [accept(toy.noise(REF, 0), "background")],
            [
                "was accepted past a gate that the policy lets no reviewer waive",
                "certificate: gate did not pass: background",
            ],
        ),
        (["background"], [], ["certificate: gate did not pass: background"]),
    ],
)
def test_verify_lists_what_was_waived_and_finds_what_may_not_be(
    may_waive: list[str], steps: list[Step], found: list[str]
) -> None:
    reviewers = POLICY.reviewers.model_copy(update={"may_waive": may_waive})
    policy = POLICY.model_copy(update={"reviewers": reviewers})
    row = toy.released(REF, toy.noise(REF, 0), policy=policy, steps=steps)
    scores = {gate.name: gate.score for gate in row.certificate.gates} | {"background": 20.0}
    gates = [replace(gate, score=scores[gate.name]) for gate in row.certificate.gates]
    object.__setattr__(row, "certificate", replace(row.certificate, gates=gates))
    files: dict[str, toy._File] = {}
    write_shard([row], [REF.clip_id], NAME, lambda path: toy._open(files, path))
    demands = Demands(policy, toy.PROFILE.digest())
    checked = check_shard(NAME, lambda path: files[path].data, demands)
    assert [breach.problem for breach in checked.breaches] == found
    assert checked.waived == [(REF.key, step) for step in steps]
