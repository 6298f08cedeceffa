"""Finetune: training pairs in, an adapter or a small model out. `python -m jobs.finetune --pairs PAIRS --output OUT`.

Ray Train over the shards of jobs.prepare, on one or many workers, with GPUs or without. The recipe says what is
trained: a LoRA on the VACE blocks (cluster/recipes/lora.yaml, the paper's), the embedded profile's small
transformer from scratch (cluster/recipes/scratch.yaml), or a LoRA with which the generator of --profile needs few steps
and no guidance (cluster/recipes/distill.yaml). Checkpoints, TensorBoard logs and the result lie in OUT, a folder or an
object store's prefix. After any interruption run the same command again: it goes on at the last checkpoint with the
batches that come next.
"""

import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
from pydantic import ValidationError
from torch.utils.tensorboard import SummaryWriter

from cluster import session, weights_lock
from jobs import options
from operators import storage, weights
from operators.training.batches import Batches, made_for, shards_by_size
from operators.training.distillation import Distillation, require_fit
from operators.training.flow_loss import Denoising
from operators.training.trainer import Trainee
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile
from schemas.recipe import Recipe

_NAMED = ("weights", "adapter", "base", "distilled", "vae")  # files and folders of a generator


def finetune(recipe: Recipe, pairs: str, output: str, workers: int, use_gpu: bool) -> None:
    """Train to the recipe's last step and write the result to `output`."""
    filesystem, root = storage.arrow_filesystem(output)
    trainer = ray.train.torch.TorchTrainer(
        train_worker,
        train_loop_config={"recipe": recipe.model_dump(), "pairs": pairs, "output": output},
        scaling_config=ray.train.ScalingConfig(num_workers=workers, use_gpu=use_gpu),
        run_config=ray.train.RunConfig(
            name="training",
            storage_path=root,
            storage_filesystem=filesystem,
            failure_config=ray.train.FailureConfig(max_failures=3),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
        ),
    )
    checkpoint = trainer.fit().checkpoint
    if checkpoint is None:
        raise UserError(output, "holds no checkpoint after training", "See the log of the run")
    with checkpoint.as_directory() as folder, tempfile.TemporaryDirectory() as made:
        trained = Trainee(recipe)
        trained.restore(Path(folder))
        trained.save_result(Path(made), made_for(pairs))
        for file in sorted(path for path in Path(made).rglob("*") if path.is_file()):
            storage.write_bytes(output, str(file.relative_to(made)), file.read_bytes())


def train_worker(config: dict[str, Any]) -> None:
    """One worker: its share of every batch, gradients averaged over all of them."""
    recipe, context = Recipe(**config["recipe"]), ray.train.get_context()
    rank, device = context.get_world_rank(), ray.train.torch.get_device()
    batches = Batches(config["pairs"], recipe, rank, context.get_world_size(), device)
    channels = batches.channels()
    trainee, checkpoint, first = Trainee(recipe, device, channels), ray.train.get_checkpoint(), 0
    if checkpoint is None:
        trainee.start(batches)
    else:
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / "state.pt", map_location=device, weights_only=True)
        first = state.pop("step")
        trainee.load_state(state)
    model = ray.train.torch.prepare_model(trainee.transformer)
    loss_of: Denoising | Distillation = Denoising(recipe, channels)
    if recipe.mode == "distill":
        loss_of = Distillation(recipe, trainee.transformer, batches.encoder.text, channels)
    log = Log(config["output"], first) if rank == 0 else None
    for step in range(first + 1, recipe.steps + 1):
        x, z, text, generator = batches.at(step - 1)
        with torch.autocast(device.type, torch.bfloat16, enabled=trainee.bf16):
            loss = loss_of(model, x, z, text, generator, trainee.critic_at(step))
        trainee.step(loss)
        if log:
            log.step(step, recipe.steps, loss.item())
        if step % recipe.save_every == 0 or step == recipe.steps:
            if log:
                log.sample(step, batches.preview(trainee.transformer))
            report(rank, step, loss.item(), trainee)


def report(rank: int, step: int, loss: float, trainee: Trainee) -> None:
    """A checkpoint: all that resuming needs (state.pt), and the averaged weights for use (weights.safetensors)."""
    with tempfile.TemporaryDirectory() as folder:
        if rank == 0:
            torch.save({"step": step, **trainee.state()}, Path(folder) / "state.pt")
            trainee.save_weights(Path(folder))
        kept = ray.train.Checkpoint.from_directory(folder) if rank == 0 else None
        ray.train.report({"step": step, "loss": loss}, checkpoint=kept)


