"""Each switch of the diffusion actor does what it says, and nothing beyond."""

import copy
import functools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, WanVACEPipeline, WanVACETransformer3DModel
from safetensors.torch import load_file, save_file

from operators.generation.denoise import encode_condition
from operators.generation.generator import WanVaceGenerator
from operators.generation.text_encoder import PromptEncoder
from operators.generation.windows import Windows
from operators.models.runtime.loading import load_model
from schemas.errors import UserError
from schemas.generation import Request
from tests.tiny import VAE, save_wan, settings_of

STEPS = 6


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wan(tmp_path_factory.mktemp("wan"))


def asked(frames: int = 9) -> Request:
    rng = np.random.default_rng(5)
    video = rng.integers(0, 255, (frames, 32, 48, 3), np.uint8)
    return Request(video, np.ones((frames, 32, 48), bool), "red top", 3)


def generator(weights: Path, **changes: Any) -> WanVaceGenerator:
    plain = {"steps": STEPS, "guidance": 3.0, "flow_shift": 5.0, "window": 9, "overlap": 5}
    return WanVaceGenerator(settings_of(weights, **plain | changes))


def run(weights: Path, **changes: Any) -> tuple[np.ndarray, list[int]]:
    """Frames, and the batch of each of the transformer's forwards."""
    made, batches = generator(weights, **changes), list[int]()
    made.pipeline.transformer.register_forward_pre_hook(
        lambda _, args, options: batches.append(len(options["hidden_states"])), with_kwargs=True
    )
    (frames,) = made.together([asked()])
    assert isinstance(frames, np.ndarray)
    return frames, batches


@pytest.fixture(scope="module")
def plain(weights: Path) -> np.ndarray:
    frames, batches = run(weights)
    assert batches == [2] * STEPS
    return frames


def differs(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in levels."""
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize(
    ("switch", "forwards"),
    [
        ({"guidance_until": 1.0}, [2] * STEPS),
        ({"step_cache": 1}, [2] * STEPS),
        ({"vae_tiling": True}, [2] * STEPS),
        ({"attention": "native"}, [2] * STEPS),
        ({"warm_up": True}, [2] * STEPS),
        ({"text_device": "cpu"}, [2] * STEPS),
        ({"whole_known": True}, [2] * STEPS),
        ({"batch": 4}, [2] * STEPS),
    ],
    ids=str,
)
def test_switches_that_change_no_picture(
    weights: Path, plain: np.ndarray, switch: dict[str, Any], forwards: list[int]
) -> None:
    frames, batches = run(weights, **switch)
    assert np.abs(frames.astype(int) - plain).max() <= 1
    assert batches == forwards


@pytest.mark.parametrize(
    ("switch", "forwards", "least", "most"),
    [
        ({"guidance_until": 0.5}, [2, 2, 2, 1, 1, 1], 0, 0.5),
        ({"step_cache": 2}, [2, 2, 2, 2], 0, 1.5),
        ({"dtype": "bfloat16"}, [2] * STEPS, 0, 0.5),
        ({"guidance": 1.0}, [1] * STEPS, 0, 1),
        ({"negative_prompt": "wwww"}, [2] * STEPS, 0, 1),
    ],
    ids=str,
)
def test_switches_that_save_work_and_stay_near(
    weights: Path,
    plain: np.ndarray,
    switch: dict[str, Any],
    forwards: list[int],
    least: float,
    most: float,
) -> None:
    """`plain` has a standard deviation of 18 levels; another seed differs by 5."""
    frames, batches = run(weights, **switch)
    assert batches == forwards
    assert least < differs(frames, plain) < most


def test_guidance_until_nothing_is_none(weights: Path) -> None:
    none, batches = run(weights, guidance_until=0.0)
    np.testing.assert_array_equal(none, run(weights, guidance=1.0)[0])
    assert batches == [1] * STEPS


def test_a_negative_prompt_needs_guidance(weights: Path) -> None:
    one, other = (run(weights, guidance=1.0, negative_prompt=words)[0] for words in ("", "wwww"))
    np.testing.assert_array_equal(one, other)


def test_in_bfloat16_the_vae_and_the_norms_stay_exact(weights: Path) -> None:
    pipeline = generator(weights, dtype="bfloat16").pipeline
    assert pipeline.transformer.dtype == torch.bfloat16 and pipeline.vae.dtype == torch.float32
    block = pipeline.transformer.blocks[0]
    assert block.attn1.to_q.weight.dtype == torch.bfloat16
    assert block.scale_shift_table.dtype == torch.float32


def test_compiled_blocks_compute_the_same(
    weights: Path, plain: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as a whole; its code generator is left out, which takes minutes."""
    compiled = WanVACETransformer3DModel.compile_repeated_blocks
    monkeypatch.setattr(
        WanVACETransformer3DModel,
        "compile_repeated_blocks",
        functools.partialmethod(compiled, backend="aot_eager"),
    )
    frames, _ = run(weights, compile=True)
    assert np.abs(frames.astype(int) - plain).max() <= 1


def test_an_attention_that_is_not_installed_is_named(weights: Path) -> None:
    with pytest.raises(UserError, match="sage: is no attention backend here"):
        generator(weights, attention="sage")


@pytest.mark.parametrize(("kind", "most"), [("int8", 1.0), ("float8", 3.0)])
def test_weights_in_eight_bits_by_torchao(weights: Path, plain: np.ndarray, kind: str, most: float) -> None:
    """Of the blocks' linear layers, and of no adapter."""
    pytest.importorskip("torchao", reason="torchao is in requirements-gpu.txt")
    made = generator(weights, quantize=kind)
    network = made.pipeline.transformer
    eight = {name for name, weight in network.named_parameters() if "torchao" in type(weight).__module__}
    linear = {
        f"{name}.weight" for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear)
    }
    assert eight == {name for name in linear if "blocks." in name} != linear
    (frames,) = made.together([asked()])
    assert isinstance(frames, np.ndarray) and 0 < differs(frames, plain) < most


