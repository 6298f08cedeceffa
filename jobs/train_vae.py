"""Train the embedded VAE from scratch: `python -m jobs.train_vae --people PEOPLE --output OUT`; result in OUT/vae.

From its principal components on, by gradients. PEOPLE holds shards of synthetic people; nothing else is ever
learnt from. The same seed gives the same weights on the same machine.
"""

from argparse import Namespace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

from jobs import options
from operators.training.degrade import degrade_condition
from operators.training.descent import descend
from operators.training.synthetic_people import read_people
from operators.training.tiny_vae import small_vae, start_from_components
from operators.training.vace_latents import to_tensor
from schemas.recipe import cosine


def train_vae(people: Path, steps: int, seed: int) -> AutoencoderKLWan:
    """L1 at two scales, edges, motion, a trace of KL; patches of 5 frames, 64 x 64."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    samples = list(read_people(people, "*-train-*.tar"))
    clips = [sample.frames for sample in samples]
    # What it must carry, too: skeletons on gray and on depth.
    clips += [
        degrade_condition(sample, rng, structall=n % 4 == 0)[0] for n, sample in enumerate(samples[::2])
    ]
    vae = small_vae()
    some = torch.stack([random_patch(clips[rng.integers(len(clips))], rng) for _ in range(300)])
    start_from_components(vae, patchify(some, 8).movedim(1, -1).flatten(0, 3)[::7])
    optimizer = torch.optim.AdamW(vae.parameters(), lr=5e-4, betas=(0.9, 0.95), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: cosine(step, steps, warmup=100))
    for step in range(1, steps + 1):
        real = torch.stack([random_patch(clips[rng.integers(len(clips))], rng) for _ in range(4)])
        loss, fine = loss_of(vae, real)
        descend(loss, vae.parameters(), optimizer, schedule)
        if step % 50 == 0:
            print(f"vae step {step}/{steps}  L1 {fine:.4f}", flush=True)
    vae.eval()
    mean, std = measure_latents(vae, clips[:: len(clips) // 60], rng)
    vae.register_to_config(latents_mean=mean, latents_std=std)
    return vae


def loss_of(vae: AutoencoderKLWan, real: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The loss, and its L1 part, for real [B,3,T,H,W]."""
    posterior = vae.encode(real).latent_dist
    # The decoder clamps to [-1, 1], where gradients vanish: not in training.
    with mock.patch.object(autoencoder_kl_wan.torch, "clamp", lambda x, **_: x):
        made = vae.decode(posterior.sample()).sample
    edges = sum((real.diff(dim=d) - made.diff(dim=d)).abs().mean() for d in (-1, -2))
    motion = (real.diff(dim=2) - made.diff(dim=2)).abs().mean()
    coarse = (F.avg_pool3d(real, (1, 4, 4)) - F.avg_pool3d(made, (1, 4, 4))).abs().mean()
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    fine = (real - made).abs().mean()
    return fine + 0.5 * edges + coarse + 0.25 * motion + 1e-4 * kl, fine.item()


@torch.no_grad()
def measure_latents(
    vae: AutoencoderKLWan, clips: list[np.ndarray], rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel over a few clips."""
    modes = [vae.encode(random_patch(clip, rng)[None]).latent_dist.mode() for clip in clips]
    values = torch.cat(modes).transpose(0, 1).flatten(1)
    return values.mean(dim=1).tolist(), values.std(dim=1).tolist()


def random_patch(clip: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """float32 [3,5,64,64] in -1..1 from uint8 [T,H,W,3]."""
    t, y, x = (
        int(rng.integers(0, extent - size + 1)) for extent, size in zip(clip.shape, (5, 64, 64), strict=False)
    )
    patch = clip[t : t + 5, y : y + 64, x : x + 64]
    return to_tensor(patch[:, :, ::-1] if rng.random() < 0.5 else patch)


def main(arguments: Namespace) -> int:
    """Train and write the weights."""
    torch.set_num_threads(arguments.threads)
    trained = train_vae(arguments.people, arguments.steps, arguments.seed)
    trained.save_pretrained(arguments.output / "vae")
    return 0


if __name__ == "__main__":
    options.run(main, options.training_parser(__doc__, steps=650))
