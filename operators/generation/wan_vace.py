"""A saved Wan-VACE pipeline, loaded as the profile says."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchLCMScheduler,
    UniPCMultistepScheduler,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from diffusers.video_processor import VideoProcessor

from operators.generation.denoise import latent_scale
from operators.generation.graft import graft
from operators.generation.lora import load_adapter, load_distilled
from operators.generation.switches import switch
from operators.generation.tiny_decoder import TinyDecoder, load_tiny_decoder
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
    second = folder / "transformer_2"
    pipeline = WanVACEPipeline.from_pretrained(
        vouched(folder),
        use_safetensors=True,
        vae=load_vae(settings),
        transformer=load_whole(WanVACETransformer3DModel, folder / "transformer", settings.dtype),
        transformer_2=load_whole(WanVACETransformer3DModel, second, settings.dtype)
        if second.is_dir()
        else None,
        tokenizer=None,
        text_encoder=None,
        local_files_only=True,
    )
    if second.is_dir() != (pipeline.config.boundary_ratio is not None):
        problem = (
            "has two transformers and no boundary_ratio in its model_index.json, or that and one transformer"
        )
        raise UserError(str(folder), problem, "Fetch the pipeline again, or name another (generator.weights)")
    # Its eight bits have to be there before the GPU is: both transformers of Wan2.2 fill one in sixteen.
    pipeline = prepare(pipeline, settings).to(device)
    if settings.decoder:
        decoder = load_tiny_decoder(settings.decoder, pipeline.vae.config.z_dim).to(device)
        pipeline.vae.decode = partial(_decoded, decoder, pipeline.vae)
    return pipeline


def _decoded(
    decoder: TinyDecoder, vae: AutoencoderKLWan, latents: torch.Tensor, **_: Any
) -> tuple[torch.Tensor]:
    """What vae.decode gives, -1 to 1, of latents in the VAE's own scale."""
    mean, std = latent_scale(vae, latents.device, latents.dtype)
    return (2 * decoder((latents - mean) / std) - 1,)


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
    pipeline.scheduler = _scheduler(pipeline, settings)
    # The pipeline counts downsampling levels and overlooks the VAE's patches.
    vae = pipeline.vae.config
    pipeline.vae_scale_factor_spatial = vae.scale_factor_spatial
    pipeline.vae_scale_factor_temporal = vae.scale_factor_temporal
    pipeline.video_processor = VideoProcessor(vae_scale_factor=vae.scale_factor_spatial)
    networks = [one for one in (pipeline.transformer, pipeline.transformer_2) if one is not None]
    if len(networks) == 1 and (settings.guidance_2 or settings.distilled_2):
        remedy = "Leave generator.guidance_2 and distilled_2 out"
        raise UserError(settings.weights, "has no second transformer", remedy)
    if len(networks) == 2 and (settings.adapter or settings.base):
        problem = "has two transformers, of which an adapter or another base would change one"
        raise UserError(settings.weights, problem, "Leave generator.adapter and base out")
    if len(networks) == 2 and settings.block_cache:
        problem = "has two transformers, whose steps a block cache does not tell apart"
        raise UserError(settings.weights, problem, "Set generator.block_cache to 0")
    if settings.base:
        graft(pipeline.transformer, settings.base)
    if settings.distilled:
        load_distilled(pipeline, settings.distilled)
    if settings.distilled_2:
        load_distilled(pipeline, settings.distilled_2, "transformer_2")
    if settings.adapter:
        load_adapter(pipeline, settings.adapter)
    if settings.vae_tiling:
        pipeline.vae.enable_tiling()
    for network in networks:
        switch(network, settings)
    return pipeline


def _scheduler(pipeline: WanVACEPipeline, settings: WanVace) -> Any:
    """As the profile says, for what the pipeline predicts. Raises UserError where a scheduler knows another."""
    config = pipeline.scheduler.config
    predicts = config.get("prediction_type", "flow_prediction")  # flow matching's schedulers know no other
    if settings.scheduler == "unipc":
        return UniPCMultistepScheduler.from_config(
            config, use_flow_sigmas=True, flow_shift=settings.flow_shift, prediction_type=predicts
        )
    if predicts not in ("flow_prediction", "sample"):
        problem = f"predicts {predicts}; the scheduler {settings.scheduler} takes velocities"
        raise UserError(settings.weights, problem, "Set generator.scheduler to unipc")
    kind = FlowMatchLCMScheduler if settings.scheduler == "lcm" else FlowMatchEulerDiscreteScheduler
    scheduler = kind(shift=settings.flow_shift)
    scheduler.register_to_config(prediction_type=predicts)  # of which it knows nothing; denoise() does
    return scheduler
