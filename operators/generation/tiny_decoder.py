"""Latents of Wan2.1's VAE as pictures by TAEHV (Bohan, github.com/madebyollin/taehv, MIT): a fraction of the work.

Its file taew2_1 holds an encoder, too, of which nothing is used: what is encoded is to be exact.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import pad

from operators.weights import vouched
from schemas.errors import UserError

_STAGES = (256, 128, 64, 64)  # channels from one doubling of the picture to the next
_FASTER = (1, 2, 2)  # frames that come of one, at each
_EARLY = 3  # frames before the first: a latent is four frames, and the first latent one


class TinyDecoder(nn.Module):
    """Latents [B,C,t,h,w], as a transformer makes them (mean 0, deviation 1) -> pictures [B,3,4t-3,8h,8w] in 0..1.

    A picture depends on its own latent and those before. All are computed at once, so memory goes with the clip's
    length: 64 values for each pixel that comes out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_Soft(), _conv(channels, _STAGES[0]), nn.ReLU()]
        for before, after, times in zip(_STAGES, _STAGES[1:], _FASTER, strict=False):
            layers += [_Memory(before) for _ in range(3)]
            layers += [nn.Upsample(scale_factor=2), _Grow(before, times), _conv(before, after, bias=False)]
        self.decoder = nn.Sequential(*layers, nn.ReLU(), _conv(_STAGES[-1], 3))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        batch = len(latents)
        maps = latents.transpose(1, 2).flatten(0, 1)
        for layer in self.decoder:
            maps = layer(maps, batch) if isinstance(layer, _Memory) else layer(maps)
        return maps.unflatten(0, (batch, -1))[:, _EARLY:].transpose(1, 2).clamp(0, 1)


def load_tiny_decoder(file: str | Path, channels: int) -> TinyDecoder:
    """The decoder of a .safetensors file in TAEHV's form, for latents of so many channels, in float32.

    Raises UserError for a file that is something else, or of other latents.
    """
    remedy = "Name TAEHV's taew2_1 as .safetensors in the profile (generator.decoder)"
    if not Path(file).is_file():
        raise UserError(str(file), "decoder not found", remedy)
    try:
        held = load_file(vouched(file))
    except UserError:
        raise
    except Exception as error:  # whatever parsing somebody's file raises
        raise UserError(str(file), f"cannot be read ({type(error).__name__})", remedy) from error
    made = TinyDecoder(channels)
    own = made.state_dict()
    given = {name: values.float() for name, values in held.items() if not name.startswith("encoder.")}
    for name in given.keys() & own.keys():
        if ".conv.weight" in name and given[name].shape[2:] == (1, 1):
            # Trained to make more frames of one than are asked for: the last ones count.
            given[name] = given[name][-len(own[name]) :]
    shapes = [{name: values.shape for name, values in one.items()} for one in (given, own)]
    if wrong := sorted(dict(shapes[0].items() ^ shapes[1].items())):
        problem = (
            f"is no decoder of latents with {channels} channels: {wrong[0]} and {len(wrong) - 1} more differ"
        )
        raise UserError(str(file), problem, remedy)
    made.load_state_dict(given)
    return made.eval().requires_grad_(False)


class _Soft(nn.Module):
    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.tanh(maps / 3) * 3


class _Memory(nn.Module):
    """Three convolutions of a frame and of the one before it; before the first there is nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        rest = (nn.ReLU(), _conv(channels, channels), nn.ReLU(), _conv(channels, channels))
        self.conv = nn.Sequential(_conv(2 * channels, channels), *rest)

    def forward(self, maps: torch.Tensor, batch: int) -> torch.Tensor:
        """[B*T,C,h,w] of B videos."""
        videos = maps.unflatten(0, (batch, -1))
        before = pad(videos, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1].flatten(0, 1)
        return torch.relu(self.conv(torch.cat([maps, before], dim=1)) + maps)


class _Grow(nn.Module):
    """One frame becomes several."""

    def __init__(self, channels: int, times: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels * times, 1, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.conv(maps).reshape(-1, *maps.shape[1:])


def _conv(before: int, after: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=bias)
