"""The training job builds conditions as the pipeline does, and starts from where its docstrings say."""

import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify
from diffusers.video_processor import VideoProcessor
from PIL import Image

from jobs.finetune import (
    LATENT,
    Encoder,
    small_transformer,
    small_vae,
    start_from_components,
    start_from_regression,
    to_tensor,
)
from tests.videos import pictures

FRAMES, HEIGHT, WIDTH = 17, 32, 48


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    vae = small_vae()
    patches = patchify(to_tensor(pictures(FRAMES, HEIGHT, WIDTH))[None], 8).movedim(1, -1).flatten(0, 3)
    start_from_components(vae, patches)
    vae.register_to_config(latents_mean=[0.1] * LATENT, latents_std=[2.0] * LATENT)
    return Encoder(vae.eval())


def test_conditions_are_the_pipelines(encoder: Encoder) -> None:
    condition = pictures(FRAMES, HEIGHT, WIDTH)
    generate = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    generate[5:, 8:24, 12:30] = True
    pipeline = WanVACEPipeline(
        tokenizer=None, text_encoder=None, vae=encoder.vae, scheduler=None, transformer=small_transformer()
    )
    pipeline.vae_scale_factor_spatial, pipeline.vae_scale_factor_temporal = 8, 1
    pipeline.video_processor = VideoProcessor(vae_scale_factor=8)
    with torch.no_grad():
        video, mask, references = pipeline.preprocess_conditions(
            [Image.fromarray(frame) for frame in condition],
            [Image.fromarray(frame.astype(np.uint8) * 255) for frame in generate],
            [Image.fromarray(condition[0])],
            1,
            HEIGHT,
            WIDTH,
            FRAMES,
            torch.float32,
            torch.device("cpu"),
        )
        latents = pipeline.prepare_video_latents(video, mask, references, None, torch.device("cpu"))
        wanted = torch.cat([latents, pipeline.prepare_masks(mask, references)], dim=1)[0]
    reference = encoder.encode(to_tensor(condition[:1]))
    made = encoder.control(to_tensor(condition), torch.from_numpy(generate).float(), reference)
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=1e-4)


def test_the_vae_starts_as_a_codec_of_principal_components(encoder: Encoder) -> None:
    video = to_tensor(pictures(FRAMES, HEIGHT, WIDTH))[None]
    with torch.no_grad():
        restored = encoder.vae.decode(encoder.vae.encode(video).latent_dist.mode()).sample
    assert (restored - video).square().mean() < 0.1 * video.var()


def test_the_transformer_starts_as_the_best_linear_prediction() -> None:
    """Targets that are a linear function of their conditions are predicted from the first step on."""
    torch.manual_seed(0)
    mix = torch.randn(LATENT, 2 * LATENT + 64) / 10
    controls = torch.randn(40, 2 * LATENT + 64, 18, 4, 6)
    targets = torch.einsum("oc,ncthw->nothw", mix, controls)
    model = small_transformer().eval()
    start_from_regression(model, [{"x": x, "z": z} for x, z in zip(targets, controls, strict=True)])
    noise = torch.randn(1, LATENT, 18, 4, 6)
    with torch.no_grad():
        made = model(
            noise, torch.tensor([500.0]), torch.zeros(1, 24, 64), control_hidden_states=controls[:1]
        ).sample
    assert (made - targets[:1]).square().mean() < 0.1 * targets.var()
