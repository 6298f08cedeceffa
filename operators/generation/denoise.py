"""Several clips in one denoising loop: what diffusers' WanVACEPipeline does for one (its call refuses more)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan, WanVACEPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from operators.generation.switches import begin
from schemas.generation import Window
from schemas.profile import WanVace


@torch.no_grad()
def sample_together(
    pipeline: WanVACEPipeline,
    windows: Sequence[Window],
    words: torch.Tensor,
    nothing: torch.Tensor,
    settings: WanVace,
) -> list[np.ndarray]:
    """float32 [T,h,w,3] in 0..1 for each of B windows of equal shape, each from its own conditions, words and seed.

    `words` [B,L,W] embeds the prompts, `nothing` [1,L,W] what guidance leads away from. Of one window the result is
    bit for bit the pipeline's, without guidance; otherwise it differs in last bits, as does arithmetic on batches.
    Not for several threads: the VAE keeps state between calls.
    """
    transformer = pipeline.transformer
    numbers = [torch.Generator("cpu").manual_seed(window.seed) for window in windows]
    condition = torch.cat([encode_condition(pipeline, window, settings.whole_known) for window in windows])
    latents = randn_tensor(
        (len(windows), transformer.config.in_channels, *condition.shape[2:]),
        generator=numbers,
        device=condition.device,
        dtype=torch.float32,
    )
    condition, words, nothing = (
        tensor.to(latents.device, transformer.dtype) for tensor in (condition, words, nothing)
    )
    latents = denoise(pipeline, latents, condition, words, nothing, settings, numbers)
    dtype = getattr(torch, settings.vae_decode)
    return [decode(pipeline, latent[None, :, 1:], dtype) for latent in latents]  # without the reference


def encode_condition(pipeline: WanVACEPipeline, window: Window, whole_known: bool) -> torch.Tensor:
    """[1,2C+s*s,1+t,h,w]: latents of what is kept and of what is not, and the mask; the reference before both.

    The pipeline thins out the mask to one frame for each latent, which of 5 known frames leaves one latent known; with
    `whole_known` all are that hold no other frame.
    """
    (height, width), device = window.reference.shape[:2], pipeline.transformer.device
    video, mask, references = pipeline.preprocess_conditions(
        [Image.fromarray(frame) for frame in window.video],
        [Image.fromarray(frame.astype(np.uint8) * 255) for frame in window.generate],
        [Image.fromarray(window.reference)],
        1,
        height,
        width,
        len(window.video),
        torch.float32,
        device,
    )
    latents = pipeline.prepare_video_latents(video, mask, references, None, device)
    folded = pipeline.prepare_masks(mask, references)
    if whole_known and window.known:
        known = 1 + (window.known - 1) // pipeline.vae_scale_factor_temporal
        folded[:, :, 1 : 1 + known] = 0
    return torch.cat([latents, folded], dim=1)


def denoise(
    pipeline: WanVACEPipeline,
    latents: torch.Tensor,
    condition: torch.Tensor,
    words: torch.Tensor,
    nothing: torch.Tensor,
    settings: WanVace,
    numbers: list[torch.Generator],
) -> torch.Tensor:
    """The loop: latents [B,C,1+t,h,w] from noise to what is decoded. Guidance doubles the batch.

    `numbers`, each window's own, are for a scheduler that adds noise anew."""
    scheduler = pipeline.scheduler
    _space(scheduler, settings, latents.device)
    begin(pipeline.transformer, settings)
    random = {"generator": numbers} if settings.scheduler == "lcm" else {}
    before = None
    doubled_condition, both = torch.cat([condition] * 2), torch.cat([words, nothing.expand_as(words)])
    last = len(scheduler.timesteps) - 1
    for step, time in enumerate(scheduler.timesteps):
        transformer, guidance = _at(pipeline, time, settings)
        guided = guidance > 1 and step < settings.guidance_until * settings.steps
        # The last one makes what is fine, and what one transformer said is no answer of the other.
        if step % settings.step_cache == 0 or step == last or transformer is not before:
            before = transformer
            noisy = latents.to(transformer.dtype)
            noisy = torch.cat([noisy, noisy]) if guided else noisy
            made = transformer(
                hidden_states=noisy,
                timestep=time.expand(len(noisy)),
                encoder_hidden_states=both if guided else words,
                control_hidden_states=doubled_condition if guided else condition,
                return_dict=False,
            )[0]
            if guided:
                made, without = made.chunk(2)
                made = without + guidance * (made - without)
        said = made if settings.scheduler == "unipc" else _velocity(scheduler, made, time, latents)
        latents = scheduler.step(said, time, latents, return_dict=False, **random)[0]
    return latents


def _velocity(scheduler: Any, made: torch.Tensor, time: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """What Euler and LCM take, float32: noise less picture. UniPC keeps the latents' precision; they take over that."""
    if scheduler.config.prediction_type == "flow_prediction":
        return made.float()
    return (latents - made.float()) / (time / scheduler.config.num_train_timesteps)


def _space(scheduler: Any, settings: WanVace, device: torch.device) -> None:
    """Set the noise levels of all steps."""
    if settings.scheduler == "unipc":
        scheduler.set_timesteps(settings.steps, device=device)
    else:  # their own spacing ends short of what it says
        sigmas = np.linspace(1, 0, settings.steps + 1)[:-1].tolist()
        scheduler.set_timesteps(sigmas=sigmas, device=device)


def _at(pipeline: WanVACEPipeline, time: torch.Tensor, settings: WanVace) -> tuple[Any, float]:
    """The transformer that knows this noise level, and its guidance."""
    ratio = pipeline.config.boundary_ratio
    if ratio is None or time >= ratio * pipeline.scheduler.config.num_train_timesteps:
        return pipeline.transformer, settings.guidance
    return pipeline.transformer_2, settings.guidance_2 or settings.guidance


def latent_scale(
    vae: AutoencoderKLWan, device: torch.device, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation [1,C,1,1,1] of a VAE's latents: a transformer knows them without."""
    values = vae.config.latents_mean, vae.config.latents_std
    mean, std = (torch.tensor(one).view(1, -1, 1, 1, 1).to(device, dtype) for one in values)
    return mean, std


def decode(
    pipeline: WanVACEPipeline, latents: torch.Tensor, dtype: torch.dtype = torch.float32
) -> np.ndarray:
    """float32 [T,h,w,3] in 0..1 from latents [1,C,t,h,w], computed in `dtype`."""
    vae = pipeline.vae
    latents = latents.to(vae.dtype)
    mean, std = latent_scale(vae, latents.device, latents.dtype)
    with torch.autocast(latents.device.type, dtype, enabled=dtype != torch.float32):
        video = vae.decode(latents / (1 / std) + mean, return_dict=False)[0]
    return pipeline.video_processor.postprocess_video(video.float(), output_type="np")[0]
