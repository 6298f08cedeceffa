"""A student of four steps: nearer to its teacher's twenty than the teacher's own four, loaded as generation loads it."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from operators.generation.generator import WanVaceGenerator
from operators.generation.text_encoder import PromptEncoder
from operators.training.distillation import Distillation, noise_levels, prompt_of, require_fit
from operators.training.trainer import Trainee
from schemas.config import load
from schemas.errors import UserError
from schemas.generation import Request
from schemas.profile import Profile
from schemas.recipe import Recipe
from tests.tiny import save_wan

STEPS, SHAPE = 120, (5, 32, 32)
FEW = {"steps": 4, "scheduler": "euler"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wan(tmp_path_factory.mktemp("wan"))


def teacher(weights: Path, **changes: Any) -> Profile:
    """A profile whose generator takes 20 guided steps."""
    size = "{height: 32, width: 32}"
    values = {"weights": weights, "steps": 20, "guidance": 3, "flow_shift": 5, "window": 5, "overlap": 1, "tube": size}
    values |= {"people": "diffusion", "frame": size, "scheduler": "euler", **changes}
    sets = [f"generator.{name}={value}" for name, value in values.items()]
    return load(Profile, "cluster/profiles/embedded.yaml", sets)


def recipe(weights: Path, **changes: Any) -> Recipe:
    values = {"mode": "distill", "prediction": "flow_prediction", "base": str(weights), "teacher": teacher(weights)}
    small = {"rank": 16, "alpha": 16, "steps": STEPS, "batch": 2, "rate": 0.003, "decay": "cosine", "ema": 0.9}
    return Recipe.model_validate({**values, **small, **changes})


def asked(seed: int) -> Request:
    video = np.random.default_rng(seed).integers(0, 255, (*SHAPE, 3), np.uint8)
    return Request(video, np.ones(SHAPE, bool), prompt_of_seed(seed), seed)


def prompt_of_seed(seed: int) -> str:
    return prompt_of(load(Profile, "cluster/profiles/embedded.yaml"), seed)


def made(settings: Any, seeds: range) -> np.ndarray:
    frames = WanVaceGenerator(settings).together([asked(seed) for seed in seeds])
    return np.stack([video for video in frames if isinstance(video, np.ndarray)]).astype(float)


def trained(settings: Recipe, steps: int) -> Trainee:
    """On conditions of random pictures, in mind of the seeds that are tested only by chance."""
    trainee, encode = Trainee(settings), PromptEncoder.load(settings.base)
    loss_of = Distillation(settings, trainee.transformer, encode)
    for step in range(steps):
        numbers = torch.Generator().manual_seed(step)
        x = torch.zeros(2, 4, 3, 4, 4)
        z = torch.cat([torch.randn(2, 8, 3, 4, 4, generator=numbers), torch.ones(2, 64, 3, 4, 4)], dim=1)
        trainee.step(loss_of(trainee.transformer, x, z, torch.zeros(2, 1, 1), numbers))
    return trainee


def test_few_steps_of_the_student_are_nearer_to_the_teachers_many_than_its_own_few(
    weights: Path, tmp_path: Path
) -> None:
    student = trained(recipe(weights), STEPS)
    student.save_result(tmp_path, {})
    many = teacher(weights).generator
    few = many.model_copy(update=FEW)
    own = few.model_copy(update={"guidance": 1.0, "distilled": str(tmp_path / "distilled.safetensors")})
    unguided = few.model_copy(update={"guidance": 1.0})
    seeds = range(100, 108)
    wanted = made(many, seeds)
    errors = {n: np.abs(made(s, seeds) - wanted).mean() for n, s in {"few": few, "own": own, "unguided": unguided}.items()}
    print(errors, wanted.std())
    assert errors["own"] < errors["few"] and errors["own"] < errors["unguided"]