def test_an_adapter_stays_exact_beside_weights_in_eight_bits(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchao", reason="torchao is in requirements-gpu.txt")
    layers = {f"vace_blocks.{block}.attn1.to_q" for block in range(2)}
    lora = {f"transformer.{layer}.lora_{m}.weight": torch.ones(shape) / 9
            for layer in layers for m, shape in (("A", (2, 32)), ("B", (32, 2)))}  # fmt: skip
    save_file(lora, tmp_path / "own.safetensors")
    network = generator(
        weights, adapter=str(tmp_path / "own.safetensors"), quantize="int8"
    ).pipeline.transformer
    layer = network.vace_blocks[1].attn1.to_q
    assert type(layer.lora_A["default_0"].weight) is torch.nn.Parameter
    assert "torchao" in type(layer.base_layer.weight).__module__


def blocks_run(made: WanVaceGenerator, requests: list[Request]) -> tuple[list[np.ndarray], int]:
    """Frames of each request, and how often the last of the blocks computed."""
    runs = list[int]()
    made.pipeline.transformer.blocks[-1].attn1.register_forward_pre_hook(lambda *_: runs.append(1))
    frames = [made.together([one])[0] for one in requests]
    return [one for one in frames if isinstance(one, np.ndarray)], len(runs)


def test_blocks_are_used_again_where_the_first_says_so(weights: Path, plain: np.ndarray) -> None:
    """Never below any threshold, in every other step after the third above all; a clip knows nothing of another."""
    pytest.importorskip("cache_dit", reason="cache-dit is in requirements-gpu.txt")
    same, runs = blocks_run(generator(weights, block_cache=1e-9), [asked()])
    np.testing.assert_array_equal(same[0], plain)
    assert runs == STEPS
    (first, again, other), runs = blocks_run(
        generator(weights, block_cache=10.0), [asked(), asked(), asked(5)]
    )
    assert runs == 3 * (STEPS - 2) and 0 < differs(first, plain) < 1.5
    np.testing.assert_array_equal(first, again)
    assert len(other) == 5


@pytest.mark.parametrize(
    ("switch", "package"), [({"quantize": "int8"}, "torchao"), ({"block_cache": 0.1}, "cache-dit")], ids=str
)
def test_a_package_that_is_not_here_is_named(
    weights: Path, monkeypatch: pytest.MonkeyPatch, switch: dict[str, Any], package: str
) -> None:
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    with pytest.raises(
        UserError, match=rf"generator\.{next(iter(switch))}: needs {package}, .* requirements-gpu"
    ):
        generator(weights, **switch)


@pytest.mark.parametrize(
    "switches",
    [{"quantize": "int8", "fp8_weights": True}]
    + [
        {"block_cache": 0.1, **beside}
        for beside in ({"batch": 2}, {"step_cache": 2}, {"guidance_until": 0.5})
    ],
    ids=str,
)
def test_switches_that_do_not_go_together_are_refused(weights: Path, switches: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"generator\.(quantize|block_cache)"):
        settings_of(weights, **switches)


@pytest.mark.parametrize(("switched", "latents"), [(False, [1, 2, 3, 4]), (True, [2, 3, 4])])
def test_five_known_frames_are_two_latents_where_all_count(
    weights: Path, switched: bool, latents: list[int]
) -> None:
    made = generator(weights)
    video = Windows(asked(29), 17, 5)
    video.add(video.next().video)
    condition = encode_condition(made.pipeline, video.next(), switched)
    mask = condition[0, 2 * VAE["z_dim"] :]  # type: ignore[operator]
    assert mask.shape[1] == 1 + 5  # the reference first, known as ever
    assert [t - 1 for t in range(6) if mask[:, t].min() == 1] == latents
    other = encode_condition(made.pipeline, video.next(), not switched)
    torch.testing.assert_close(condition[:, : 2 * VAE["z_dim"]], other[:, : 2 * VAE["z_dim"]])  # type: ignore[operator]


def test_another_vae_takes_the_place_of_the_pipelines(
    weights: Path, plain: np.ndarray, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    AutoencoderKLWan(**VAE).save_pretrained(tmp_path / "vae")
    assert differs(run(weights, vae=str(tmp_path / "vae"))[0], plain) > 1
    AutoencoderKLWan(
        **VAE | {"z_dim": 2, "latents_mean": [0.0] * 2, "latents_std": [1.0] * 2}
    ).save_pretrained(tmp_path / "other")
    with pytest.raises(UserError, match="makes other latents"):
        generator(weights, vae=str(tmp_path / "other"))
    with pytest.raises(UserError, match="holds no VAE"):
        generator(weights, vae=str(tmp_path))


def distilled(layers: int = 3, width: int = 32) -> dict[str, torch.Tensor]:
    """A LoRA of the main blocks, under the names of Wan's own few-step ones."""
    numbers = torch.Generator().manual_seed(0)
    return {
        f"diffusion_model.blocks.{block}.self_attn.{layer}.lora_{matrix}.weight": torch.randn(
            shape, generator=numbers
        )
        / 4
        for block in range(layers)
        for layer in "qkvo"
        for matrix, shape in (("down", (2, width)), ("up", (width, 2)))
    }


def test_a_distilled_lora_is_added_to_the_weights(weights: Path, tmp_path: Path) -> None:
    lora = distilled()
    save_file(lora, tmp_path / "few.safetensors")
    plain, made = generator(weights), generator(weights, distilled=str(tmp_path / "few.safetensors"))
    assert not made.pipeline.get_active_adapters()
    before, after = (one.pipeline.transformer.state_dict() for one in (plain, made))
    assert before.keys() == after.keys()
    added = lora["diffusion_model.blocks.1.self_attn.k.lora_up.weight"]
    added = added @ lora["diffusion_model.blocks.1.self_attn.k.lora_down.weight"]
    name = "blocks.1.attn1.to_k.weight"
    torch.testing.assert_close(after[name], before[name] + added)
    alphas = {
        f"{name.rsplit('.lora_', 1)[0]}.alpha": torch.tensor(6.0) for name in lora
    }  # of rank 2: three times
    save_file(lora | alphas, tmp_path / "alpha.safetensors")
    scaled = generator(weights, distilled=str(tmp_path / "alpha.safetensors")).pipeline.transformer
    torch.testing.assert_close(scaled.state_dict()[name], before[name] + 3 * added)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    layers = [f"attn1.to_{layer}" for layer in ("q", "k", "v", "out.0")]
    assert changed == {f"blocks.{block}.{layer}.weight" for block in range(3) for layer in layers}


@pytest.mark.parametrize(
    "lora", [distilled(layers=5), distilled(width=16), {"blocks.0.q": torch.zeros(1)}, {}], ids=range(4)
)
def test_a_distilled_lora_that_does_not_fit_is_refused(
    weights: Path, tmp_path: Path, lora: dict[str, torch.Tensor]
) -> None:
    save_file(lora, tmp_path / "few.safetensors")
    with pytest.raises(UserError, match=r"few\.safetensors"):
        generator(weights, distilled=str(tmp_path / "few.safetensors"))


def test_a_pipeline_in_memory_is_used_as_it_is(weights: Path, plain: np.ndarray) -> None:
    settings = generator(weights).settings
    pipeline = WanVACEPipeline.from_pretrained(weights, dtype=torch.float32, local_files_only=True)
    (frames,) = WanVaceGenerator(settings, pipeline=pipeline).together([asked()])
    assert isinstance(frames, np.ndarray) and np.abs(frames.astype(int) - plain).max() <= 1


def test_prompts_are_embedded_as_the_pipeline_embeds_them(weights: Path) -> None:
    encoder = PromptEncoder.load(weights)
    assert encoder.pipeline is not None
    for prompt in ("", " Red  top,&amp; blue trousers"):
        expected = encoder.pipeline.encode_prompt(
            prompt, do_classifier_free_guidance=False, max_sequence_length=512
        )[0][0].float()
        made = encoder(prompt)
        assert made.shape == expected.shape
        assert torch.equal((made == 0).all(dim=1), (expected == 0).all(dim=1))
        torch.testing.assert_close(made, expected, atol=0.04, rtol=0.02)  # bfloat16 has 8 bits


def torn(weights: Path, part: str, lost: str) -> Path:
    """The folder, with one of its parts' weights lost."""
    (file,) = (weights / part).glob("*.safetensors")
    kept = {name: value for name, value in load_file(file).items() if lost not in name}
    save_file(kept, file, metadata={"format": "pt"})
    return weights


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        ("transformer", "vace_blocks.1.attn1.to_q.weight"),
        ("transformer", "proj_out.bias"),
        ("vae", "decoder.mid_block.attentions.0.proj.bias"),
        ("text_encoder", "DenseReluDense.wi_0"),
        ("text_encoder", "shared.weight"),
    ],
)
def test_what_a_checkpoint_lacks_is_named_and_never_random(tmp_path: Path, part: str, lost: str) -> None:
    with pytest.raises(UserError, match=rf"{part}: lacks \d+ weights of "):
        generator(torn(save_wan(tmp_path / "wan"), part, lost))


