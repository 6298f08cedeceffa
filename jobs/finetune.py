"""Train the embedded generator from scratch: `python -m jobs.finetune --data PEOPLE --out DIR --stage STAGE`.

    vae          frames -> a small Wan VAE (8 x 8 pixels per latent): principal components, then gradients
    latents      clips -> cached latents and VACE conditions, built with the same operators as inference
    transformer  latents -> a small Wan-VACE transformer; saves the pipeline's folder

Stages run in this order, each for --minutes of one machine, each reproducible from --seed as far as the
number of steps reached is the same. PEOPLE holds shards of synthetic people; nothing else is ever learnt from.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from diffusers.models.autoencoders import autoencoder_kl_wan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify

from operators.caption import WIDTH, embed_words
from operators.fuse import fuse_structall, fuse_structhuman
from operators.people import Sample, read_people
from operators.skeleton import draw_skeleton

LATENT = 12  # channels
FRAMES, HEIGHT, WIDTH_PX = 17, 96, 64  # a tube
SHIFT = 3.0  # of the flow's sigmas: small pictures need less noise than 480p
KNOWN = 5  # frames that a later window continues from


def small_vae() -> AutoencoderKLWan:
    """2.1 M parameters. All downsampling is in the 8-pixel patches, none in time: convolutions see few positions.

    Time is compressed by the transformer's patches of 3 latents instead.
    """
    return AutoencoderKLWan(
        base_dim=64,
        dim_mult=[1],
        z_dim=LATENT,
        num_res_blocks=1,
        temperal_downsample=[],
        attn_scales=[],
        in_channels=192,
        out_channels=192,
        patch_size=8,
        latents_mean=[0.0] * LATENT,
        latents_std=[1.0] * LATENT,
        scale_factor_spatial=8,
        scale_factor_temporal=1,
    )


def small_transformer() -> WanVACETransformer3DModel:
    """About 10 M parameters; 144 tokens for a tube of 17 frames 96 x 64 and its reference."""
    return WanVACETransformer3DModel(
        patch_size=(3, 2, 2),
        num_attention_heads=4,
        attention_head_dim=64,
        in_channels=LATENT,
        out_channels=LATENT,
        text_dim=WIDTH,
        freq_dim=128,
        ffn_dim=1024,
        num_layers=6,
        vace_layers=[0, 2, 4],
        vace_in_channels=2 * LATENT + 64,
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


def train_vae(options: argparse.Namespace) -> None:
    """L1 at two scales, edges, motion, a trace of KL; patches of 5 frames, 64 x 64."""
    rng = np.random.default_rng(options.seed)
    clips = [sample.frames for sample in read_people(options.data, "*-train-*.tar")]
    vae = small_vae()
    some = torch.stack([random_patch(clips[rng.integers(len(clips))], rng) for _ in range(300)])
    start_from_components(vae, patchify(some, 8).movedim(1, -1).flatten(0, 3)[::7])
    optimizer = torch.optim.AdamW(vae.parameters(), betas=(0.9, 0.95), weight_decay=1e-4)
    for step, share in progress(options.minutes):
        set_rate(optimizer, 5e-4, step, share)
        real = torch.stack([random_patch(clips[rng.integers(len(clips))], rng) for _ in range(4)])
        posterior = vae.encode(real).latent_dist
        # The decoder clamps to [-1, 1], where gradients vanish: not in training.
        with mock.patch.object(autoencoder_kl_wan.torch, "clamp", lambda x, **_: x):
            made = vae.decode(posterior.sample()).sample
        edges = sum((real.diff(dim=d) - made.diff(dim=d)).abs().mean() for d in (-1, -2))
        motion = (real.diff(dim=2) - made.diff(dim=2)).abs().mean()
        coarse = (F.avg_pool3d(real, (1, 4, 4)) - F.avg_pool3d(made, (1, 4, 4))).abs().mean()
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        fine = (real - made).abs().mean()
        descend(optimizer, vae, fine + 0.5 * edges + coarse + 0.25 * motion + 1e-4 * kl)
        if step % 50 == 0:
            print(f"vae step {step}: L1 {fine.item():.4f}, KL {kl.item():.2f}", flush=True)
    vae.save_pretrained(options.out / "vae")


def random_patch(clip: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """float32 [3,5,64,64] in -1..1 from uint8 [T,H,W,3]."""
    t, y, x = (
        int(rng.integers(0, extent - size + 1)) for extent, size in zip(clip.shape, (5, 64, 64), strict=False)
    )
    patch = clip[t : t + 5, y : y + 64, x : x + 64]
    return to_tensor(patch[:, :, ::-1] if rng.random() < 0.5 else patch)


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """uint8 [T,H,W,3] -> float32 [3,T,H,W] in -1..1, as the pipeline's video processor does it."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2).float() / 127.5 - 1


