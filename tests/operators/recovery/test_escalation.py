"""The ladder, rung by rung, through the real stages: what a gate refuses is tried again, and nothing else is."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from operators.audit import Audit, Provenance
from operators.conditioning.fuse import fuse_structhuman
from operators.conditioning.grow import track_everybody
from operators.pages.candidates import Candidates
from operators.recovery.escalation import Ladder, larger
from operators.recovery.fail_closed import Rejected
from operators.video.encode import decode_bytes
from schemas.arrow import from_table, to_table
from schemas.certificate import Rung, Step
from schemas.clip import ClipRef, QuarantinedClip, ReleasedClip
from tests.operators.stages import BODY, OUTCOMES, Stages, written

# The gate "background" then refuses every video, and alone: larger masks paint over most of so small a frame.
NEVER = {"outside_psnr_db": 99.5, "blank_share": 1.0}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("stages"), "structhuman")


class Tries:
    """The stages of one clip with a ladder, and gates that the test chooses."""

    def __init__(self, stages: Stages, output: Path) -> None:
        self.stages, self.output = stages, output
        self.ladder = Ladder(stages.policy.escalation, str(output / "out"))
        stages.condition.ladder = self.ladder
        self.refuse(True)

    def refuse(self, yes: bool) -> None:
        """Whether the audit refuses from now on."""
        gates = self.stages.policy.gates.model_copy(update=NEVER if yes else {})
        policy = self.stages.policy.model_copy(update={"gates": gates})
        kept = Candidates(str(self.output / "review"))
        models = self.stages.audit.models  # real ones see somebody in coarse noise
        self.audit = Audit(
            self.stages.profile,
            policy,
            Provenance("w", "c"),
            ladder=self.ladder,
            candidates=kept,
            models=models,
        )

    def run(self) -> list[Any]:
        """One pass: a verdict, or none."""
        candidates = self.stages.regenerate(self.stages.condition(to_table([self.stages.ref], ClipRef)))
        return from_table(self.audit(candidates), *OUTCOMES)

    def names(self) -> list[str]:
        return [step.name for step in self.ladder.steps(self.stages.ref.clip_id)]


@pytest.fixture
def tries(shared: Stages, tmp_path: Path) -> Tries:
    return Tries(shared, tmp_path)


def test_a_refused_clip_has_no_verdict_while_a_rung_is_left(tries: Tries) -> None:
    digests = set()
    for rung in range(3):
        assert tries.run() == []
        assert tries.names() == ["other seed", "larger mask", "opaque fill"][: rung + 1]
        digests.add((tries.output / f"review/candidates/{tries.stages.ref.key}.mp4").read_bytes())
    (outcome,) = tries.run()
    assert isinstance(outcome, QuarantinedClip)
    assert outcome.reason == "gate failed: background"
    assert [step.name for step in outcome.steps] == ["other seed", "larger mask", "opaque fill"]
    assert {step.reason for step in outcome.steps} == {"audit: gate failed: background"}
    assert len(digests) == 3, "two tries gave the same video"


def test_what_passes_on_a_rung_says_so_in_its_certificate(tries: Tries) -> None:
    assert tries.run() == []
    tries.refuse(False)
    (outcome,) = tries.run()
    assert isinstance(outcome, ReleasedClip)
    assert outcome.certificate.steps == [Step("other seed", "audit: gate failed: background")]


def test_the_last_rung_makes_people_gray_without_the_generator(tries: Tries) -> None:
    tries.ladder.write(tries.stages.ref.clip_id, [Step("opaque fill", "why", "R. Viewer")])
    tries.refuse(False)
    (outcome,) = tries.run()
    assert isinstance(outcome, ReleasedClip)
    said = outcome.certificate
    assert said.diffusion_calls == 0
    assert (said.people, said.regenerated, said.filled) == (1, 0, 1)
    assert (said.frames_masked, said.frames_painted) == (said.frames, 0)
    (row,) = pq.read_table(io.BytesIO(written(outcome)["manifest/run-00000000.parquet"])).to_pylist()
    assert not row["bypassed"], "somebody was there, and is gray now"
    assert decode_bytes(outcome.video)[:, BODY].std(axis=1).max() < 8, "not flat"


def test_what_a_reviewer_asked_for_is_tried_as_asked_and_not_further(tries: Tries) -> None:
    asked = [Step("other seed", "why", "R. Viewer")]
    tries.ladder.write(tries.stages.ref.clip_id, asked)
    (outcome,) = tries.run()
    assert isinstance(outcome, QuarantinedClip)
    assert outcome.steps == asked


def failing(*_: Any, **__: Any) -> Any:
    raise RuntimeError("not a gate")


def left_over(*_: Any, **__: Any) -> Any:
    raise Rejected("somebody may be left in the conditioning", [])


@pytest.mark.parametrize(
    ("where", "name"),
    [("condition", "track_everybody"), ("regenerate", "composite"), ("audit", "decode_bytes")],
)
def test_an_error_that_is_no_gate_is_not_tried_again(
    tries: Tries, where: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tries.run() == []
    monkeypatch.setattr(f"operators.{where}.{name}", failing)
    (outcome,) = tries.run()
    assert isinstance(outcome, QuarantinedClip)
    assert "RuntimeError" in outcome.reason
    assert [step.name for step in outcome.steps] == ["other seed"] == tries.names()


def test_a_larger_mask_hides_more(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    """And every further one more than that, with nothing that it might miss by being stricter."""
    policy = tries.stages.policy.mask
    step = Step("larger mask", "why")
    once, twice = larger(policy, [step]), larger(policy, [step, Step("other seed", "why"), step])
    assert policy.dilate_px < once.dilate_px < twice.dilate_px
    assert policy.start_confidence > once.start_confidence > twice.start_confidence
    sizes = []
    fuse = fuse_structhuman
    seen: Callable[..., Any] = lambda frames, mask, new: sizes.append(mask.sum()) or fuse(frames, mask, new)  # type: ignore[func-returns-value]  # noqa: E731
    monkeypatch.setattr("operators.condition.fuse_structhuman", seen)
    for steps in ([], [step]):
        tries.ladder.write(tries.stages.ref.clip_id, steps)
        tries.run()
    assert sizes[-1] > 1.2 * sizes[0]


@pytest.mark.parametrize(
    ("rungs", "tried"),
    [
        (["other seed", "larger mask", "opaque fill"], ["larger mask"]),
        (["larger mask", "other seed", "larger mask"], ["larger mask", "larger mask"]),
        (["other seed", "opaque fill"], []),
    ],
)
def test_what_condition_refuses_is_tried_again_with_a_larger_mask_only(
    tries: Tries, rungs: list[Rung], tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is generated, somebody would be left outside the mask."""
    tries.ladder.rungs = rungs
    monkeypatch.setattr("operators.condition.track_everybody", left_over)
    (outcome,) = tries.run()  # at once, without another pass
    assert tries.names() == tried
    assert isinstance(outcome, QuarantinedClip) and outcome.stage == "condition"
    assert [step.name for step in outcome.steps] == tried
    assert {step.reason for step in outcome.steps} <= {"condition: somebody may be left in the conditioning"}


