"""The embedded profile's Wan-VACE transformer and the point from which its training starts."""

import math
from collections.abc import Iterable

import torch
from diffusers import WanVACETransformer3DModel

from operators.generation.phrase_embedding import WIDTH
from operators.training.tiny_vae import LATENT

PATCH = (1, 1, 1)  # latents per token
STRIDE = 8  # of the VAE


def small_transformer() -> WanVACETransformer3DModel:
    """2.9 M parameters; 1,728 tokens for a tube of 17 frames 96 x 64 and its reference.

    Larger ones learn less in an hour of one CPU core: what counts there is the number of steps. Tokens of 2 x 2
    latents are four times cheaper and show as tiles.
    """
    return WanVACETransformer3DModel(
        patch_size=PATCH,
        num_attention_heads=4,
        attention_head_dim=48,
        in_channels=LATENT,
        out_channels=LATENT,
        text_dim=WIDTH,
        freq_dim=64,
        ffn_dim=512,
        num_layers=3,
        vace_layers=[0, 1],
        vace_in_channels=2 * LATENT + STRIDE * STRIDE,
    )


@torch.no_grad()
def start_from_regression(
    model: WanVACETransformer3DModel, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    """Make `model` the best linear prediction of clips x from their conditions z, token by token.

    `pairs` yields x [C,t,h,w] and z [V,t,h,w]. Gradients alone take thousands of steps to get there. Every block
    starts as the identity with open gates (the usual start nearly closes them: each step then moves the output
    sixteen times less), its attention at the neighbouring tokens, as a convolution's; the first VACE hint carries
    the prediction through channels of its own, and beside it the condition's principal components for the blocks to
    work on. Two constant channels keep the last layer norm
    nearly linear, one that stays zero gives back the mean that it takes off.
    """
    _start_as_identity(model)
    _carry_prediction(model, pairs)
    _read_prediction(model)


_CARRIED = (
    LATENT * PATCH[0] * PATCH[1] * PATCH[2]
)  # channels of a token's prediction; three more follow them:
_ZERO, _STEADY = _CARRIED, 12.0  # one that stays zero, one of this value, one of its negative


def _start_as_identity(model: WanVACETransformer3DModel) -> None:
    """Blocks give back what they get, with open gates, and look at neighbouring tokens; time counts for nothing."""
    for block in [*model.blocks, *model.vace_blocks]:
        block.scale_shift_table.zero_()
        block.scale_shift_table[:, [2, 5]] = 1
        for layer in (block.attn1.to_out[0], block.attn2.to_out[0], block.ffn.net[2]):
            layer.weight.zero_()
            layer.bias.zero_()
    (near, far), (_, also_near, also_far) = model.vace_blocks, model.blocks
    for block, distance in ((near, 1), (far, 2), (also_near, 1), (also_far, 2)):
        look_around(block.attn1, distance)
    for block in model.vace_blocks:
        block.proj_out.weight.zero_()
        block.proj_out.bias.zero_()
    model.condition_embedder.time_proj.weight.zero_()
    model.condition_embedder.time_proj.bias.zero_()
    model.condition_embedder.time_embedder.linear_2.weight.mul_(0.1)
    model.condition_embedder.time_embedder.linear_2.bias.zero_()


def _carry_prediction(
    model: WanVACETransformer3DModel, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    """From the condition to channels of their own of the first hint; the latents keep clear of these."""
    own, first = slice(_CARRIED, _CARRIED + 3), model.vace_blocks[0]
    first.proj_in.weight.copy_(torch.eye(len(first.proj_in.weight)))
    first.proj_in.bias.zero_()
    first.proj_out.weight.copy_(torch.eye(len(first.proj_out.weight)))
    first.proj_out.weight[own] = 0
    model.patch_embedding.weight.mul_(0.2)
    model.patch_embedding.weight[: own.stop] = 0
    model.patch_embedding.bias.zero_()
    model.patch_embedding.bias[own] = torch.tensor([0.0, _STEADY, -_STEADY])
    control = model.vace_patch_embedding
    width = len(control.bias)
    predicted, components = regress(pairs, width - own.stop)
    for part, (weights, bias) in ((slice(_CARRIED), predicted), (slice(own.stop, width), components)):
        control.weight[part] = weights.view(len(weights), -1, *PATCH)
        control.bias[part] = bias
    control.weight[own] = 0
    control.bias[own] = 0


def _read_prediction(model: WanVACETransformer3DModel) -> None:
    """From those channels to the output: outputs are ordered (time, row, column, channel), inputs (channel, time, row,
    column)."""
    width = len(model.vace_patch_embedding.bias)
    order = torch.arange(_CARRIED).view(LATENT, -1).T.flatten()
    spread = ((2 * _STEADY**2 + _CARRIED / 2 + width - _CARRIED) / width) ** 0.5
    model.proj_out.weight.zero_()
    model.proj_out.bias.zero_()
    model.proj_out.weight[torch.arange(_CARRIED), order] = spread
    model.proj_out.weight[:, _ZERO] = -spread
    model.scale_shift_table.zero_()


@torch.no_grad()
def look_around(attention: torch.nn.Module, distance: int) -> None:
    """Point the four heads at the tokens `distance` above, below, left and right, in the same frame.

    Queries and keys start as constants, so that only the rotary embedding tells positions apart: a pair of channels
    of frequency w, its key turned by -w d, is largest at the offset d. Two pairs an axis make one soft peak.
    """
    heads, pairs = attention.heads, attention.inner_dim // attention.heads // 2
    axis = pairs // 3  # pairs of each of height and width; time has the rest and comes first
    query, key = torch.zeros(heads, pairs, 2), torch.zeros(heads, pairs, 2)
    for head, (down, right) in enumerate([(-1, 0), (1, 0), (0, -1), (0, 1)]):
        offsets = ((0, pairs - 2 * axis, 0), (pairs - 2 * axis, axis, down), (pairs - axis, axis, right))
        for first, count, offset in offsets:
            for number in (0, 1):
                angle = -(10000.0 ** (-number / count)) * offset * distance
                query[head, first + number, 0] = 1
                key[head, first + number] = torch.tensor([math.cos(angle), math.sin(angle)])
    for layer, constant in ((attention.to_q, query), (attention.to_k, key)):
        layer.weight.mul_(0.05)
        layer.bias.copy_(constant.flatten())
    for norm in (attention.norm_q, attention.norm_k):
        norm.weight.fill_(1.6)  # logits 1.5 lower at the next token but one


Linear = tuple[torch.Tensor, torch.Tensor]  # weights [N,M] and bias [N]


def regress(
    pairs: Iterable[tuple[torch.Tensor, torch.Tensor]], components: int, ridge: float = 30.0
) -> tuple[Linear, Linear]:
    """Ridge regression of target tokens [C*4] on condition tokens [V*4]; the latter's first principal components.

    The components have mean 0 and variance 1; where a token has fewer than asked for, random mixtures fill up.
    """
    gram = cross = None
    for x, z in pairs:
        features, targets = tokens(z.double()), tokens(x.double())
        features = torch.cat([features, torch.ones(len(features), 1, dtype=torch.double)], dim=1)
        gram = features.T @ features if gram is None else gram + features.T @ features
        cross = features.T @ targets if cross is None else cross + features.T @ targets
    if gram is None or cross is None:
        raise ValueError("no pairs to start from")
    solution = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=torch.double), cross).float()
    mean = gram[-1, :-1] / gram[-1, -1]
    variance, directions = torch.linalg.eigh(gram[:-1, :-1] / gram[-1, -1] - torch.outer(mean, mean))
    kept = (directions / variance.clamp(min=1e-3).sqrt())[:, -components:].T
    missing = components - len(kept)
    if missing > 0:
        generator = torch.Generator().manual_seed(0)
        mixed = torch.randn(missing, len(kept), generator=generator, dtype=torch.double) / len(kept) ** 0.5
        kept = torch.cat([mixed @ kept, kept])
    return (solution[:-1].T, solution[-1]), (kept.float(), -(kept @ mean).float())


def tokens(latents: torch.Tensor) -> torch.Tensor:
    """[C,t,h,w] -> [N,C*4]: patches, each in the order of a convolution's weights."""
    channels, frames, height, width = latents.shape
    t, y, x = PATCH
    parts = latents.view(channels, frames // t, t, height // y, y, width // x, x)
    return parts.permute(1, 3, 5, 0, 2, 4, 6).flatten(3).flatten(0, 2)
