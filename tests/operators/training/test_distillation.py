"""Four steps of a student, loaded as generation loads it, come nearer to its teacher's twenty than four of that."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from peft.helpers import rescale_adapter_scale

from operators.generation.denoise import denoise
from operators.generation.text_encoder import PromptEncoder
from operators.generation.wan_vace import load_vace
from operators.training.distillation import Distillation, noise_levels, prompt_of, require_fit
from operators.training.trainer import Trainee
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile, WanVace
from schemas.recipe import Recipe
from tests.tiny import save_wan

STEPS = 40
SIZE = "{height: 32, width: 32}"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wan(tmp_path_factory.mktemp("wan"))


def teacher(weights: Path, **changes: Any) -> Profile:
    """A profile whose generator takes 20 guided steps."""
    values = {"weights": weights, "steps": 20, "guidance": 3, "flow_shift": 5, "tube": SIZE, "frame": SIZE}
    values |= {"people": "diffusion", "scheduler": "euler", **changes}
    sets = [f"generator.{name}={value}" for name, value in values.items()]
    return load(Profile, "cluster/profiles/embedded.yaml", sets)


def recipe(profile: Profile, **changes: Any) -> Recipe:
    values = {"mode": "distill", "prediction": "flow_prediction", "teacher": profile}
    values |= {
        "base": profile.generator.weights,
        "steps": STEPS,
        "batch": 4,
        "rate": 0.003,
        "decay": "cosine",
    }
    return Recipe.model_validate({**values, "rank": 16, "alpha": 32, "ema": 0.8, **changes})


def conditions(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise [B,C,1+t,h,w] and z [B,V,1+t,h,w] of clips that are to be generated whole."""
    numbers = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 4, 3, 4, 4, generator=numbers)
    z = torch.randn(count, 8, 3, 4, 4, generator=numbers)
    return noise, torch.cat([z, torch.ones(count, 64, 3, 4, 4)], dim=1)


def step(trainee: Trainee, loss_of: Distillation, number: int) -> float:
    x, z = conditions(number, trainee.recipe.batch)
    numbers = torch.Generator().manual_seed(number)
    loss = loss_of(trainee.transformer, x, z, torch.zeros(len(x), 1, 1), numbers)
    trainee.step(loss)
    return loss.item()


def student(settings: Recipe) -> tuple[Trainee, Distillation]:
    trainee = Trainee(settings)
    return trainee, Distillation(settings, trainee.transformer, PromptEncoder.load(settings.base))


def made(settings: WanVace, seed: int = 10**6) -> torch.Tensor:
    """Latents of clips that were not trained on, sampled as generation samples them."""
    pipeline, encode = load_vace(settings), PromptEncoder.load(settings.weights)
    noise, z = conditions(seed, 8)
    prompts = [prompt_of(teacher(Path(settings.weights)), seed + number) for number in range(8)]
    words = torch.stack([encode(prompt) for prompt in prompts])
    with torch.no_grad():
        return denoise(pipeline, noise, z, words, encode(settings.negative_prompt)[None], settings, [])


def result(trainee: Trainee, folder: Path) -> str:
    """As the job makes it of a checkpoint."""
    trainee.save_weights(folder)
    again = Trainee(trainee.recipe)
    again.restore(folder)
    again.save_result(folder, {"variant": "structhuman", "mode": "tubes"})
    return str(folder / "distilled.safetensors")


def few(many: WanVace, **changes: Any) -> WanVace:
    return many.model_copy(update={"steps": 4, **changes})


def test_four_steps_of_the_student_come_nearer_than_four_of_the_teacher(
    weights: Path, tmp_path: Path
) -> None:
    """Without guidance, and with half of the forwards of the teacher's own four."""
    many = teacher(weights).generator
    trainee, loss_of = student(recipe(teacher(weights)))
    for number in range(STEPS):
        step(trainee, loss_of, number)
    wanted = made(many)
    mine = few(many, guidance=1.0, distilled=result(trainee, tmp_path))
    others = [few(many), few(many, scheduler="unipc"), few(many, guidance=1.0)]
    errors = [(made(settings) - wanted).abs().mean().item() for settings in (mine, *others)]
    assert errors[0] < 0.8 * min(errors[1:]), errors