def test_words_have_one_embedding_whatever_the_checkpoint_says_of_ties(tmp_path: Path) -> None:
    """umt5-xxl's configuration says tie_word_embeddings: false, and its file holds the matrix once."""
    weights = save_wan(tmp_path / "wan")
    config = json.loads((weights / "text_encoder/config.json").read_text())
    for tied in (True, False):
        (weights / "text_encoder/config.json").write_text(json.dumps(config | {"tie_word_embeddings": tied}))
        encoder = PromptEncoder.load(weights).pipeline.text_encoder  # type: ignore[union-attr]
        stored = load_file(weights / "text_encoder/model.safetensors")["shared.weight"].bfloat16()
        for embedding in (encoder.shared, encoder.encoder.embed_tokens):
            assert torch.equal(embedding.weight, stored)


def test_two_embeddings_of_words_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def untied(*arguments: object) -> object:
        encoder = load_model(*arguments)  # type: ignore[arg-type]
        encoder.encoder.embed_tokens = copy.deepcopy(encoder.shared)
        encoder.encoder.embed_tokens.weight.data.normal_()
        return encoder

    monkeypatch.setattr("operators.generation.text_encoder.load_model", untied)
    with pytest.raises(UserError, match="two embeddings of words"):
        PromptEncoder.load(save_wan(tmp_path / "wan"))


def test_a_transformer_without_its_text_encoder_is_named(weights: Path, tmp_path: Path) -> None:
    made = generator(weights)
    made.pipeline.tokenizer = made.pipeline.text_encoder = None
    made.pipeline.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="embeds prompts 64 wide, the transformer reads 32"):
        generator(tmp_path)
