"""Tiny random models in the real formats, so that tests run the real code in seconds."""

from pathlib import Path

import torch
from diffusers import UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel

from benchmarks.standins.random_vace import random_vace
from operators.generation.phrase_embedding import WIDTH
from operators.training.tiny_vae import small_vae
from schemas.profile import Generator, Size

SMALL = Size(height=32, width=32)


def settings_of(weights: str | Path, **changes: object) -> Generator:
    """Settings of a generator, cheap where they do not matter."""
    values = {"steps": 2, "guidance": 1.5, "flow_shift": 3.0, "window": 17, "overlap": 5}
    values |= {"tube": SMALL, "frame": SMALL, "weights": str(weights)}
    return Generator.model_validate(values | changes)


def save_generator(folder: Path) -> Path:
    """A WanVACEPipeline of a few thousand parameters, saved as diffusers saves one."""
    torch.manual_seed(0)
    vae = small_vae(width=8, latent=4)
    transformer = WanVACETransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=1,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        text_dim=WIDTH,
        freq_dim=16,
        ffn_dim=16,
        num_layers=2,
        vace_layers=[0],
        vace_in_channels=8 + 64,
    )
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    pipeline = WanVACEPipeline(
        tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=transformer
    )
    pipeline.to(torch.float16).save_pretrained(folder)
    return folder


TRANSFORMER = {
    "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 4, "out_channels": 4, "text_dim": 32,
    "freq_dim": 16, "ffn_dim": 32, "num_layers": 3, "vace_layers": [0, 2], "vace_in_channels": 8 + 64,
}  # fmt: skip
VAE = {
    "base_dim": 8, "dim_mult": [1, 1, 1, 1], "z_dim": 4, "num_res_blocks": 1,
    "temperal_downsample": [False, True, True], "latents_mean": [0.1] * 4, "latents_std": [0.5] * 4,
}  # fmt: skip
TEXT = {"vocab_size": 64, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 4}


def save_wan(folder: Path) -> Path:
    """All parts of a real Wan-VACE pipeline, made tiny: strides 4x8x8, umt5 and its tokenizer."""
    pipeline = random_vace(TRANSFORMER, VAE, TEXT)
    for (
        weight
    ) in pipeline.transformer.parameters():  # as they start, words and noise hardly show in the output
        torch.nn.init.normal_(weight, std=0.15)
    pipeline.save_pretrained(folder)
    return folder
