"""The embedded generator, trained for so many seconds from latents in one file: a part of benchmarks/gpu.py.

No Ray and no store: a machine that has a GPU and nothing else has neither. Batches, loss and result are those of
jobs.finetune with cluster/recipes/scratch.yaml; how many steps fit is measured first, as its rate falls to the last.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from operators.generation.wan_vace import load_whole
from operators.training.batch import Latents, batch_of
from operators.training.flow_loss import Denoising
from operators.training.trainer import Trainee
from operators.training.vace_latents import visibility
from schemas.config import load
from schemas.errors import UserError
from schemas.recipe import Recipe

RECIPE = "cluster/recipes/scratch.yaml"
LEAST = 20  # steps, and seconds, in which nothing is learnt
MOST = 24 * 2**20  # bytes of latents that travel


def carry(pairs: str, to: Path) -> None:
    """Latents of the pairs below `pairs`, as many as fit, into one compressed file."""
    from operators import storage
    from operators.training.batches import samples_of, shards_by_size
    from operators.training.pair_members import latents_from

    kept: list[Latents] = []
    to.parent.mkdir(parents=True, exist_ok=True)
    for shard, _ in (one for shards in shards_by_size(pairs).values() for one in shards):
        made = [latents_from(sample) for sample in samples_of(storage.read_bytes(pairs, shard), shard)]
        kept += [item for item in made if item and (not kept or item["x"].shape == kept[0]["x"].shape)]
        if not kept:
            raise UserError(pairs, "holds no latents", "Make it again with python -m jobs.prepare --latents")
        names = {name: [item[name].numpy().astype(np.float16) for item in kept] for name in kept[0]}
        stacked = {name: np.stack(values) for name, values in names.items()}
        np.savez_compressed(to, allow_pickle=False, **stacked)
        if to.stat().st_size > MOST:
            break
    print(f"{len(kept)} pairs, {to.stat().st_size / 2**20:.1f} MiB: {to}")


def carried(file: Path) -> list[Latents]:
    """x, z and text of each pair that `carry` wrote."""
    stored = np.load(file)
    return [
        {name: torch.from_numpy(value) for name, value in zip(stored.files, values, strict=True)}
        for values in zip(*(stored[name] for name in stored.files), strict=True)
    ]


def train(
    latents: Path, output: Path, seconds: float, cuda: bool, say: Callable[..., None], count: int = 0
) -> None:
    """Train until `seconds` are over, or `count` steps, and write OUTPUT/generator, which a profile can name."""
    end = perf_counter() + seconds
    if not latents.is_file():
        return say("training", f"left out: no {latents}")
    items, device = carried(latents), torch.device("cuda" if cuda else "cpu")
    recipe = load(Recipe, RECIPE)
    vae = load_whole(AutoencoderKLWan, Path(recipe.base) / "vae").to(device)
    channels = visibility(vae, torch.stack([item["x"][:, 1:6].float() for item in items[:8]]).to(device))
    count = count or fitting(recipe, items, channels, end)
    if count < LEAST and perf_counter() + LEAST > end:
        return say("training", f"left out: {count} steps would fit")
    recipe = recipe.model_copy(update={"steps": count})
    trainee = Trainee(recipe, device, channels)
    trainee.start((item["x"].float(), item["z"].float()) for item in items)
    losses = steps(trainee, items, channels, 0, end)
    trainee.save_weights(output)
    trainee.restore(output)
    trainee.save_result(output, {})
    third = max(1, len(losses) // 3)
    return say(
        "training", f"{len(losses)} of {recipe.steps} steps", f"{len(items)} pairs",
        f"mean loss of the first third {np.mean(losses[:third]):.4f}, of the last {np.mean(losses[-third:]):.4f}",
        f"{output}/generator",
    )  # fmt: skip


def fitting(recipe: Recipe, items: list[Latents], channels: torch.Tensor, end: float) -> int:
    """Steps that can be made until a little before `end`, by the time of some that have a critic, the slower ones."""
    some = recipe.model_copy(update={"steps": 10, "critic_share": 1.0})
    trial = Trainee(some, channels.device, channels)
    steps(trial, items, channels, 5, end)  # what is done once
    start = perf_counter()
    steps(trial, items, channels, 0, end)
    each = (perf_counter() - start) / some.steps
    return int(0.9 * (end - perf_counter()) / each)


def steps(
    trainee: Trainee, items: list[Latents], channels: torch.Tensor, first: int, end: float
) -> list[float]:
    """Losses of the steps from `first` (from 0) to the recipe's last, or until `end`."""
    recipe, device, losses = trainee.recipe, channels.device, list[float]()
    denoising, size = Denoising(recipe, channels), min(trainee.recipe.batch, len(items))
    for step in range(first, recipe.steps):
        if perf_counter() > end:
            break
        epoch, position = divmod(step, len(items) // size)
        order = np.random.default_rng([recipe.seed, epoch, 1]).permutation(len(items))
        chosen = [items[i] for i in order[position * size :][:size]]
        x, z, text, generator = batch_of(chosen, recipe, step, 0, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=trainee.bf16):
            loss = denoising(trainee.transformer, x, z, text, generator, trainee.critic_at(step + 1))
        trainee.step(loss)
        losses.append(loss.item())
    return losses
