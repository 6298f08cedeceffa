"""The small transformer trained from scratch: the loss falls, a state goes on exactly, the result is a pipeline."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from operators.generation.generator import WanVaceGenerator
from operators.generation.phrase_embedding import PHRASES, WIDTH
from operators.training.flow_loss import Denoising
from operators.training.tiny_vae import LATENT, small_vae
from operators.training.trainer import Trainee
from schemas.recipe import Recipe
from tests.tiny import settings_of

SHAPE = (3, 4, 6)  # latent frames, rows, columns


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained VAE."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base")
    small_vae().save_pretrained(folder / "vae")
    return folder


def recipe(base: Path) -> Recipe:
    values = {"mode": "scratch", "base": str(base), "prediction": "sample", "steps": 20, "batch": 4}
    return Recipe.model_validate({**values, "rate": 0.001, "shift": 3, "ema": 0.9, "decay": "cosine"})


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, z and text of clips that their conditions do not determine."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, LATENT, *SHAPE, generator=generator)
    z = torch.cat([torch.randn(4, 2 * LATENT, *SHAPE, generator=generator), torch.ones(4, 64, *SHAPE)], dim=1)
    return x, z, torch.randn(4, PHRASES, WIDTH, generator=generator)


def step(trainee: Trainee) -> float:
    x, z, text = batch()
    loss = Denoising(trainee.recipe)(trainee.transformer, x, z, text, torch.Generator().manual_seed(0))
    trainee.step(loss)
    return loss.item()


def test_the_loss_falls_from_the_regression_on(base: Path) -> None:
    trainee = Trainee(recipe(base))
    x, z, _ = batch()
    trainee.start(zip(x, z, strict=True))
    losses = [step(trainee) for _ in range(20)]
    assert losses[-1] < 0.9 * losses[0]
    rates = [group["initial_lr"] for group in trainee.optimizer.param_groups]
    assert rates == pytest.approx([0.001, 0.0002])  # what carries the regression moves slowly


def test_a_state_goes_on_exactly(base: Path) -> None:
    whole, resumed = Trainee(recipe(base)), Trainee(recipe(base))
    for _ in range(2):
        step(whole)
    resumed.load_state(copy.deepcopy(whole.state()))
    assert [step(whole) for _ in range(2)] == [step(resumed) for _ in range(2)]


def test_the_critic_pulls_by_its_weight_and_adds_nothing_to_the_loss(base: Path) -> None:
    settings = recipe(base).model_copy(update={"critic_share": 0.5})
    trainee = Trainee(settings, channels=torch.ones(LATENT))
    assert trainee.critic_at(10) is None and trainee.critic_at(11) is trainee.critic
    critic, (x, z, text) = trainee.critic, batch()
    assert critic
    made = torch.zeros_like(x, requires_grad=True)

    def gradients() -> tuple[torch.Tensor, torch.Tensor]:
        loss = (made - x).square().mean()
        term = critic(made, x, z, text, loss)
        assert term == 0
        return tuple(torch.autograd.grad(value, made, retain_graph=True)[0] for value in (loss, term))

    assert not gradients()[1].any()  # of no opinion yet
    for _ in range(150):
        plain, pull = gradients()
    assert critic.loss < 3.3  # has learned that nothing but zeros is no picture
    assert pull.norm() == pytest.approx(float(0.8 * plain.norm()), rel=1e-3)
    assert not pull[:, :, 0].any()  # the reference is given, not made

    other = Trainee(settings, channels=torch.ones(LATENT))
    other.load_state(copy.deepcopy(trainee.state()))
    assert other.critic
    loss = (made - x).square().mean()
    terms = [
        torch.autograd.grad(one(made, x, z, text, loss), made, retain_graph=True)[0]
        for one in (critic, other.critic)
    ]
    assert torch.equal(*terms)


def test_a_loss_that_is_not_finite_stops_training(base: Path) -> None:
    with pytest.raises(FloatingPointError):
        Trainee(recipe(base)).step(torch.tensor(float("nan")))


def test_the_result_is_a_pipeline_that_generates(base: Path, tmp_path: Path) -> None:
    trainee = Trainee(recipe(base))
    trainee.start([(batch()[0][0], batch()[1][0])])
    trainee.save_result(tmp_path, {"variant": "structhuman", "mode": "tubes"})
    settings = settings_of(tmp_path / "generator", steps=1, guidance=1, window=5, overlap=1)
    generator = WanVaceGenerator(settings)
    frames = generator(np.full((5, 32, 48, 3), 128, np.uint8), np.ones((5, 32, 48), bool), "red top", 1)
    assert frames.shape == (5, 32, 48, 3) and frames.dtype == np.uint8