def cache_latents(options: argparse.Namespace) -> None:
    """Targets and conditions of every clip, in `--passes` random variations, as the transformer will see them."""
    rng = np.random.default_rng(options.seed)
    vae = AutoencoderKLWan.from_pretrained(options.out / "vae").eval()
    mean, std = measure_latents(vae, options, rng)
    vae.register_to_config(latents_mean=mean, latents_std=std)
    vae.save_pretrained(options.out / "vae")
    crops = list(read_people(options.data, "crops-train-*.tar"))
    streets = [sample.window(0, FRAMES) for sample in read_people(options.data, "street-train-*.tar")]
    encoder = Encoder(vae)
    for number in range(options.passes):
        items = [encoder.item(vary_crop(sample, rng), rng, all_share=0.15) for sample in crops]
        items += [encoder.item(vary_street(sample, rng), rng, all_share=1.0) for sample in streets]
        torch.save(items, options.out / f"latents-{options.seed}-{number}.pt")
        print(f"pass {number}: {len(items)} clips", flush=True)


def measure_latents(
    vae: AutoencoderKLWan, options: argparse.Namespace, rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel over a few clips."""
    few = [
        sample for _, sample in zip(range(60), read_people(options.data, "crops-train-*.tar"), strict=False)
    ]
    with torch.no_grad():
        modes = [
            vae.encode(to_tensor(vary_crop(sample, rng).frames)[None]).latent_dist.mode() for sample in few
        ]
    values = torch.cat(modes).transpose(0, 1).flatten(1)
    return values.mean(dim=1).tolist(), values.std(dim=1).tolist()


def vary_crop(sample: Sample, rng: np.random.Generator) -> Sample:
    """A tube-shaped part of a 128 px crop, around its middle, at a random scale, perhaps mirrored."""
    high = int(rng.integers(96, 129))
    wide = high * WIDTH_PX // HEIGHT
    x = int(np.clip(64 - wide / 2 + rng.normal(0, 5), 0, 128 - wide))
    y = int(np.clip(64 - high / 2 + rng.normal(0, 5), 0, 128 - high))
    part = sample.crop(x, y, wide, high).resize(HEIGHT, WIDTH_PX)
    return part.mirror() if rng.random() < 0.5 else part


def vary_street(sample: Sample, rng: np.random.Generator) -> Sample:
    """A whole scene at the size at which StructAll is generated."""
    part = sample.crop(20, 0, 600, 360).resize(96, 160)
    return part.mirror() if rng.random() < 0.5 else part


class Encoder:
    """Builds training items exactly as WanVACEPipeline conditions a call (a test compares the two)."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self.vae = vae
        self.mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        self.std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)

    @torch.no_grad()
    def encode(self, video: torch.Tensor) -> torch.Tensor:
        """[3,T,H,W] -> normalised latents [C,t,h,w]."""
        return ((self.vae.encode(video[None]).latent_dist.mode() - self.mean) / self.std)[0]

    def item(self, sample: Sample, rng: np.random.Generator, all_share: float) -> dict[str, Any]:
        """One clip: x (target latents, reference first), z (condition), text."""
        condition, mask = degrade_and_fuse(sample, rng, structall=rng.random() < all_share)
        target, video = to_tensor(sample.frames), to_tensor(condition)
        generate = torch.from_numpy(mask).float()
        if rng.random() < 0.2:  # a later window: its first frames are there already
            video[:, :KNOWN], generate[:KNOWN] = target[:, :KNOWN], 0
        reference = self.encode(to_tensor(condition[:1]))
        x = torch.cat([reference, self.encode(target)], dim=1)
        z = self.control(video, generate, reference)
        return {"x": x.half(), "z": z.half(), "text": caption_of(sample)}

    def control(self, video: torch.Tensor, generate: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """VACE condition [2C+64,1+T,h,w]: what to keep, what to make anew, and the mask folded into channels."""
        latents = torch.cat([self.encode(video * (1 - generate)), self.encode(video * generate)])
        frames, height, width = generate.shape
        folded = generate.view(frames, height // 8, 8, width // 8, 8).permute(2, 4, 0, 1, 3).flatten(0, 1)
        first = torch.cat([reference, torch.zeros_like(reference), torch.zeros_like(folded[:, :1])])
        return torch.cat([first, torch.cat([latents, folded])], dim=1)


def degrade_and_fuse(
    sample: Sample, rng: np.random.Generator, structall: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Conditioning uint8 [T,H,W,3] and mask of what to generate bool [T,H,W], as imperfect as extractors' are."""
    height, width = sample.frames.shape[1:3]
    reach = int(rng.integers(2, 7))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    body = sample.masks > 0
    joined = np.stack([body[max(0, t - 2) : t + 3].any(axis=0) for t in range(len(body))])
    mask = np.stack([cv2.dilate(frame.astype(np.uint8), kernel) > 0 for frame in joined])
    points = sample.keypoints.copy()
    jitter = rng.uniform(0, 0.02) * np.ptp(points[..., 1], axis=-1, keepdims=True)
    points[..., :2] += rng.normal(0, 1, points[..., :2].shape) * jitter[..., None]
    points[..., 2] = (points[..., 2] > 0) & (rng.random(points.shape[1:3]) > 0.05)
    skeleton = np.stack([draw_skeleton(people, height, width) for people in points])
    if structall:
        return fuse_structall(sample.depth.astype(np.float32), mask, skeleton), np.ones_like(mask)
    return fuse_structhuman(sample.frames, mask, skeleton), mask


def caption_of(sample: Sample) -> str:
    """What the main person wears, in the words of the shards: phrases between commas."""
    if not sample.people:
        return "no people"
    person = sample.people[0]
    looks = person["looks"]
    return ", ".join([f"{looks['skin']} skin", looks["hair"], *person["garments"].values()])


def train_transformer(options: argparse.Namespace) -> None:
    """Denoising: transformer((1 - s) x + s n, 1000 s, text, z) towards x; text dropped in one of ten.

    The model predicts x itself (the scheduler's prediction type "sample"), not the velocity n - x: a small
    network cannot carry the noise of 144 numbers a token through itself: it still gave noise after 500 steps.
    What is to be generated weighs six times as much as what is only kept.
    """
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    items = [item for file in sorted(options.out.glob("latents-*.pt")) for item in torch.load(file)]
    words = {text: torch.from_numpy(embed_words(text)) for text in {item["text"] for item in items} | {""}}
    groups: dict[torch.Size, list[dict[str, Any]]] = {}
    for item in items:
        groups.setdefault(item["x"].shape, []).append(item)
    shapes, weights = list(groups), np.array([len(group) for group in groups.values()], float)
    model = small_transformer()
    start_from_regression(model, items)
    if options.start:
        weights_before = WanVACETransformer3DModel.from_pretrained(options.start, torch_dtype=torch.float32)
        model.load_state_dict(weights_before.state_dict())
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    smooth = 1.0
    for step, share in progress(options.minutes):
        set_rate(optimizer, 5e-4, step, share)
        group = groups[shapes[rng.choice(len(shapes), p=weights / weights.sum())]]
        batch = [group[i] for i in rng.integers(len(group), size=options.batch)]
        x, z = (torch.stack([item[name] for item in batch]).float() for name in ("x", "z"))
        text = torch.stack([words[item["text"] if rng.random() > 0.1 else ""] for item in batch])
        # Mostly near pure noise: there the model must draw people from structure alone, which is the hard part.
        uniform = torch.from_numpy(rng.random(len(batch)) ** 0.1).float()
        sigma = (SHIFT * uniform / (1 + (SHIFT - 1) * uniform)).view(-1, 1, 1, 1, 1)
        noise = torch.randn_like(x)
        made = model(
            (1 - sigma) * x + sigma * noise, 1000 * sigma.flatten(), text, control_hidden_states=z
        ).sample
        changed = z[:, 2 * LATENT :, 1:].mean(dim=1, keepdim=True)
        loss = (F.mse_loss(made[:, :, 1:], x[:, :, 1:], reduction="none") * (0.2 + changed)).mean()
        descend(optimizer, model, loss)
        decay = min(0.995, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            average[name].lerp_(value, 1 - decay) if value.is_floating_point() else average[name].copy_(value)
        smooth = 0.99 * smooth + 0.01 * loss.item()
        if step % 100 == 0:
            print(f"transformer step {step} ({share:.0%}): loss {smooth:.4f}", flush=True)
        if step % 500 == 0:
            save_pipeline(options.out, average)
    save_pipeline(options.out, average)


@torch.no_grad()
def start_from_regression(model: WanVACETransformer3DModel, items: list[dict[str, Any]]) -> None:
    """Make `model` the best linear prediction of a clip from its condition, patch by patch.

    Gradients alone took a thousand steps to no more than noise around a copied background. Every block starts as
    the identity; the first VACE hint carries the prediction through channels of its own. Two constant channels
    keep the last layer norm nearly linear, one that stays zero gives back the mean that it takes off.
    """
    patch = 3 * 2 * 2
    carried = LATENT * patch
    steady, zero = 25.0, carried
    for block in [*model.blocks, *model.vace_blocks]:
        for layer in (block.attn1.to_out[0], block.attn2.to_out[0], block.ffn.net[2]):
            layer.weight.zero_()
            layer.bias.zero_()
    for number, block in enumerate(model.vace_blocks):
        block.proj_out.weight.zero_()
        block.proj_out.bias.zero_()
        if number == 0:
            block.proj_in.weight.copy_(torch.eye(len(block.proj_in.weight)))
            block.proj_in.bias.zero_()
            block.proj_out.weight[:carried, :carried] = torch.eye(carried)
    model.patch_embedding.weight[: carried + 3] = 0
    model.patch_embedding.bias.zero_()
    model.patch_embedding.bias[carried + 1], model.patch_embedding.bias[carried + 2] = steady, -steady
    control = model.vace_patch_embedding
    weights, bias = regress(items)
    control.weight[: carried + 3] = 0
    control.weight[:carried] = weights.view(carried, -1, 3, 2, 2)
    control.bias.zero_()
    control.bias[:carried] = bias
    # Outputs are ordered (time, row, column, channel), inputs (channel, time, row, column).
    order = torch.arange(carried).view(LATENT, patch).T.flatten()
    width = len(model.patch_embedding.bias)
    spread = ((2 * steady**2 + carried / 2 + (width - carried) / 3) / width) ** 0.5
    model.proj_out.weight.zero_()
    model.proj_out.bias.zero_()
    model.proj_out.weight[torch.arange(carried), order] = spread
    model.proj_out.weight[:, zero] = -spread
    model.scale_shift_table.zero_()
    model.condition_embedder.time_embedder.linear_2.weight.mul_(0.1)
    model.condition_embedder.time_embedder.linear_2.bias.zero_()


def regress(items: list[dict[str, Any]], ridge: float = 30.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [144, features] and bias [144] of the ridge regression of target patches on condition patches."""
    gram = cross = None
    for item in items:
        features, targets = tokens(item["z"].double()), tokens(item["x"].double())
        features = torch.cat([features, torch.ones(len(features), 1, dtype=torch.double)], dim=1)
        gram = features.T @ features if gram is None else gram + features.T @ features
        cross = features.T @ targets if cross is None else cross + features.T @ targets
    assert gram is not None and cross is not None
    solution = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=torch.double), cross).float()
    return solution[:-1].T, solution[-1]


def tokens(latents: torch.Tensor) -> torch.Tensor:
    """[C,T,h,w] -> [N, C*12]: patches of 3 x 2 x 2, each in the order of a convolution's weights."""
    channels, frames, height, width = latents.shape
    parts = latents.view(channels, frames // 3, 3, height // 2, 2, width // 2, 2)
    return parts.permute(1, 3, 5, 0, 2, 4, 6).flatten(3).flatten(0, 2)


def save_pipeline(out: Path, weights: dict[str, torch.Tensor]) -> None:
    """The folder that the profile names: half precision, loadable by WanVACEPipeline.from_pretrained."""
    transformer = small_transformer()
    transformer.load_state_dict(weights)
    vae = AutoencoderKLWan.from_pretrained(out / "vae")
    scheduler = UniPCMultistepScheduler(prediction_type="sample", use_flow_sigmas=True, flow_shift=SHIFT)
    pipeline = WanVACEPipeline(
        tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=transformer
    )
    pipeline.to(torch.float16).save_pretrained(out / "generator")


def progress(minutes: float) -> Iterator[tuple[int, float]]:
    """(step, share of the time used) until `minutes` are over."""
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        step += 1
        yield step, share


def set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, share: float) -> None:
    """Short warm-up, then a cosine over the time that is there."""
    for group in optimizer.param_groups:
        group["lr"] = peak * min(1, step / 100) * (0.02 + 0.49 * (1 + np.cos(np.pi * share)))


def descend(optimizer: torch.optim.Optimizer, model: torch.nn.Module, loss: torch.Tensor) -> None:
    """One clipped step; a loss that is not finite is an error, never a silent skip."""
    if not torch.isfinite(loss):
        raise FloatingPointError("the loss is not finite")
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with shards of synthetic people")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints; result in OUT/generator"
    )
    parser.add_argument("--stage", choices=["vae", "latents", "transformer"], required=True)
    parser.add_argument("--minutes", type=float, default=30, help="time for the stages vae and transformer")
    parser.add_argument("--passes", type=int, default=1, help="variations of every clip in the stage latents")
    parser.add_argument(
        "--start", type=Path, help="transformer folder to go on from in the stage transformer"
    )
    parser.add_argument("--batch", type=int, default=8, help="clips per step in the stage transformer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    {"vae": train_vae, "latents": cache_latents, "transformer": train_transformer}[arguments.stage](arguments)
