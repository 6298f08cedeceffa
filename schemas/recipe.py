"""A training recipe. `cluster/recipes/*.yaml`."""

import math
from typing import Literal

from pydantic import Field, model_validator

from schemas.config import Settings
from schemas.profile import Profile


class Recipe(Settings):
    """How `jobs.finetune` trains.

    `lora` adapts the VACE blocks of the pipeline in `base` and freezes the rest (`rank`, `alpha`); `scratch` trains
    the small transformer on the latents of the VAE in `base`. `distill` adapts all blocks of the generator of a
    profile, the `teacher`, until it makes in `student_steps` without guidance what the profile's steps, a multiple of
    them, make with it; `base` and the noise levels are then the profile's. `prediction` as in the scheduler's
    configuration.
    `frames` is the number of frames that a step sees of each pair, 0 for all; fewer only if the VAE does not
    compress time. `last_whole` is the share of the steps, at the end, in which half the batches see all.
    `pure_noise` is the share of samples at the highest noise level, `drop_text` that without words, `drop_condition`
    that without structure, `drop_phrase` the share of phrases left out of the others' words: whole descriptions
    soon tell the clip. In the last `critic_share` of the steps of mode scratch a critic pulls `critic_weight` times as
    hard as the reconstruction.
    """

    mode: Literal["lora", "scratch", "distill"]
    base: str = ""
    teacher: Profile | None = None  # of the command line's --profile
    student_steps: int = Field(default=4, ge=1)
    prediction: Literal["flow_prediction", "sample"]
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    rate: float = Field(gt=0)
    warmup: int = Field(default=0, ge=0)
    decay: Literal["constant", "cosine"] = "constant"
    weight_decay: float = Field(default=0.01, ge=0)
    shift: float = Field(default=5, gt=0)
    frames: int = Field(default=0, ge=0)
    last_whole: float = Field(default=0.0, ge=0, le=1)
    pure_noise: float = Field(default=0.0, ge=0, le=1)
    drop_text: float = Field(default=0.0, ge=0, lt=1)
    drop_phrase: float = Field(default=0.0, ge=0, lt=1)
    drop_condition: float = Field(default=0.0, ge=0, lt=1)
    ema: float = Field(default=0.0, ge=0, lt=1)
    critic_share: float = Field(default=0.0, ge=0, le=1)
    critic_weight: float = Field(default=0.8, ge=0)
    rank: int = Field(default=32, ge=1)
    alpha: int = Field(default=32, ge=1)
    gradient_checkpointing: bool = False
    save_every: int = Field(default=500, ge=1)
    seed: int = 0

    @model_validator(mode="after")
    def _mode(self) -> "Recipe":
        if self.mode != "distill" and not self.base:
            raise ValueError(f"mode {self.mode} trains what lies in a folder: set base")
        if self.teacher and self.teacher.generator.steps % self.student_steps:
            steps = self.teacher.generator.steps
            raise ValueError(
                f"the teacher's {steps} steps are no multiple of {self.student_steps}: set student_steps"
            )
        if self.mode == "scratch" and self.prediction != "sample":
            raise ValueError("mode scratch starts from a regression of x: set prediction to sample")
        if self.critic_share and (self.mode != "scratch" or self.frames == 1):
            raise ValueError("a critic judges pairs of frames in mode scratch: set critic_share to 0")
        return self

    def rate_at(self, step: int) -> float:
        """Factor of the learning rate."""
        if self.decay == "cosine":
            return cosine(step, self.steps, self.warmup)
        return min(1.0, (step + 1) / (self.warmup + 1))


def cosine(step: int, steps: int, warmup: int) -> float:
    """A linear warm-up, then a cosine from 1 down to a fiftieth."""
    warm = min(1.0, (step + 1) / (warmup + 1))
    return warm * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, step / steps))))