@pytest.mark.parametrize("prediction", ["flow_prediction", "sample"])
def test_the_teacher_goes_as_generation_goes(weights: Path, tmp_path: Path, prediction: str) -> None:
    """By Euler with guidance in the profile's share of the steps, whatever the transformer predicts."""
    shutil.copytree(weights, tmp_path / "wan")
    config = tmp_path / "wan/scheduler/scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": prediction}))
    profile = teacher(tmp_path / "wan", guidance_until=0.5)
    settings, (noise, z) = profile.generator, conditions(5, 2)
    _, loss_of = student(recipe(profile, prediction=prediction))
    words, nothing = loss_of.encode("red top").expand(2, -1, -1), loss_of.nothing.expand(2, -1, -1)
    expected = denoise(load_vace(settings), noise, z, words, nothing[:1], settings, [])
    torch.testing.assert_close(
        loss_of.taught(noise, 0, 20, z, words, nothing), expected, atol=1e-4, rtol=1e-4
    )
    other = "sample" if prediction == "flow_prediction" else "flow_prediction"
    with pytest.raises(UserError, match="the recipe's prediction: is not the generator's"):
        Trainee(recipe(profile, prediction=other))


def test_a_students_levels_are_its_teachers_and_schedulers(weights: Path) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=5.0)
    for steps in (4, 20):
        scheduler.set_timesteps(sigmas=np.linspace(1, 0, steps + 1)[:-1].tolist())
        np.testing.assert_allclose(scheduler.sigmas, noise_levels(steps, 5.0), atol=1e-6)
    np.testing.assert_allclose(noise_levels(20, 5.0)[::5], noise_levels(4, 5.0))


def test_the_teacher_has_the_profiles_adapter_and_the_student_is_loaded_beside_it(
    weights: Path, tmp_path: Path
) -> None:
    values = {"mode": "lora", "base": str(weights), "prediction": "flow_prediction", "rank": 2, "alpha": 2}
    adapter = Trainee(Recipe.model_validate({**values, "steps": 1, "batch": 1, "rate": 0.1, "shift": 5}))
    shaken(adapter, 1)
    adapter.save_result(tmp_path, {"variant": "structhuman", "mode": "tubes"})
    profile = teacher(weights, adapter=tmp_path / "adapter.safetensors")
    trainee, _ = student(recipe(profile))
    plain, taught = (load_vace(one.generator).transformer for one in (teacher(weights), profile))
    (x, z), words = conditions(3, 1), torch.randn(1, 4, 32)

    def said(model: torch.nn.Module) -> torch.Tensor:
        with torch.no_grad():
            return model(x, torch.tensor([700.0]), words, control_hidden_states=z, return_dict=False)[0]

    torch.testing.assert_close(said(trainee.transformer), said(taught))  # which the student begins as
    assert (said(plain) - said(taught)).abs().max() > 0.01
    shaken(trainee, 2)
    with rescale_adapter_scale(trainee.transformer, 0):
        torch.testing.assert_close(said(trainee.transformer), said(taught))
    trainee.save_result(tmp_path, {})
    file = str(tmp_path / "distilled.safetensors")
    loaded = load_vace(few(profile.generator, distilled=file)).transformer
    assert (said(loaded) - said(taught)).abs().max() > 0.01
    torch.testing.assert_close(
        said(loaded), said(trainee.transformer), atol=0.02, rtol=0.02
    )  # bfloat16 in the file


def shaken(trainee: Trainee, seed: int) -> None:
    """An adapter that changes something."""
    torch.manual_seed(seed)
    for weight in trainee.parameters:
        torch.nn.init.normal_(weight, std=0.1)


def test_a_state_goes_on_exactly(weights: Path) -> None:
    (whole, loss), (resumed, loss_again) = (student(recipe(teacher(weights))) for _ in range(2))
    for number in range(2):
        step(whole, loss, number)
    resumed.load_state(copy.deepcopy(whole.state()))
    assert [step(whole, loss, n) for n in (2, 3)] == [step(resumed, loss_again, n) for n in (2, 3)]


def test_what_cannot_be_distilled_is_refused(weights: Path) -> None:
    with pytest.raises(ValueError, match="21 steps are no multiple of 4"):
        recipe(teacher(weights, steps=21))
    with pytest.raises(UserError, match="show whole_frame, and the profile's generator paints tubes"):
        require_fit(teacher(weights), {"variant": "structhuman", "mode": "whole_frame"})
    require_fit(teacher(weights), {"variant": "structall", "mode": "whole_frame"})
    require_fit(teacher(weights), {"variant": "structhuman", "mode": "tubes"})
