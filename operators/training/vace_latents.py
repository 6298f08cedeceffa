"""Latents for training a Wan-VACE transformer, made exactly as WanVACEPipeline conditions a call."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan

from operators.generation.denoise import latent_scale
from operators.generation.text_encoder import PromptEncoder
from operators.generation.wan_vace import load_whole
from schemas.errors import UserError
from schemas.pair import TrainingPair


class VaceEncoder:
    """Encodes targets and conditions of one clip at a time (a test compares it with the pipeline)."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self.vae = vae
        config = vae.config
        self.mean, self.std = latent_scale(vae, vae.device)
        self.stride, self.stride_t = config.scale_factor_spatial, config.scale_factor_temporal

    def __call__(
        self, target: np.ndarray, condition: np.ndarray, mask: np.ndarray, known: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """x float32 [C,1+t,h,w]: the target after its reference; z float32 [2C+s*s,1+t,h,w]: the VACE condition.

        Target and condition are uint8 [T,H,W,3], the mask bool [T,H,W] (True: generate). The reference is the first
        conditioning frame; s is the VAE's spatial stride. The first `known` frames are given as they are, as
        when a later window continues an earlier one.
        """
        video, wanted, generate = to_tensor(condition), to_tensor(target), torch.from_numpy(mask).float()
        reference = self.encode(video[:, :1])
        x = torch.cat([reference, self.encode(wanted)], dim=1)
        video[:, :known], generate[:known] = wanted[:, :known], 0
        latents = torch.cat([self.encode(video * (1 - generate)), self.encode(video * generate)])
        folded = self.fold(generate, latents.shape[1])
        first = torch.cat([reference, torch.zeros_like(reference), torch.zeros_like(folded[:, :1])])
        return x, torch.cat([first, torch.cat([latents, folded])], dim=1)

    @torch.no_grad()
    def encode(self, video: torch.Tensor) -> torch.Tensor:
        """[3,T,H,W] in -1..1 -> normalised latents [C,t,h,w]."""
        posterior = self.vae.encode(video[None].to(self.vae.device, self.vae.dtype)).latent_dist
        return ((posterior.mode() - self.mean) / self.std)[0].float()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Normalised latents [B,C,t,h,w] -> [B,3,T,H,W], about -1..1."""
        return self.vae.decode((latents * self.std + self.mean).to(self.vae.dtype)).sample.float()

    def fold(self, generate: torch.Tensor, length: int) -> torch.Tensor:
        """The mask [T,H,W] with each s x s block as channels, at `length` latent times: [s*s,t,h,w]."""
        frames, height, width = generate.shape
        s = self.stride
        folded = generate.view(frames, height // s, s, width // s, s).permute(2, 4, 0, 1, 3).flatten(0, 1)
        if length == frames:
            return folded
        size = (length, *folded.shape[2:])
        return torch.nn.functional.interpolate(folded[None], size=size, mode="nearest-exact")[0]


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """uint8 [T,H,W,3] -> float32 [3,T,H,W] in -1..1, as the pipeline's video processor does it."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2).float() / 127.5 - 1


class LatentsOf:
    """Latents and words of training pairs, by the VAE and the text encoder of a saved pipeline."""

    def __init__(self, weights: str | Path, device: str = "cpu") -> None:
        folder = Path(weights)
        if not (folder / "vae" / "config.json").is_file():
            raise UserError(str(weights), "holds no VAE", "Name a folder saved by diffusers' WanVACEPipeline")
        vae = load_whole(AutoencoderKLWan, folder / "vae")
        self.encoder = VaceEncoder(vae.eval().to(device))
        self.text = PromptEncoder.load(folder, device)

    def __call__(self, pair: TrainingPair) -> dict[str, torch.Tensor]:
        """x and z as in VaceEncoder, text float32 [L,W]; zeros beyond L are left out where there are 512."""
        x, z = self.encoder(pair.target, pair.condition, pair.mask, pair.known)
        return {"x": x.cpu(), "z": z.cpu(), "text": self.text(pair.prompt)}


@torch.no_grad()
def visibility(vae: AutoencoderKLWan, x: torch.Tensor) -> torch.Tensor:
    """float32 [C], mean 1: how much half a standard deviation of each channel of x [B,C,t,h,w] changes the pixels.

    To the power of 1.4, not 2 as a squared error of pixels would ask: edges count for more than their share.
    """
    encoder = VaceEncoder(vae)
    plain = encoder.decode(x)
    changes = []
    for channel in range(x.shape[1]):
        moved = x.clone()
        moved[:, channel] += 0.5
        changes.append((encoder.decode(moved) - plain).square().mean().sqrt())
    strengths = torch.stack(changes) ** 1.4
    return strengths / strengths.mean()
