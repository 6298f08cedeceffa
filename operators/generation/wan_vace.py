"""A saved Wan-VACE pipeline, loaded as the profile says."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from diffusers.video_processor import VideoProcessor

from operators.generation.lora import load_adapter, load_distilled
from operators.weights import vouched
from schemas.errors import UserError
from schemas.profile import WanVace

_SAME = ("z_dim", "scale_factor_spatial", "scale_factor_temporal")


def load_vace(settings: WanVace, device: str = "cpu") -> WanVACEPipeline:
    """Transformer, VAE and scheduler, without text encoder; whatever is not in the folders is not fetched.

    The VAE and the transformer's norms stay float32 whatever the dtype: in bfloat16 encoding loses detail.
    Raises UserError for folders and files that hold something else.
    """
    folder = Path(settings.weights)
    if not (folder / "model_index.json").is_file():
        remedy = "Name a folder saved by diffusers' WanVACEPipeline in the profile (generator.weights)"
        raise UserError(str(folder), "holds no pipeline", remedy)
    pipeline = WanVACEPipeline.from_pretrained(
        vouched(folder),
        use_safetensors=True,
        vae=load_vae(settings),
        transformer=load_whole(WanVACETransformer3DModel, folder / "transformer", settings.dtype),
        tokenizer=None,
        text_encoder=None,
        local_files_only=True,
    ).to(device)
    return prepare(pipeline, settings)


def load_vae(settings: WanVace) -> AutoencoderKLWan:
    """The pipeline's own VAE, or the one that the profile puts in its place."""
    own = Path(settings.weights) / "vae"
    folder = Path(settings.vae or own)
    if not (folder / "config.json").is_file():
        raise UserError(
            str(folder), "holds no VAE", "Name a folder saved by diffusers' AutoencoderKLWan (generator.vae)"
        )
    configs = [AutoencoderKLWan.load_config(path, local_files_only=True) for path in (own, folder)]
    if any(configs[0].get(name) != configs[1].get(name) for name in _SAME):
        raise UserError(
            str(folder), "makes other latents than the pipeline's VAE", "Name one with its z_dim and strides"
        )
    return load_whole(AutoencoderKLWan, folder)


def load_whole(cls: Any, folder: str | Path, dtype: str = "float32") -> Any:
    """A diffusers model from its folder, offline, safetensors only.

    Raises UserError if anything of it is not there, which diffusers would leave random and only warn of.
    """
    remedy = "Fetch it again with python -m jobs.weights fetch, or name another folder in the profile"
    try:
        model, report = cls.from_pretrained(
            vouched(folder),
            use_safetensors=True,
            torch_dtype=getattr(torch, dtype),
            local_files_only=True,
            output_loading_info=True,
        )
    except UserError:
        raise
    except Exception as error:  # whatever parsing somebody's files raises
        message = f"cannot be loaded as {cls.__name__} ({type(error).__name__}: {str(error).splitlines()[0]})"
        raise UserError(str(folder), message, remedy) from error
    if lacking := [*report["missing_keys"], *report["mismatched_keys"]]:
        problem = f"lacks {len(lacking)} weights of {cls.__name__}, {lacking[0]} among them"
        raise UserError(str(folder), problem, remedy)
    return model


def prepare(pipeline: WanVACEPipeline, settings: WanVace) -> WanVACEPipeline:
    """Scheduler, adapters and switches of a pipeline that is already in memory."""
    pipeline.scheduler = UniPCMultistepScheduler.from_config(
        pipeline.scheduler.config, use_flow_sigmas=True, flow_shift=settings.flow_shift
    )
    # The pipeline counts downsampling levels and overlooks the VAE's patches.
    vae = pipeline.vae.config
    pipeline.vae_scale_factor_spatial = vae.scale_factor_spatial
    pipeline.vae_scale_factor_temporal = vae.scale_factor_temporal
    pipeline.video_processor = VideoProcessor(vae_scale_factor=vae.scale_factor_spatial)
    if settings.distilled:
        load_distilled(pipeline, settings.distilled)
    if settings.adapter:
        load_adapter(pipeline, settings.adapter)
    if settings.vae_tiling:
        pipeline.vae.enable_tiling()
    if settings.attention:
        try:
            pipeline.transformer.set_attention_backend(settings.attention)
        except (ImportError, RuntimeError, ValueError) as error:
            message = str(error).splitlines()[0]
            remedy = "Name another backend, or install this one (generator.attention)"
            raise UserError(settings.attention, f"is no attention backend here: {message}", remedy) from error
    if settings.compile:
        pipeline.transformer.compile_repeated_blocks(fullgraph=True)
    return pipeline
