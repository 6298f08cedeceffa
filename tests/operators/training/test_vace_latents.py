"""Training encodes conditions as the pipeline does, and the small models start from where their docstrings say."""

import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify
from diffusers.video_processor import VideoProcessor
from PIL import Image

from operators.training.tiny_transformer import look_around, small_transformer, start_from_regression
from operators.training.tiny_vae import LATENT, small_vae, start_from_components
from operators.training.vace_latents import VaceEncoder, to_tensor, visibility
from tests.videos import pictures

FRAMES, HEIGHT, WIDTH = 17, 32, 48


@pytest.fixture(scope="module")
def encoder() -> VaceEncoder:
    torch.manual_seed(0)
    vae = small_vae()
    patches = patchify(to_tensor(pictures(FRAMES, HEIGHT, WIDTH))[None], 8).movedim(1, -1).flatten(0, 3)
    start_from_components(vae, patches)
    vae.register_to_config(latents_mean=[0.1] * LATENT, latents_std=[2.0] * LATENT)
    return VaceEncoder(vae.eval())


def of_pipeline(
    vae: object, condition: np.ndarray, reference: np.ndarray, generate: np.ndarray
) -> torch.Tensor:
    """The VACE condition that WanVACEPipeline itself makes."""
    pipeline = WanVACEPipeline(
        tokenizer=None, text_encoder=None, vae=vae, scheduler=None, transformer=small_transformer()
    )
    pipeline.vae_scale_factor_spatial, pipeline.vae_scale_factor_temporal = 8, 1
    pipeline.video_processor = VideoProcessor(vae_scale_factor=8)
    with torch.no_grad():
        video, mask, references = pipeline.preprocess_conditions(
            [Image.fromarray(frame) for frame in condition],
            [Image.fromarray(frame.astype(np.uint8) * 255) for frame in generate],
            [Image.fromarray(reference)],
            1,
            HEIGHT,
            WIDTH,
            FRAMES,
            torch.float32,
            torch.device("cpu"),
        )
        latents = pipeline.prepare_video_latents(video, mask, references, None, torch.device("cpu"))
        return torch.cat([latents, pipeline.prepare_masks(mask, references)], dim=1)[0]


@pytest.mark.parametrize("known", [0, 5])
def test_conditions_are_the_pipelines(encoder: VaceEncoder, known: int) -> None:
    condition, target = pictures(FRAMES, HEIGHT, WIDTH), pictures(FRAMES, HEIGHT, WIDTH)[::-1]
    generate = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    generate[:, 8:24, 12:30] = True
    x, z = encoder(target, condition, generate, known)
    continued, anew = condition.copy(), generate.copy()
    continued[:known], anew[:known] = target[:known], False
    torch.testing.assert_close(
        z, of_pipeline(encoder.vae, continued, condition[0], anew), atol=1e-5, rtol=1e-4
    )
    assert x.shape == (LATENT, 1 + FRAMES, HEIGHT // 8, WIDTH // 8)
    torch.testing.assert_close(x[:, :1], encoder.encode(to_tensor(condition[:1])))


def test_the_vae_starts_as_a_codec_of_principal_components(encoder: VaceEncoder) -> None:
    video = to_tensor(pictures(FRAMES, HEIGHT, WIDTH))
    restored = encoder.decode(encoder.encode(video)[None])[0]
    assert (restored - video).square().mean() < 0.1 * video.var()


def test_a_channel_that_the_decoder_ignores_is_invisible(encoder: VaceEncoder) -> None:
    weight = encoder.vae.post_quant_conv.weight
    kept = weight[:, 3].clone()
    with torch.no_grad():
        weight[:, 3] = 0
        strengths = visibility(encoder.vae, torch.randn(1, LATENT, 1, 4, 6))
        weight[:, 3] = kept
    assert strengths[3] == 0
    assert strengths.mean() == pytest.approx(1)


def test_the_transformer_starts_as_the_best_linear_prediction() -> None:
    """Targets that are a linear function of their conditions are predicted from the first step on."""
    torch.manual_seed(0)
    mix = torch.randn(LATENT, 2 * LATENT + 64) / 10
    controls = torch.randn(40, 2 * LATENT + 64, 3, 4, 6)
    targets = torch.einsum("oc,ncthw->nothw", mix, controls)
    model = small_transformer().eval()
    start_from_regression(model, zip(targets, controls, strict=True))
    noise = torch.randn(1, LATENT, 3, 4, 6)
    with torch.no_grad():
        made = model(
            noise, torch.tensor([500.0]), torch.zeros(1, 24, 64), control_hidden_states=controls[:1]
        ).sample
    assert (made - targets[:1]).square().mean() < 0.1 * targets.var()


@pytest.mark.parametrize("distance", [1, 2])
def test_attention_starts_at_the_neighbours(distance: int) -> None:
    """Each head's output is most like the input shifted by the head's own offset."""
    torch.manual_seed(0)
    model = small_transformer()
    attention = model.blocks[1].attn1
    look_around(attention, distance)
    width, rows, columns = attention.inner_dim, 9, 8
    for layer in (attention.to_v, attention.to_out[0]):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    hidden = torch.randn(1, 2 * rows * columns, width)
    with torch.no_grad():
        rotary = model.rope(torch.zeros(1, LATENT, 2, rows, columns))
        made = attention(hidden, None, None, rotary).view(2, rows, columns, 4, -1)[0, 3:-3, 3:-3]
    source = hidden.view(2, rows, columns, 4, -1)[0]
    steps = range(-3, 4)
    for head, offset in enumerate([(-distance, 0), (distance, 0), (0, -distance), (0, distance)]):
        likeness = {
            (y, x): float(
                (made[:, :, head] * source[3 + y : rows - 3 + y, 3 + x : columns - 3 + x, head]).sum()
            )
            for y in steps
            for x in steps
        }
        assert max(likeness, key=likeness.__getitem__) == offset
