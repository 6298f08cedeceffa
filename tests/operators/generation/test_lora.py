"""Adapters under both names change the transformer in the same way, and none is ever loaded in part or in silence.

DiffSynth-Studio computes W x + B A x for each layer; that is written out here as the reference.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import WanVACEPipeline
from safetensors.torch import save_file

from operators.generation.lora import from_diffsynth, load_adapter, to_diffsynth
from schemas.errors import UserError
from tests.tiny import save_generator

DIFFSYNTH = ["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "cross_attn.q", "cross_attn.k"]
DIFFSYNTH += ["cross_attn.v", "cross_attn.o", "ffn.0", "ffn.2"]
RANK, WIDTH = 2, 16
Names = Callable[[str], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_generator(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def pipeline(folder: Path) -> WanVACEPipeline:
    return WanVACEPipeline.from_pretrained(folder, tokenizer=None, text_encoder=None, dtype=torch.float32)


def diffsynth_adapter(suffix: str = ".default") -> dict[str, torch.Tensor]:
    """A random adapter as DiffSynth's trainer names one, for the tiny transformer's only VACE block."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for layer in DIFFSYNTH:
        for matrix, shape in (("A", (RANK, WIDTH)), ("B", (WIDTH, RANK))):
            name = f"vace_blocks.0.{layer}.lora_{matrix}{suffix}.weight"
            weights[name] = torch.randn(shape, generator=generator) / 4
    return weights


def run(pipeline: WanVACEPipeline) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x, z = (torch.randn(1, n, 3, 4, 4, generator=generator) for n in (4, 72))
    text = torch.randn(1, 5, 64, generator=generator)
    with torch.no_grad():
        return pipeline.transformer(x, torch.tensor([700.0]), text, control_hidden_states=z).sample


@pytest.mark.parametrize("suffix", [".default", ""])
def test_diffsynths_adapter_adds_b_a_to_each_weight(
    pipeline: WanVACEPipeline, folder: Path, tmp_path: Path, suffix: str
) -> None:
    weights = diffsynth_adapter(suffix)
    save_file(weights, tmp_path / "adapter.safetensors")
    plain = run(pipeline)
    by_hand = WanVACEPipeline.from_pretrained(folder, tokenizer=None, text_encoder=None, dtype=torch.float32)
    block = by_hand.transformer.vace_blocks[0]
    layers = {
        "self_attn.q": block.attn1.to_q, "self_attn.k": block.attn1.to_k, "self_attn.v": block.attn1.to_v,
        "self_attn.o": block.attn1.to_out[0], "cross_attn.q": block.attn2.to_q, "cross_attn.k": block.attn2.to_k,
        "cross_attn.v": block.attn2.to_v, "cross_attn.o": block.attn2.to_out[0],
        "ffn.0": block.ffn.net[0].proj, "ffn.2": block.ffn.net[2],
    }  # fmt: skip
    for name, layer in layers.items():
        a, b = (weights[f"vace_blocks.0.{name}.lora_{matrix}{suffix}.weight"] for matrix in "AB")
        layer.weight.data += b @ a
    assert load_adapter(pipeline, tmp_path / "adapter.safetensors") == len(DIFFSYNTH)
    made = run(pipeline)
    torch.testing.assert_close(made, run(by_hand), atol=1e-5, rtol=1e-5)
    assert (made - plain).abs().max() > 1e-3


def test_both_names_are_the_same_adapter(pipeline: WanVACEPipeline, folder: Path, tmp_path: Path) -> None:
    weights = diffsynth_adapter()
    translated = from_diffsynth(weights)
    back = to_diffsynth(translated)
    assert back.keys() == weights.keys()
    assert all((back[name] == weights[name]).all() for name in weights)
    save_file(translated, tmp_path / "diffusers.safetensors")
    save_file(weights, tmp_path / "diffsynth.safetensors")
    load_adapter(pipeline, tmp_path / "diffusers.safetensors")
    other = WanVACEPipeline.from_pretrained(folder, tokenizer=None, text_encoder=None, dtype=torch.float32)
    load_adapter(other, tmp_path / "diffsynth.safetensors")
    torch.testing.assert_close(run(pipeline), run(other))


WRITTEN = {
    "DiffSynth's": lambda key: key,
    "DiffSynth's whole pipeline": lambda key: f"pipe.vace.{key}",
    "peft's": lambda key: f"base_model.model.{key.replace('.default', '')}",
    "kohya's": lambda key: key.replace("lora_A.default", "lora_down").replace("lora_B.default", "lora_up"),
    "ComfyUI's": lambda key: f"diffusion_model.{key}",
}


@pytest.mark.parametrize("alpha", [None, 1.0, 8.0])
@pytest.mark.parametrize("names", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize("model", ["own", "diffusers"])
def test_whatever_a_trainer_calls_the_layers_they_are_the_same_adapter(
    pipeline: WanVACEPipeline, folder: Path, tmp_path: Path, model: str, names: Names, alpha: float | None
) -> None:
    weights = diffsynth_adapter()
    scale = 1 if alpha is None else alpha / RANK
    by_hand = {key: value * scale if "lora_B" in key else value for key, value in weights.items()}
    save_file(by_hand, tmp_path / "plain.safetensors")
    if model == "diffusers":
        weights = {k.removeprefix("transformer."): v for k, v in from_diffsynth(weights).items()}
    written = {names(key): value for key, value in weights.items()}
    if alpha is not None:
        layers = {names(key).rsplit(".lora_", 1)[0] for key in weights}
        written |= {f"{layer}.alpha": torch.tensor(alpha) for layer in layers}
    save_file(written, tmp_path / "written.safetensors")
    other = WanVACEPipeline.from_pretrained(folder, tokenizer=None, text_encoder=None, dtype=torch.float32)
    assert load_adapter(pipeline, tmp_path / "written.safetensors") == len(DIFFSYNTH)
    load_adapter(other, tmp_path / "plain.safetensors")
    torch.testing.assert_close(run(pipeline), run(other))


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: {"blocks.0.self_attn.q.lora_A.weight": torch.zeros(2, 16)},
        lambda weights: {
            name.replace("vace_blocks.0", "vace_blocks.7"): value for name, value in weights.items()
        },
        lambda weights: {name: torch.zeros(3, 5) for name in weights},
        lambda weights: {},
        lambda weights: weights | {"vace_blocks.0.norm3.alpha": torch.tensor(1.0)},
    ],
    ids=["a main block's", "of another depth", "of another width", "empty", "an alpha of nothing"],
)
def test_what_does_not_fit_is_refused(pipeline: WanVACEPipeline, tmp_path: Path, change: object) -> None:
    save_file(change(diffsynth_adapter()), tmp_path / "adapter.safetensors")  # type: ignore[operator]
    with pytest.raises(UserError, match=r"adapter\.safetensors"):
        load_adapter(pipeline, tmp_path / "adapter.safetensors")


def test_a_missing_file_is_named(pipeline: WanVACEPipeline, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_adapter(pipeline, tmp_path / "none.safetensors")
