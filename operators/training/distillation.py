"""A student of few steps: the loss of mode distill of jobs/finetune.py."""

from collections.abc import Callable

import numpy as np
import torch
from diffusers import WanVACETransformer3DModel
from peft.helpers import rescale_adapter_scale
from torch import nn

from operators.conditioning.persona import sample_persona
from operators.conditioning.prompt import caption_from_cues
from operators.training.discriminator import Critic
from schemas.errors import UserError
from schemas.profile import Profile
from schemas.recipe import Recipe

_LOOKS = 256  # drawn once: a text encoder keeps so many prompts


class Distillation:
    """How far a student's step ends from where its teacher's many, guided, lead from the same latents.

    Progressive distillation (Salimans and Ho, 2022) of all steps at once, guidance taken in (Meng et al., 2023): one of
    the student's noise levels is drawn, its own steps lead there from pure noise, so that it learns where it will be,
    and there its velocity is drawn to the mean of the teacher's until the next level. The teacher is the student
    without its adapter. Words are looks drawn from the teacher's profile, as in generation; pairs give the conditions
    alone.
    """

    def __init__(
        self,
        recipe: Recipe,
        student: WanVACETransformer3DModel,
        encode: Callable[[str], torch.Tensor],
        channels: torch.Tensor | None = None,
    ) -> None:
        """`student` has the adapter that is trained; `encode` embeds a prompt [L,W]; `channels` as in Denoising."""
        assert recipe.teacher
        settings = recipe.teacher.generator
        self.recipe, self.student, self.encode, self.channels = recipe, student, encode, channels
        self.guided = settings.guidance_until * settings.steps if settings.guidance > 1 else 0
        self.guidance, self.nothing = settings.guidance, encode(settings.negative_prompt)
        self.levels = noise_levels(settings.steps, settings.flow_shift)
        self.stride = settings.steps // recipe.student_steps
        self.prompts = [prompt_of(recipe.teacher, recipe.seed + number) for number in range(_LOOKS)]

    def __call__(
        self,
        model: nn.Module,
        x: torch.Tensor,
        z: torch.Tensor,
        text: torch.Tensor,
        generator: torch.Generator,
        critic: Critic | None = None,
    ) -> torch.Tensor:
        """Scalar for z [B,V,1+t,h,w]; of x [B,C,1+t,h,w] only the shape counts, `text` and `critic` are Denoising's
        and are left alone; CPU generator.

        `model` is the student, perhaps wrapped for several workers.
        """
        chosen = torch.randint(_LOOKS, (len(x),), generator=generator).tolist()
        words = torch.stack([self.encode(self.prompts[look]) for look in chosen]).to(x)
        nothing = self.nothing.to(x).expand_as(words)
        part = int(torch.randint(self.recipe.student_steps, (1,), generator=generator))
        latents = torch.randn(x.shape, generator=generator).to(x)
        first, last = part * self.stride, (part + 1) * self.stride
        with torch.no_grad():
            for step in range(0, first, self.stride):
                made = self._said(self.student, latents, step, z, words)
                latents = self._step(latents, step, step + self.stride, made)
            there = self.taught(latents, first, last, z, words, nothing)
        wanted = (latents - there) / (self.levels[first] - self.levels[last])
        made = self._said(model, latents, first, z, words)
        if self.recipe.prediction == "flow_prediction":
            return (made - wanted).square().mean()
        picture = latents - self.levels[first] * wanted
        error = (made - picture).square() * (0.1 + z[:, 2 * x.shape[1] :].mean(dim=1, keepdim=True))
        if self.channels is not None:
            error = error * self.channels.view(1, -1, 1, 1, 1).to(x)
        return error.mean()

    @torch.no_grad()
    def taught(
        self,
        latents: torch.Tensor,
        first: int,
        last: int,
        z: torch.Tensor,
        words: torch.Tensor,
        nothing: torch.Tensor,
    ) -> torch.Tensor:
        """The teacher's steps from the `first` of its noise levels to the `last`; words and nothing [B,L,W]."""
        with rescale_adapter_scale(self.student, 0):
            for step in range(first, last):
                latents = self._step(latents, step, step + 1, self._guided(latents, step, z, words, nothing))
        return latents

    def _said(
        self, model: nn.Module, latents: torch.Tensor, step: int, z: torch.Tensor, words: torch.Tensor
    ) -> torch.Tensor:
        """What a transformer says of latents at the noise level of a step, float32."""
        time = torch.full((len(latents),), 1000 * float(self.levels[step]), device=latents.device)
        return model(latents, time, words, control_hidden_states=z, return_dict=False)[0].float()

    def _guided(
        self, latents: torch.Tensor, step: int, z: torch.Tensor, words: torch.Tensor, nothing: torch.Tensor
    ) -> torch.Tensor:
        if step >= self.guided:
            return self._said(self.student, latents, step, z, words)
        both = [torch.cat(pair) for pair in ((latents, latents), (z, z), (words, nothing))]
        with_words, without = self._said(self.student, both[0], step, both[1], both[2]).chunk(2)
        return without + self.guidance * (with_words - without)

    def _step(self, latents: torch.Tensor, step: int, to: int, said: torch.Tensor) -> torch.Tensor:
        """Euler's, from one noise level to another."""
        here, there = float(self.levels[step]), float(self.levels[to])
        velocity = said if self.recipe.prediction == "flow_prediction" else (latents - said) / here
        return latents + (there - here) * velocity


def noise_levels(steps: int, shift: float) -> np.ndarray:
    """float64 [steps+1]: from 1 to 0, as generation spaces them for Euler; every n-th are those of steps / n."""
    even = np.linspace(1, 0, steps + 1)
    return shift * even / (1 + (shift - 1) * even)


def prompt_of(profile: Profile, seed: int) -> str:
    """What a tube's prompt may be: a look, and sentences on the camera where a captioner would speak of the scene."""
    scene = None if profile.caption.model == "template" else ""
    return caption_from_cues([sample_persona(seed, profile.persona)], scene)


def require_fit(profile: Profile, made_for: dict[str, str]) -> None:
    """Raise UserError if pairs `made_for` one variant and mode show the teacher's conditions in another mode."""
    mode = profile.generator.mode
    if made_for.get("variant") == "structhuman" and made_for["mode"] != mode:
        problem = f"show {made_for['mode']}, and the profile's generator paints {mode}"
        raise UserError("--pairs", problem, "Prepare pairs with the profile that is distilled")
