"""Operations of Wan2.1-VACE-1.3B and of the extractors, counted, and what they would take: `benchmarks.gpu --computed`.

Networks stand on torch's meta device, where nothing is computed and FlopCounterMode still counts; the extractors look
at one frame on the CPU, with random weights. Two operations are a multiplication with its addition.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan, WanVACETransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import cues_speed
from benchmarks.diffusion import PEAKS
from benchmarks.standins.random_vace import TRANSFORMER, VAE
from operators.generation.tiny_decoder import TinyDecoder
from schemas.profile import Size

SHARE = 0.4  # of the peak: what ReGenHuman's 150 s on an L40S come to (21.9 PFLOP, 362 TFLOP/s)
PEAK, PEAK_VAE = PEAKS["H100"], PEAKS["H100"] / 2  # bfloat16; float32 weights by TF32, both dense
WORDS, STEPS, FEW = 512, 50, 4
SPARED = [  # name, whether anything is kept, whether TAEHV decodes, steps
    ("as above", True, False, FEW),
    ("nothing is kept: a whole frame's first window", False, False, FEW),
    ("TAEHV decodes", True, True, FEW),
    ("both", False, True, FEW),
    ("both", False, True, 3),
]
SIZES = [
    (frames, Size(height=height, width=width))
    for height, width in ((480, 832), (416, 240))
    for frames in (49, 33, 17)
]


def counted(call: Any) -> float:
    """TFLOP of what is called."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return counter.get_total_flops() / 1e12


def forward_tflop(transformer: Mapping[str, Any], vae: Mapping[str, Any], frames: int, size: Size) -> float:
    """TFLOP of one forward of a transformer for one clip with its reference, from the configurations of both models."""
    with torch.device("meta"):
        network = WanVACETransformer3DModel.from_config(transformer)
        config, strides = network.config, AutoencoderKLWan.from_config(vae).config
        inner = (
            2 + (frames - 1) // strides.scale_factor_temporal,
            size.height // strides.scale_factor_spatial,
            size.width // strides.scale_factor_spatial,
        )
        noisy = torch.empty(1, config.in_channels, *inner)
        control = torch.empty(1, config.vace_in_channels, *inner)
        words, time = torch.empty(1, WORDS, config.text_dim), torch.empty(1)
    return counted(lambda: network(noisy, time, words, control_hidden_states=control, return_dict=False))


def clip_tflop(
    vae: Mapping[str, Any], frames: int, size: Size, nothing_kept: bool = False, tiny: bool = False
) -> float:
    """TFLOP of a VAE for one clip: what is kept and what is not are encoded, and the reference; one is decoded.

    Where `nothing_kept` is, that is known already (operators/generation/blank.py); `tiny`, TAEHV decodes.
    """
    with torch.device("meta"):
        network = AutoencoderKLWan.from_config(vae)
        video, reference = (torch.empty(1, 3, length, size.height, size.width) for length in (frames, 1))
        latents = torch.empty(
            1,
            network.config.z_dim,
            1 + (frames - 1) // network.config.scale_factor_temporal,
            size.height // network.config.scale_factor_spatial,
            size.width // network.config.scale_factor_spatial,
        )
        decode = TinyDecoder(network.config.z_dim) if tiny else network.decode
    videos = 1 if nothing_kept else 2
    encoded = videos * counted(lambda: network.encode(video)) + counted(lambda: network.encode(reference))
    return encoded + counted(lambda: decode(latents))


def spared() -> None:
    """Print what is left of a few-step clip where its VAE has less to do."""
    frames, size = SIZES[0]
    forward = forward_tflop(TRANSFORMER, VAE, frames, size)
    print(
        f"\n| {frames}, {size.height}x{size.width}, not guided | steps | of the VAE | s a clip | frames a GPU-second |"
    )
    print("|---" * 5 + "|")
    for name, kept, tiny, steps in SPARED:
        codec = clip_tflop(VAE, frames, size, not kept, tiny)
        seconds = (codec / PEAK_VAE + steps * forward / PEAK) / SHARE
        print(f"| {name} | {steps} | {codec:.0f} | {seconds:.2f} | {frames / seconds:.1f} |")


def computed() -> None:
    """Print the tables: of clips, of what a few-step clip's VAE may be spared, of the extractors."""
    print(f"| frames, height x width | TFLOP a forward | of the VAE | {STEPS} steps, guided: s a clip | frames a "
          f"GPU-second | {FEW} steps, not guided: s a clip | frames a GPU-second | VAE's share of that |")  # fmt: skip
    print("|---" * 8 + "|")
    for frames, size in SIZES:
        forward, codec = forward_tflop(TRANSFORMER, VAE, frames, size), clip_tflop(VAE, frames, size)
        coding = codec / PEAK_VAE / SHARE
        plain, fast = (coding + forwards * forward / PEAK / SHARE for forwards in (2 * STEPS, FEW))
        cells = [f"{frames}, {size.height}x{size.width}", f"{forward:.1f}", f"{codec:.0f}", f"{plain:.1f}"]
        cells += [f"{frames / plain:.2f}", f"{fast:.2f}", f"{frames / fast:.1f}", f"{coding / fast:.0%}"]
        print(f"| {' | '.join(cells)} |")
    spared()
    print(f"\n| extractor | {' | '.join(f'TFLOP a frame, {name}' for name in cues_speed.SIZES)} |")
    print("|---" * (1 + len(cues_speed.SIZES)) + "|")
    for name, make in cues_speed.MODELS.items():
        if make in (cues_speed.embedded, cues_speed.final_look):  # onnxruntime's, which nothing counts
            continue
        with tempfile.TemporaryDirectory() as folder:
            model, work = make(Path(folder), "cpu", "float32"), []
            for height, width in cues_speed.SIZES.values():
                frame = np.random.default_rng(0).integers(0, 255, (1, height, width, 3), np.uint8)
                work.append(f"{counted(lambda model=model, frame=frame: model(frame)):.3g}")
        print(f"| {name} | {' | '.join(work)} |", flush=True)
