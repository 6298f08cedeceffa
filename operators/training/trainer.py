"""What is trained: an adapter of a large pipeline's VACE blocks or of all, or the small transformer as a whole."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from diffusers.training_utils import EMAModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from operators.generation.lora import ALL_BLOCKS, TARGETS, to_diffsynth
from operators.generation.wan_vace import load_vace, load_whole
from operators.training.descent import descend
from operators.training.discriminator import Critic
from operators.training.tiny_transformer import small_transformer, start_from_regression
from schemas.errors import UserError
from schemas.recipe import Recipe

# From scratch these carry what the regression gives; at the blocks' rate they lose it before the blocks learn.
_EDGES = ("proj_in", "proj_out", "patch_embedding")


class Trainee:
    """The recipe's transformer and its optimizer; only the weights that the mode trains require gradients."""

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device | str = "cpu",
        channels: torch.Tensor | None = None,
    ) -> None:
        """`channels` [C]: how much each latent shows in pixels, for the critic, if the recipe has one."""
        self.recipe = recipe
        self.bf16 = torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported()
        torch.manual_seed(recipe.seed)
        self.transformer = small_transformer() if recipe.mode == "scratch" else _adapted(recipe, self.bf16)
        if recipe.gradient_checkpointing:
            self.transformer.enable_gradient_checkpointing()
        self.transformer.to(device).train()
        self.parameters = [weight for weight in self.transformer.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            _groups(self.transformer, recipe), betas=(0.9, 0.98), weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, recipe.rate_at)
        self.average = EMAModel(self.parameters, decay=recipe.ema)
        wanted = recipe.critic_share > 0 and channels is not None
        self.critic = Critic(recipe.critic_weight, channels, device) if wanted else None

    def start(self, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Where a first run begins: the small transformer at the linear regression of `pairs` (x, z)."""
        if self.recipe.mode == "scratch":
            start_from_regression(self.transformer, pairs)
            self.average = EMAModel(self.parameters, decay=self.recipe.ema)

    def critic_at(self, step: int) -> Critic | None:
        """The critic in the steps (from 1) that have one."""
        return self.critic if step > self.recipe.steps * (1 - self.recipe.critic_share) else None

    def step(self, loss: torch.Tensor) -> None:
        """One step down the gradient of `loss`. Raises FloatingPointError if that is not finite."""
        descend(loss, self.parameters, self.optimizer, self.schedule)
        self.average.step(self.parameters)

    def state(self) -> dict[str, Any]:
        """All that going on needs."""
        return {
            "weights": [weight.data for weight in self.parameters],
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state() if self.critic else None,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """What `state` returned."""
        for weight, value in zip(self.parameters, state["weights"], strict=True):
            weight.data.copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.load_state_dict(state["average"])
        if self.critic:
            self.critic.load_state(state["critic"])

    def weights(self) -> dict[str, torch.Tensor]:
        """The trained weights by name: of the adapter, or all."""
        if self.recipe.mode != "scratch":
            return {
                name: value.contiguous()
                for name, value in get_peft_model_state_dict(self.transformer).items()
            }
        return {name: value.contiguous() for name, value in self.transformer.state_dict().items()}

    def save_weights(self, folder: Path) -> None:
        """The trained weights, averaged over the last steps, as weights.safetensors."""
        self.average.store(self.parameters)
        self.average.copy_to(self.parameters)
        save_file(self.weights(), folder / "weights.safetensors")
        self.average.restore(self.parameters)

    def restore(self, folder: Path) -> None:
        """What `save_weights` wrote."""
        weights = load_file(folder / "weights.safetensors")
        if self.recipe.mode != "scratch":
            set_peft_model_state_dict(self.transformer, weights)
        else:
            self.transformer.load_state_dict(weights)

    def save_result(self, folder: Path, made_for: dict[str, str]) -> None:
        """What `anonymize` loads: adapter.safetensors (and under DiffSynth's names), distilled.safetensors, or a
        pipeline in fp16. An adapter says what it was `made_for` in its metadata."""
        if self.recipe.mode != "scratch":
            scale = self.recipe.alpha / self.recipe.rank  # files carry no scale: it goes into B
            weights = {
                name: (value * scale if ".lora_B." in name else value).to(torch.bfloat16)
                for name, value in self.weights().items()
            }
            named = {f"transformer.{name}": value for name, value in weights.items()}
            if self.recipe.mode == "distill":
                save_file(named, folder / "distilled.safetensors", made_for)
                return
            save_file(named, folder / "adapter.safetensors", made_for)
            save_file(to_diffsynth(weights), folder / "adapter.diffsynth.safetensors", made_for)
            return
        vae = load_whole(AutoencoderKLWan, Path(self.recipe.base) / "vae")
        scheduler = UniPCMultistepScheduler(
            prediction_type="sample", use_flow_sigmas=True, flow_shift=self.recipe.shift
        )
        pipeline = WanVACEPipeline(
            tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=self.transformer
        )
        pipeline.to(torch.float16).save_pretrained(folder / "generator")


def _adapted(recipe: Recipe, bf16: bool) -> WanVACETransformer3DModel:
    """The recipe's base with an adapter in float32, which alone is trained. Raises UserError if there is none."""
    dtype = "bfloat16" if bf16 else "float32"
    model = _taught(recipe, dtype) if recipe.mode == "distill" else _base(recipe, dtype)
    model.requires_grad_(False)
    layers = ALL_BLOCKS if recipe.mode == "distill" else TARGETS
    model.add_adapter(LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=layers))
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return model


def _base(recipe: Recipe, dtype: str) -> WanVACETransformer3DModel:
    folder = Path(recipe.base) / "transformer"
    if not (folder / "config.json").is_file():
        remedy = "Name a folder saved by diffusers' WanVACEPipeline in the recipe (base)"
        raise UserError(recipe.base, "holds no transformer", remedy)
    return load_whole(WanVACETransformer3DModel, folder, dtype)


def _taught(recipe: Recipe, dtype: str) -> WanVACETransformer3DModel:
    """The teacher's transformer, as generation loads it, its own adapter merged. Raises UserError if it is none."""
    assert recipe.teacher
    plain = {"dtype": dtype, "scheduler": "unipc", "fp8_weights": False, "attention": "", "compile": False}
    settings = recipe.teacher.generator.model_copy(update=plain)
    pipeline = load_vace(settings)
    if pipeline.transformer_2 is not None:
        remedy = "Distil a generator that has one; for this one few-step LoRAs are published (distilled, distilled_2)"
        raise UserError(
            settings.weights, "has two transformers, of which one alone would be distilled", remedy
        )
    predicts = pipeline.scheduler.config.prediction_type
    if predicts != recipe.prediction:
        raise UserError(
            "the recipe's prediction", f"is not the generator's, {predicts}", f"Set it to {predicts}"
        )
    if settings.adapter:
        pipeline.fuse_lora(components=["transformer"], safe_fusing=True)
        pipeline.unload_lora_weights()
    return pipeline.transformer


def _groups(model: torch.nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """What is trained by its rate: from scratch, the edges slower."""
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    edges = {name for name in trained if recipe.mode == "scratch" and any(e in name for e in _EDGES)}
    groups = [
        {"params": [weight for name, weight in trained.items() if name not in edges], "lr": recipe.rate},
        {"params": [weight for name, weight in trained.items() if name in edges], "lr": 0.2 * recipe.rate},
    ]
    return [group for group in groups if group["params"]]
