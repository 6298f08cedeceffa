"""People blurred, pixelated, blacked out or inpainted, as a policy may have it: done, proved, certified."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import operators.condition
from operators.generation.disguise import disguised as disguise
from operators.video.encode import decode_bytes, encode_lossless
from schemas.arrow import from_table, to_table
from schemas.certificate import Step
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.due import due, unproved
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.rules import DISGUISES
from tests.operators.stages import BODY, OUTCOMES, Stages, disguising, policy_of, source_frames

ENDED = QuarantinedClip, FailedClip
ANEW = {"body likeness", "head likeness"}


@pytest.fixture(params=range(len(DISGUISES)), ids=DISGUISES)
def stages(request: pytest.FixtureRequest, disguised: list[Stages]) -> Stages:
    return disguised[request.param]


def conditioned(stages: Stages) -> Conditioning:
    (clip,) = from_table(stages.before_regenerate, Conditioning, *ENDED)
    assert isinstance(clip, Conditioning), clip
    return clip


def judged(stages: Stages, made: Callable[[np.ndarray], np.ndarray]) -> ReleasedClip | QuarantinedClip:
    """What becomes of the clip if something else is made of its disguised frames."""
    clip = conditioned(stages)
    changed = replace(clip, background=encode_lossless(made(decode_bytes(clip.background))))
    table = stages.audit(stages.regenerate(to_table([changed], Conditioning, *ENDED)))
    (outcome,) = from_table(table, *OUTCOMES)
    return outcome


def failed(outcome: ReleasedClip | QuarantinedClip) -> set[str]:
    assert isinstance(outcome, QuarantinedClip), outcome
    return {gate.name for gate in outcome.gates if not gate.passed}


def test_what_the_policy_asks_for_is_done_proved_and_certified(stages: Stages) -> None:
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    certificate, policy = outcome.certificate, stages.policy
    assert certificate.treatment == policy.people
    assert (certificate.people, certificate.regenerated, certificate.filled) == (1, 0, 1)
    assert (certificate.tracks, certificate.diffusion_calls, certificate.frames_masked) == (0, 0, 9)
    names = {gate.name for gate in certificate.gates}
    anew = {one.name for one in due(policy_of("structhuman"), [], marked=False)}
    assert names == {one.name for one in due(policy, [], marked=False)} == anew - ANEW | {"disguise"}
    output, source = decode_bytes(outcome.video), source_frames()
    assert np.abs(output[:, BODY].astype(int) - source[:, BODY]).mean() > 20


def test_who_is_left_in_one_frame_or_disguised_less_is_refused(stages: Stages) -> None:
    frames, mask = source_frames(), conditioned(stages).evidence.mask

    def one_frame(made: np.ndarray) -> np.ndarray:
        return np.concatenate([made[:4], frames[4:5], made[5:]])

    assert {"disguise", "copy"} <= failed(judged(stages, one_frame))

    def half(made: np.ndarray) -> np.ndarray:
        return ((made.astype(np.uint16) + frames) // 2).astype(np.uint8)

    assert "disguise" in failed(judged(stages, half))
    for other in set(DISGUISES) - {stages.policy.people}:
        instead = disguise(other, frames, mask)
        assert "disguise" in failed(judged(stages, lambda _, instead=instead: instead)), other


def test_a_certificate_of_another_treatment_proves_nothing(stages: Stages) -> None:
    outcome = stages.run(first="audit")
    assert isinstance(outcome, ReleasedClip)
    assert unproved(outcome.certificate, stages.policy, BODY.shape, 0) == []
    for other in {"regenerate", *DISGUISES} - {stages.policy.people}:
        told = replace(outcome.certificate, treatment=other)
        assert "people were treated otherwise than the policy says" in unproved(
            told, stages.policy, BODY.shape, 0
        )
    anew = unproved(outcome.certificate, policy_of("structhuman"), BODY.shape, 0)
    assert {"gate body likeness is missing", "gate disguise is not due"} <= set(anew)


def test_a_candidate_that_was_treated_otherwise_is_not_released(stages: Stages) -> None:
    (clip,) = from_table(stages.before_audit, CandidateClip, *ENDED)
    assert isinstance(clip, CandidateClip)
    told = replace(clip, evidence=replace(clip.evidence, treatment="regenerate"))
    (outcome,) = from_table(stages.audit(to_table([told], CandidateClip, *ENDED)), *OUTCOMES)
    assert not isinstance(outcome, ReleasedClip)


def test_as_a_last_resort_people_are_gray(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step("opaque fill", "audit: gate failed: copy")
    monkeypatch.setattr(stages.condition.ladder, "steps", lambda _: [step])
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    names = {gate.name for gate in outcome.certificate.gates}
    assert not names & (ANEW | {"disguise"}) and outcome.certificate.steps == [step]
    assert np.abs(decode_bytes(outcome.video)[:, BODY].astype(int) - 128).max() < 12


@pytest.mark.parametrize("name", ["blackout", "inpaint"])
def test_nothing_of_somebody_is_left_who_is_blacked_out_or_inpainted(
    disguised: list[Stages], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same masks, whatever the pixels inside are, the result is the same."""
    stages = disguised[DISGUISES.index(name)]  # type: ignore[arg-type]
    monkeypatch.setattr(operators.condition, "cover_severed", lambda _, people, __: people)
    monkeypatch.setattr(operators.condition, "cover_moving", lambda _, people, *__: people)
    nothing = np.zeros((0, 6), np.int32), []
    monkeypatch.setattr(stages.condition.models, "redact", lambda *_: nothing)
    shown = []
    for frames in (source_frames(), np.where(BODY[None, :, :, None], source_frames() // 3, source_frames())):
        monkeypatch.setattr(operators.condition, "decode", lambda ref, _, frames=frames: (frames.copy(), ref))
        (clip,) = from_table(stages.condition(to_table([stages.ref], ClipRef)), Conditioning, *ENDED)
        assert isinstance(clip, Conditioning)
        shown.append(clip.background)
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ({"person": "blur"}, "treated alike"),
        ({"face": "blackout"}, "treated alike"),
        ({"person": "keep", "face": "keep"}, "person can be"),
        ({"person": "blur", "face": "blur", "text": "regenerate"}, "nothing is regenerated"),
        ({"person": "blur", "face": "blur", "escalation": "other seed"}, "other seed changes nothing"),
        ({"person": "blur", "face": "blur", "variant": "structall"}, "structall makes all anew"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(override: dict[str, str], problem: str) -> None:
    settings = policy_of("structhuman").model_dump()
    rules = [rule | {"do": override.get(rule["what"], rule["do"])} for rule in settings["rules"]]
    more = {"rules": rules, "escalation": [override.get("escalation", "larger mask")]}
    with pytest.raises(ValueError, match=problem):
        Policy.model_validate(settings | more | {"variant": override.get("variant", "structhuman")})


def test_a_variant_on_the_command_line_is_held_to_it_too() -> None:
    rules = disguising(policy_of("structhuman"), "blur").model_dump()["rules"]
    settings = [f"rules={rules}", "escalation=[]"]
    assert load(Policy, "cluster/policies/driving.yaml", settings).people == "blur"
    with pytest.raises(UserError, match="structall makes all anew"):
        load(Policy, "cluster/policies/driving.yaml", [*settings, "variant=structall"])
