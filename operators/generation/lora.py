"""LoRA adapters of the VACE blocks: which layers, and their names in DiffSynth-Studio's files and in diffusers.

DiffSynth's files (ReGenHuman's released adapters are such) hold a pair of matrices per layer and no scale: W + B A.
diffusers reads a file without alphas the same way; other trainers write one, by whatever name they have for the model.
Given names that it does not know, its loader silently loads nothing: `plain` translates, then what is active is
counted.
"""

import re
from pathlib import Path
from typing import Literal

import torch
from diffusers import WanVACEPipeline
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file

from operators.weights import vouched
from schemas.errors import UserError

Part = Literal["transformer", "transformer_2"]
# q, k, v, o of self- and cross-attention, ffn.0 and ffn.2, of the VACE blocks only (ReGenHuman, "Implementation").
TARGETS = r"vace_blocks\.\d+\.(attn[12]\.(to_[qkv]|to_out\.0)|ffn\.net\.(0\.proj|2))"
ALL_BLOCKS = TARGETS.replace("vace_blocks", "(vace_)?blocks")  # a few-step model differs in the others, too
_NAMES = {
    "self_attn": "attn1", "cross_attn": "attn2", "q": "to_q", "k": "to_k", "v": "to_v", "o": "to_out.0",
    "ffn.0": "ffn.net.0.proj", "ffn.2": "ffn.net.2",
}  # fmt: skip
_LAYER = r"(self_attn|cross_attn)\.([qkvo])|(ffn\.[02])"
_DIFFSYNTH = re.compile(rf"(vace_blocks\.\d+)\.(?:{_LAYER})\.lora_([AB])\.weight")
_PREFIXES = re.compile(r"(?:(?:base_model\.model|pipe|vace|transformer|diffusion_model)\.)+")
_MATRIX = re.compile(r"\.lora_(?:(A|down)|(B|up))(?:\.default)?\.weight$")
_OWN_NAMES = re.compile(r"\b(?:self_attn|cross_attn|ffn\.[02])\.")  # Wan's own, as its authors' code has them
_DIFFUSERS = re.compile(rf"(?:transformer\.)?({TARGETS})\.lora_([AB])\.weight")


