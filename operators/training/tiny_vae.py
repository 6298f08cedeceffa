"""The embedded profile's Wan VAE and the point from which its training starts."""

import torch
from diffusers import AutoencoderKLWan

LATENT = 24  # channels


def small_vae(width: int = 64, latent: int = LATENT) -> AutoencoderKLWan:
    """2.1 M parameters, or as many as `width` and `latent` give.

    All downsampling is in the 8-pixel patches, none in time: convolutions see few positions.
    A frame is a latent: any choice of frames can be trained on.
    """
    return AutoencoderKLWan(
        base_dim=width,
        dim_mult=[1],
        z_dim=latent,
        num_res_blocks=1,
        temperal_downsample=[],
        attn_scales=[],
        in_channels=192,
        out_channels=192,
        patch_size=8,
        latents_mean=[0.0] * latent,
        latents_std=[1.0] * latent,
        scale_factor_spatial=8,
        scale_factor_temporal=1,
    )


@torch.no_grad()
def start_from_components(vae: AutoencoderKLWan, patches: torch.Tensor) -> None:
    """Make `vae` the linear codec of the principal components of `patches` [N,192], as the starting point.

    From random weights this network needs thousands of steps to find colour. Residual branches start at zero;
    the norm and SiLU before each output are made linear: a large constant channel fixes the norm, and a pair of
    channels (a, -a) gives silu(a) - silu(-a) = a.
    """
    mean = patches.mean(dim=0)
    _, values, basis = torch.linalg.svd(patches - mean, full_matrices=False)
    scale = values[:LATENT] / len(patches) ** 0.5
    project, restore = basis[:LATENT] / scale[:, None], (basis[:LATENT] * scale[:, None]).T
    for half in (vae.encoder, vae.decoder):
        for name, weight in half.named_parameters():
            if "conv2" in name or "proj" in name or "conv_in" in name or "conv_out" in name:
                weight.zero_()
    for convolution in (vae.quant_conv, vae.post_quant_conv):
        convolution.weight.copy_(torch.eye(convolution.weight.shape[0])[..., None, None, None])
        convolution.bias.zero_()
    steady = 8 * LATENT**0.5  # the constant channel, against components of unit variance
    gain = (steady**2 + 2 * LATENT) ** 0.5 / 64**0.5
    for half, inward, outward in (
        (vae.encoder, project, torch.eye(LATENT)),
        (vae.decoder, torch.eye(LATENT), restore),
    ):
        half.conv_in.weight[: 2 * LATENT, :, -1, 1, 1] = torch.cat([inward, -inward])
        half.conv_in.bias[2 * LATENT] = steady
        half.conv_out.weight[: len(outward), : 2 * LATENT, -1, 1, 1] = (
            torch.cat([outward, -outward], dim=1) * gain
        )
    shift = project @ mean
    vae.encoder.conv_in.bias[: 2 * LATENT] = torch.cat([-shift, shift])
    vae.encoder.conv_out.bias[LATENT:] = -6.0  # log variance
    vae.decoder.conv_out.bias.copy_(mean)
