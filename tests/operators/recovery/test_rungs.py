"""Which rung can help with which gate: of every gate that there is, and as the stages themselves have it."""

from itertools import permutations
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from operators.recovery.escalation import Ladder
from operators.recovery.rungs import HELP, in_vain, next_rung
from schemas.certificate import Rung, Step, Variant
from schemas.clip import QuarantinedClip, ReleasedClip
from schemas.measures import MEASURES
from tests.operators.stages import Stages

RUNGS: tuple[Rung, ...] = get_args(Rung)


def test_of_every_gate_the_table_says_which_rungs_can_help() -> None:
    assert HELP.keys() == MEASURES.keys()


@pytest.mark.parametrize("gate", MEASURES)
@pytest.mark.parametrize("rungs", list(permutations(RUNGS)))
def test_a_refusal_climbs_what_can_help_it_and_nothing_else(
    tmp_path: Path, gate: str, rungs: tuple[Rung, ...]
) -> None:
    ladder, steps = Ladder(rungs, str(tmp_path)), list[Step]()
    while ladder.climb(1, steps, "audit", f"gate failed: {gate}"):
        steps = ladder.steps(1)
    assert [step.name for step in steps] == [rung for rung in rungs if rung in HELP[gate]]


@pytest.mark.parametrize("one", MEASURES)
def test_of_several_gates_each_has_to_be_helped(one: str) -> None:
    """By one rung, or else by several behind each other; where one gate is past help nothing is tried."""
    for other in MEASURES:
        taken, both = next_rung(RUNGS, [one, other]), HELP[one] & HELP[other]
        if both:
            assert taken in both
        elif HELP[one] and HELP[other]:
            assert taken in HELP[one] | HELP[other]
        else:
            assert taken is None


def test_of_a_gate_that_nobody_knows_all_is_tried() -> None:
    assert next_rung(RUNGS, ["a gate of your own"]) == "other seed"


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("stages"), "structhuman")


def scores(stages: Stages, output: Path, rungs: list[Rung]) -> dict[str, float]:
    """Of each gate, of the clip as it is after these steps."""
    ladder = Ladder((), str(output))
    ladder.write(stages.ref.clip_id, [Step(rung, "audit: gate failed: copy") for rung in rungs])
    stages.condition.ladder = ladder
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip)
    return {gate.name: gate.score for gate in outcome.certificate.gates}


def test_what_a_rung_is_said_not_to_help_is_the_same_after_it(stages: Stages, tmp_path: Path) -> None:
    gates = stages.policy.gates.model_copy(update={"blank_share": 1.0})
    stages.audit.policy = stages.policy.model_copy(update={"gates": gates})
    before = scores(stages, tmp_path, [])
    for rung in RUNGS:
        after = scores(stages, tmp_path, [rung])
        for gate in after.keys() & before.keys():
            if rung not in HELP[gate]:
                assert after[gate] == before[gate] or (gate == "blank" and after[gate] > before[gate]), gate
        for gate in before.keys() - after.keys():
            assert rung in HELP[gate], "it is not asked any more"


@pytest.mark.parametrize("name", ["in_vain", "painted_over"])
def test_who_is_refused_stays_so_whatever_fails_then(
    stages: Stages, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []

    def fail(*_: object) -> object:
        reached.append(name)
        raise RuntimeError("/secret/name.mp4")

    gates = stages.policy.gates.model_copy(update={"outside_psnr_db": 99.5})
    monkeypatch.setattr(stages.audit, "policy", stages.policy.model_copy(update={"gates": gates}))
    monkeypatch.setattr(f"operators.audit.{name}", fail)
    outcome = stages.run(first="audit")
    assert reached and isinstance(outcome, QuarantinedClip) and "secret" not in outcome.reason


MADE, PAINTED = np.zeros((2, 10, 10), bool), np.zeros((2, 10, 10), bool)
MADE[:, :4], PAINTED[1, 4:7] = True, True  # 0.4 of both frames, 0.3 of the second


@pytest.mark.parametrize("variant", get_args(Variant))
@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("most", [0.2, 0.5, 0.8])
def test_what_is_painted_over_is_not_generated_again(variant: Variant, lost: bool, most: float) -> None:
    """Too much painted over is that whatever the seed; what a fill would add is known before it is tried."""
    vain = in_vain(["blank"], variant, PAINTED, MADE, most, lost)
    assert ("other seed" in vain) == (most < 0.3)
    assert ("opaque fill" in vain) == (most < 0.7)
    assert ("larger mask" in vain) == (lost and most < 0.7)


@pytest.mark.parametrize("gate", ["nobody new", "no new face"])
def test_who_shows_in_the_source_shows_with_every_seed(gate: str) -> None:
    assert in_vain([gate], "structhuman", PAINTED, MADE, 1.0, False) == {"other seed", "opaque fill"}
    assert not in_vain([gate], "structall", PAINTED, MADE, 1.0, False)
    assert not in_vain(["copy"], "structhuman", PAINTED, MADE, 1.0, False)