def test_the_ladder_goes_on_from_a_rung_that_condition_jumped_to(
    tries: Tries, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries_of_it = iter([left_over, track_everybody, track_everybody])

    def track(*given: Any) -> Any:
        return next(tries_of_it)(*given)

    monkeypatch.setattr("operators.condition.track_everybody", track)
    assert tries.run() == [] and tries.names() == ["larger mask", "opaque fill"]
    (outcome,) = tries.run()
    assert isinstance(outcome, QuarantinedClip) and outcome.stage == "audit"


@pytest.mark.parametrize(
    ("failed", "tried"),
    [("final look", "larger mask"), ("final look, copy", "larger mask"), ("copy", "other seed")],
)
def test_another_seed_is_not_tried_where_only_a_mask_can_help(
    tmp_path: Path, failed: str, tried: str
) -> None:
    ladder = Ladder(["other seed", "larger mask"], str(tmp_path))
    assert ladder.climb(1, [], "audit", f"gate failed: {failed}")
    assert [step.name for step in ladder.steps(1)] == [tried]


def test_what_is_painted_over_is_not_generated_again(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger mask may hold some of it, and in so small a frame enough; another seed and a fill leave it as it is."""
    painted = np.array([[0, t, 0, 0, 128, 70] for t in range(9)], np.int32)
    monkeypatch.setattr(tries.stages.condition.models, "redact", lambda *_: (painted, []))
    gates = tries.stages.policy.gates.model_copy(update={"blank_share": 0.3})
    monkeypatch.setattr(tries.audit, "policy", tries.stages.policy.model_copy(update={"gates": gates}))
    assert tries.run() == [] and tries.names() == ["larger mask"]
    (outcome,) = tries.run()
    assert isinstance(outcome, ReleasedClip) and tries.names() == ["larger mask"]


def test_steps_survive_in_an_object_store(s3: str) -> None:
    steps = [Step("other seed", "why"), Step("accept", "it's fine", "R. Viewer", "0" * 64, ["copy"])]
    Ladder((), f"{s3}/ladder/out").write(-5, steps)
    assert Ladder((), f"{s3}/ladder/out").steps(-5) == steps
    assert Ladder((), f"{s3}/ladder/out").steps(5) == []


def test_steps_that_cannot_be_read_are_not_none(tmp_path: Path) -> None:
    ladder = Ladder(["other seed"], str(tmp_path))
    ladder.write(1, [])
    (path,) = (tmp_path / "escalation").iterdir()
    path.write_bytes(b"[{")
    with pytest.raises(ValueError, match="Expecting"):
        ladder.steps(1)


def test_a_write_that_is_cut_off_leaves_the_steps_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ladder = Ladder(["other seed"], str(tmp_path))
    ladder.write(1, [Step("other seed", "why")])

    def cut_off(partial: Path) -> None:
        partial.write_bytes(b"[{x")
        raise KeyboardInterrupt

    monkeypatch.setattr("operators.on_disk._opened", cut_off)
    with pytest.raises(KeyboardInterrupt):
        ladder.write(1, [])
    assert ladder.steps(1) == [Step("other seed", "why")]
