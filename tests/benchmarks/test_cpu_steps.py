"""Every step beside the GPU is found and timed."""

import pytest

from benchmarks.cpu_steps import STEPS, measure


@pytest.mark.parametrize("people", [1, 3])
def test_a_clip_goes_through_all_stages_and_every_step_is_timed(people: int) -> None:
    spent, frames = measure(480, 640, frames=5, people=people)
    assert frames == 5
    named = {name for stage, steps in STEPS.items() for name in (*steps, f"the rest of {stage}")}
    assert spent.keys() == named and all(seconds >= 0 for seconds in spent.values())
