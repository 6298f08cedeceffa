"""Switches of a transformer: precision of its weights, attention, what of a step is used again, compiled blocks."""

import os
from typing import Any

import torch
from diffusers import WanVACETransformer3DModel
from torch import nn

from schemas.errors import UserError
from schemas.profile import WanVace

_WARM_UP = 3  # steps that are computed before any is used again


def switch(network: WanVACETransformer3DModel, settings: WanVace) -> None:
    """As the profile says. Raises UserError for what is not installed."""
    if settings.fp8_weights:
        network.enable_layerwise_casting(torch.float8_e4m3fn, getattr(torch, settings.dtype))
    if settings.quantize:
        _quantize(network, settings.quantize)
    if settings.attention:
        try:
            network.set_attention_backend(settings.attention)
        except (ImportError, RuntimeError, ValueError) as error:
            message = str(error).splitlines()[0]
            remedy = "Name another backend, or install this one (generator.attention)"
            raise UserError(settings.attention, f"is no attention backend here: {message}", remedy) from error
    if settings.block_cache:
        _cache(network, settings)
    if settings.compile:
        network.compile_repeated_blocks(fullgraph=True)


def begin(network: WanVACETransformer3DModel, settings: WanVace) -> None:
    """Before the first step of every batch of windows: what is kept of another is forgotten."""
    if settings.block_cache:
        _cache_dit().refresh_context(network, num_inference_steps=settings.steps)


def _quantize(network: WanVACETransformer3DModel, kind: str) -> None:
    """The weights of all linear layers of the blocks, by TorchAO; adapters, norms and embeddings stay as they are."""
    try:
        from torchao import quantization
    except ImportError as error:
        raise _missing("generator.quantize", "torchao", error) from error
    configs = {"int8": quantization.Int8WeightOnlyConfig, "float8": quantization.Float8WeightOnlyConfig}

    def chosen(module: nn.Module, name: str) -> bool:
        return isinstance(module, nn.Linear) and "blocks." in name and ".lora_" not in name

    quantization.quantize_(network, configs[kind](), chosen)


def _cache(network: WanVACETransformer3DModel, settings: WanVace) -> None:
    """After every step the first block tells whether what the others add may be used again (cache-dit's DBCache).

    Blocks at the end (`Bn_compute_blocks`) must not be computed in such a step: they would take the hints of those that
    were skipped. The threshold is compared with the mean over the batch, which therefore is of one window.
    """
    library = _cache_dit()
    config = library.DBCacheConfig(
        Fn_compute_blocks=1,
        Bn_compute_blocks=0,
        residual_diff_threshold=settings.block_cache,
        max_warmup_steps=_WARM_UP,
        max_continuous_cached_steps=1,
        num_inference_steps=settings.steps,
        enable_separate_cfg=False,  # words and no words are one batch
    )
    library.enable_cache(network, cache_config=config)


def _cache_dit() -> Any:
    os.environ.setdefault("CACHE_DIT_LOG_LEVEL", "warning")
    try:
        import cache_dit
    except ImportError as error:
        raise _missing("generator.block_cache", "cache-dit", error) from error
    return cache_dit


def _missing(field: str, package: str, error: ImportError) -> UserError:
    remedy = f"Install {package} as requirements-gpu.txt pins it, or leave the switch out"
    return UserError(field, f"needs {package}, which cannot be imported here ({error})", remedy)
