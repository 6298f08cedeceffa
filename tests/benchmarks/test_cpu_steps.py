"""Every step beside the GPU is found and timed."""

from benchmarks.cpu_steps import STEPS, measure


def test_a_clip_goes_through_all_stages_and_every_step_is_timed() -> None:
    spent, frames = measure(480, 640, frames=5)
    assert frames == 5
    named = {name for stage, steps in STEPS.items() for name in (*steps, f"the rest of {stage}")}
    assert spent.keys() == named and all(seconds >= 0 for seconds in spent.values())
