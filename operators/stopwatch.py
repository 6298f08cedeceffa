"""What a clip's seconds went to, by step; which steps there are and whose they are."""

from time import perf_counter

STEPS: dict[str, tuple[str, ...]] = {
    "condition": ("decode", "detect", "text", "gate 1", "fuse"),
    "regenerate": ("generate", "composite"),
    "audit": ("audit",),
}
STAGE_OF = {step: stage for stage, steps in STEPS.items() for step in steps}


class Stopwatch:
    """Seconds by step since it was made."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = perf_counter()

    def lap(self, step: str) -> None:
        """The time since the last lap went to `step`. Raises KeyError for a step that no stage has."""
        STAGE_OF[step]
        now = perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self.last
        self.last = now


def by_stage(seconds: dict[str, float]) -> dict[str, float]:
    """Seconds by stage from seconds by step; of steps that nobody has, `other`."""
    total: dict[str, float] = {}
    for step, spent in seconds.items():
        stage = STAGE_OF.get(step, "other")
        total[stage] = total.get(stage, 0.0) + spent
    return total