class Log:
    """TensorBoard events in OUT/logs (beside the worker first, if OUT is not a local folder), and lines to follow."""

    def __init__(self, output: str, first: int) -> None:
        folder = Path(output) / "logs" if "://" not in output else Path(tempfile.mkdtemp())
        self.writer = SummaryWriter(str(folder), purge_step=first)
        self.output, self.folder, self.last, self.smooth = output, folder, time.monotonic(), 0.0

    def step(self, step: int, steps: int, loss: float) -> None:
        """One number a step; a line every ten seconds."""
        self.writer.add_scalar("loss", loss, step)
        self.smooth = 0.98 * self.smooth + 0.02 * loss if self.smooth else loss
        if time.monotonic() - self.last > 10 or step == steps:
            self.last = time.monotonic()
            sys.stderr.write(f"step {step}/{steps}  loss {self.smooth:.4f}\n")  # Ray Train doubles print

    def sample(self, step: int, picture: torch.Tensor) -> None:
        """uint8 [3,H,W]: condition above what the model makes of it in one step."""
        self.writer.add_image("sample", picture, step)
        self.writer.flush()
        if "://" in self.output:
            for file in self.folder.iterdir():
                storage.write_bytes(self.output, f"logs/{file.name}", file.read_bytes())


def read_recipe(arguments: Namespace, made_for: dict[str, str]) -> Recipe:
    """The recipe, with the profile that it distils, if so; overrides of that begin with `profile.`."""
    of_profile = [item.removeprefix("profile.") for item in arguments.set if item.startswith("profile.")]
    own = [item for item in arguments.set if not item.startswith("profile.")]
    recipe = load(Recipe, options.named("recipes", arguments.recipe), own)
    if recipe.mode != "distill":
        if arguments.profile or of_profile:
            raise UserError("--profile", f"is nothing that mode {recipe.mode} asks for", "Leave it out")
        return recipe.model_copy(update={"base": storage.absolute(str(weights.found(recipe.base)))})
    file = options.named("profiles", arguments.profile or "embedded")
    profile = load(Profile, file, of_profile)
    variant = made_for.get("variant", "structhuman")
    weights_lock.check_licences(profile, file, variant)
    weights_lock.check_adapter(profile, variant, file)
    require_fit(profile, made_for)
    named = {name: path for name in _NAMED if (path := getattr(profile.generator, name))}
    for path in named.values():
        weights_lock.verify(weights.name_of(path), weights_lock.read_lock())
    there = {name: storage.absolute(str(weights.found(path))) for name, path in named.items()}
    generator = profile.generator.model_copy(update=there)
    values = {"base": there["weights"], "teacher": profile.model_copy(update={"generator": generator})}
    try:
        return Recipe.model_validate({**recipe.model_dump(), **values})
    except ValidationError as error:
        raise UserError(file, error.errors()[0]["msg"], "Mend generator.steps or the recipe") from None


def main(arguments: Namespace) -> int:
    """Train and say where the result lies."""
    pairs, output = storage.absolute(arguments.pairs), storage.absolute(arguments.output)
    shards_by_size(pairs)
    recipe = read_recipe(arguments, made_for(pairs))
    if recipe.critic_share and arguments.workers > 1:
        raise UserError(
            "--workers", "a critic learns on one worker only", "Set it to 1, or critic_share to 0"
        )
    session.start(log_to_driver=True)
    finetune(recipe, pairs, output, arguments.workers, arguments.gpu)
    results = {"lora": "adapter.safetensors", "scratch": "generator", "distill": "distilled.safetensors"}
    result = results[recipe.mode]
    options.table(
        "finetune", [("mode", recipe.mode), ("steps", recipe.steps), ("result", f"{output}/{result}")]
    )
    return 0


if __name__ == "__main__":
    parser = options.plain_parser(__doc__, "recipe", "lora", "what to train, and how")
    parser.add_argument(
        "--pairs", required=True, help="folder or object store's prefix written by jobs.prepare"
    )
    parser.add_argument(
        "--output", required=True, help="folder or object store's prefix for checkpoints and the result"
    )
    parser.add_argument(
        "--profile",
        default="",
        help="of mode distill: whose generator and adapter are the teacher (default: embedded)",
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--gpu", action="store_true", help="one GPU per worker")
    options.run(main, parser)