def plain(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same LoRA without what trainers put around it: their names for the model in front, `lora_down` and `lora_up`
    for A and B, and `X.alpha`, of which B takes alpha / rank. Raises ValueError for an alpha without its matrices."""
    named = {
        _MATRIX.sub(lambda m: f".lora_{'A' if m[1] else 'B'}.weight", _PREFIXES.sub("", key, count=1)): value
        for key, value in weights.items()
    }
    alphas = {
        key.removesuffix(".alpha"): float(value) for key, value in named.items() if key.endswith(".alpha")
    }
    scaled = {key: value for key, value in named.items() if not key.endswith(".alpha")}
    for layer, alpha in alphas.items():
        down, up = f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"
        if down not in scaled or up not in scaled:
            raise ValueError(f"{layer}.alpha has no matrices beside it")
        scaled[up] = (scaled[up].float() * (alpha / scaled[down].shape[0])).to(scaled[up].dtype)
    return scaled


def from_diffsynth(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same adapter under diffusers' names. Raises ValueError for a key that is no VACE block's."""
    translated = {}
    for key, value in plain(weights).items():
        found = _DIFFSYNTH.fullmatch(key)
        if not found:
            raise ValueError(f"{key} is not a layer of a VACE block that an adapter may change")
        block, attention, projection, feed_forward, matrix = found.groups()
        layer = _NAMES[feed_forward] if feed_forward else f"{_NAMES[attention]}.{_NAMES[projection]}"
        translated[f"transformer.{block}.{layer}.lora_{matrix}.weight"] = value
    return translated


def to_diffsynth(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same adapter under DiffSynth's names, as its trainer writes them. Raises ValueError likewise."""
    back = {new: old for old, new in _NAMES.items()}
    translated = {}
    for key, value in weights.items():
        found = _DIFFUSERS.fullmatch(key)
        if not found:
            raise ValueError(f"{key} is not a layer of a VACE block that an adapter may change")
        block, layer = found[1].split(".", 2)[1], found[1].split(".", 2)[2]
        if layer in back:
            name = back[layer]
        else:
            attention, projection = layer.split(".", 1)
            name = f"{back[attention]}.{back[projection]}"
        translated[f"vace_blocks.{block}.{name}.lora_{found.groups()[-1]}.default.weight"] = value
    return translated


def load_adapter(pipeline: WanVACEPipeline, path: str | Path) -> int:
    """Load a .safetensors adapter of either naming into the pipeline; returns the number of layers it changes.

    Raises UserError if the file is no such adapter, does not fit the transformer, or leaves a VACE block alone.
    """
    if not Path(path).is_file():
        raise UserError(
            str(path), "does not exist", "Name a .safetensors file in the profile (generator.adapter)"
        )
    file = vouched(path)
    try:
        weights = plain(load_file(file))
        if not all(_DIFFUSERS.fullmatch(key) for key in weights):
            weights = from_diffsynth(weights)
    except ValueError as error:
        raise _unfit(path, error) from error
    active = _load(pipeline, weights, path)
    blocks = {name.split(".")[1] for name in active}
    if len(blocks) != len(pipeline.transformer.vace_blocks):
        problem = f"changes {len(blocks)} of {len(pipeline.transformer.vace_blocks)} VACE blocks"
        raise UserError(str(path), problem, "Train one for this transformer")
    return len(active)


def load_distilled(pipeline: WanVACEPipeline, path: str | Path, part: Part = "transformer") -> int:
    """Add a few-step LoRA to a transformer's weights for good; returns the number of layers it changes.

    It may change any layer, under diffusers' names or under Wan's own (`diffusion_model.blocks.0.self_attn.q`...), as
    CausVid's and LightX2V's files have them. Raises UserError if the file does not fit, or in part only.
    """
    if not Path(path).is_file():
        raise UserError(
            str(path), "does not exist", "Name a .safetensors file in the profile (generator.distilled)"
        )
    file = vouched(path)
    try:
        weights = plain(load_file(file))
        if any(_OWN_NAMES.search(key) for key in weights):
            weights = pipeline.lora_state_dict({f"diffusion_model.{key}": v for key, v in weights.items()})
    except (KeyError, ValueError) as error:
        raise _unfit(path, error) from error
    active = _load(pipeline, weights, path, part)
    pipeline.fuse_lora(components=[part], safe_fusing=True)
    pipeline.unload_lora_weights()
    return len(active)


def _load(
    pipeline: WanVACEPipeline, weights: dict[str, torch.Tensor], path: str | Path, part: Part = "transformer"
) -> set[str]:
    """Load a LoRA under diffusers' names, all of it; returns the layers that it changes."""
    prefixed = {
        key if key.startswith("transformer.") else f"transformer.{key}": v for key, v in weights.items()
    }
    try:
        pipeline.load_lora_weights(prefixed, load_into_transformer_2=part == "transformer_2")
    except (ValueError, RuntimeError) as error:
        raise _unfit(path, error) from error
    expected = {key.rsplit(".lora_", 1)[0].removeprefix("transformer.") for key in prefixed}
    layers = getattr(pipeline, part).named_modules()
    active = {
        name for name, module in layers if isinstance(module, BaseTunerLayer) and module.active_adapters
    }
    if not active or active != expected:
        problem = f"changes {len(active)} layers where {len(expected)} were in the file"
        raise UserError(str(path), problem, "Train one for this transformer")
    return active


def _unfit(path: str | Path, error: Exception) -> UserError:
    message = str(error).splitlines()[0]
    return UserError(str(path), f"is no adapter for this transformer: {message}", "Train one for it")
