"""Generators of two transformers: a base under other VACE blocks, and a network for each end of the noise."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel, WanVACEPipeline, WanVACETransformer3DModel
from PIL import Image
from safetensors.torch import load_file, save_file

from operators.generation.generator import WanVaceGenerator
from schemas.errors import UserError
from schemas.generation import Request
from tests.operators.generation.test_switches import asked, distilled, generator, torn
from tests.tiny import TRANSFORMER, save_wan

STEPS, BOUNDARY = 6, 0.875


def seeded(model: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.15)
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wan(tmp_path_factory.mktemp("wan"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with two transformers, as Wan2.2-VACE-Fun-A14B is saved by diffusers."""
    folder = save_wan(tmp_path_factory.mktemp("two"))
    pipeline = WanVACEPipeline.from_pretrained(folder, local_files_only=True)
    second = seeded(WanVACETransformer3DModel(**TRANSFORMER), 7)
    whole = WanVACEPipeline(**pipeline.components | {"transformer_2": second}, boundary_ratio=BOUNDARY)
    whole.save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    assert index["boundary_ratio"] == BOUNDARY and (folder / "transformer_2").is_dir()
    return folder


def base(folder: Path, **changes: Any) -> Path:
    """A transformer without VACE, saved as few-step ones are published."""
    plain = {name: value for name, value in TRANSFORMER.items() if not name.startswith("vace")}
    seeded(WanTransformer3DModel(**plain | changes), 9).save_pretrained(folder)
    return folder


def frames_of(made: WanVaceGenerator, request: Request | None = None) -> np.ndarray:
    (frames,) = made.together([request or asked()])
    assert isinstance(frames, np.ndarray), frames
    return frames


@pytest.mark.parametrize("second", [3.0, 1.5])
def test_two_transformers_make_what_the_pipeline_makes_of_them(two: Path, second: float) -> None:
    request, made = asked(), generator(two, guidance_2=second if second != 3.0 else 0)
    pipeline, times = WanVACEPipeline.from_pretrained(two, dtype=torch.float32, local_files_only=True), []
    pipeline.scheduler = made.pipeline.scheduler.from_config(made.pipeline.scheduler.config)
    for name in ("transformer", "transformer_2"):
        getattr(made.pipeline, name).register_forward_pre_hook(
            lambda _, _arguments, options, name=name: times.append((name, float(options["timestep"][0]))),
            with_kwargs=True,
        )
    frames = frames_of(made)
    words = made.prompts(request.prompt)[None]
    expected = pipeline(
        prompt_embeds=words,
        negative_prompt_embeds=made.nothing,
        video=[Image.fromarray(frame) for frame in request.conditioning],
        mask=[Image.fromarray(frame.astype(np.uint8) * 255) for frame in request.generate],
        reference_images=[Image.fromarray(request.conditioning[0])],
        height=32,
        width=48,
        num_frames=9,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        guidance_scale_2=second,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="np",
    ).frames[0]
    assert np.abs(frames - np.round(expected * 255)).max() <= 1
    assert {name for name, _ in times} == {"transformer", "transformer_2"} and len(times) == STEPS
    assert all((time >= 1000 * BOUNDARY) == (name == "transformer") for name, time in times)


def test_no_transformer_is_given_the_others_answer_again(two: Path) -> None:
    made, times = generator(two, step_cache=STEPS), []
    made.pipeline.transformer_2.register_forward_pre_hook(lambda *_: times.append(1))
    frames_of(made)
    assert len(times) == 2  # where it takes over, and at the last step


def test_a_few_step_lora_goes_into_the_second_transformer(two: Path, tmp_path: Path) -> None:
    save_file(distilled(), tmp_path / "few.safetensors")
    plain, made = generator(two), generator(two, distilled_2=str(tmp_path / "few.safetensors"))
    first, second = (
        {name: value for name, value in getattr(made.pipeline, part).state_dict().items()
         if not torch.equal(value, getattr(plain.pipeline, part).state_dict()[name])}
        for part in ("transformer", "transformer_2")
    )  # fmt: skip
    assert not first and len(second) == 12


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"adapter": "a.safetensors"}, "has two transformers"),
        ({"base": "a"}, "has two transformers"),
        ({"block_cache": 0.1}, "has two transformers"),
    ],
)
def test_what_would_change_one_of_two_transformers_is_refused(two: Path, changes: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        generator(two, **changes)


def test_a_second_transformer_that_is_not_there_or_not_whole_is_named(weights: Path, tmp_path: Path) -> None:
    for changes in ({"guidance_2": 2.0}, {"distilled_2": "a.safetensors"}):
        with pytest.raises(UserError, match="has no second transformer"):
            generator(weights, **changes)
    folder = save_wan(tmp_path / "half")
    seeded(WanVACETransformer3DModel(**TRANSFORMER), 7).save_pretrained(folder / "transformer_2")
    with pytest.raises(UserError, match="boundary_ratio"):
        generator(folder)
    with pytest.raises(UserError, match=r"transformer_2: lacks \d+ weights"):
        generator(torn(folder, "transformer_2", "vace_blocks.1.attn1.to_q.weight"))


def test_a_base_takes_the_place_of_all_but_the_vace_blocks(weights: Path, tmp_path: Path) -> None:
    folder = base(tmp_path / "base")
    plain, made = generator(weights), generator(weights, base=str(folder))
    before, after = (one.pipeline.transformer.state_dict() for one in (plain, made))
    (file,) = folder.glob("*.safetensors")
    new = load_file(file)
    for name, value in after.items():
        assert torch.equal(value, before[name] if name.startswith("vace") else new[name]), name
    assert (frames_of(plain) != frames_of(made)).any()
    in_pipeline = base(tmp_path / "pipeline/transformer").parent
    np.testing.assert_array_equal(frames_of(made), frames_of(generator(weights, base=str(in_pipeline))))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_attention_heads": 1, "attention_head_dim": 32},  # as wide, and not the same
        {"num_attention_heads": 4},
        {"num_layers": 4},
        {"text_dim": 16},
        {"eps": 1e-3},
    ],
    ids=str,
)
def test_a_base_of_another_shape_is_refused(weights: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="is of another shape"):
        generator(weights, base=str(base(tmp_path / "base", **changes)))


def test_a_base_that_holds_more_or_less_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no transformer"):
        generator(weights, base=str(tmp_path / "nothing"))
    folder = base(tmp_path / "base")
    (file,) = folder.glob("*.safetensors")
    whole = load_file(file)
    gates = whole | {"blocks.0.to_gate_compress.weight": torch.zeros(32, 32)}
    less = {name: value for name, value in whole.items() if name != "proj_out.bias"}
    for stored, named in ((gates, "to_gate_compress"), (less, "proj_out.bias")):
        save_file(stored, file, metadata={"format": "pt"})
        with pytest.raises(UserError, match=rf"1 weights, \S*{named}"):
            generator(weights, base=str(folder))


@pytest.mark.parametrize("scheduler", ["euler", "lcm"])
def test_a_few_step_scheduler_makes_the_same_of_the_same_seed_alone_or_beside_others(
    weights: Path, scheduler: str
) -> None:
    made = generator(weights, scheduler=scheduler, guidance=1.0, batch=2, steps=4)
    one, other = asked(), Request(asked().conditioning, asked().generate, "red top", 4)
    alone, together = frames_of(made), made.together([one, other])
    for frames in together:
        assert isinstance(frames, np.ndarray)
    assert np.abs(alone.astype(int) - together[0]).max() <= 1
    assert (together[0] != together[1]).any()
    assert (alone != frames_of(generator(weights, guidance=1.0, steps=4))).any()


@pytest.mark.parametrize("scheduler", ["euler", "lcm"])
def test_a_scheduler_of_velocities_takes_them_from_a_network_that_says_the_picture(scheduler: str) -> None:
    """Of which one step is what it says, by whatever scheduler; UniPC's begins at a noise level of 0.999."""
    embedded, once = Path("cluster/weights/embedded/generator"), {"steps": 1, "guidance": 1.0}
    made = frames_of(generator(embedded, scheduler=scheduler, **once))
    assert np.abs(made.astype(int) - frames_of(generator(embedded, **once))).mean() < 1


def test_a_scheduler_of_velocities_is_refused_by_a_network_that_says_the_noise(
    weights: Path, tmp_path: Path
) -> None:
    shutil.copytree(weights, tmp_path / "wan")
    config = tmp_path / "wan/scheduler/scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": "epsilon"}))
    with pytest.raises(UserError, match="predicts epsilon"):
        generator(tmp_path / "wan", scheduler="lcm")


def test_weights_in_eight_bits_are_computed_with_in_full(weights: Path) -> None:
    made, plain = generator(weights, fp8_weights=True, dtype="bfloat16"), generator(weights)
    block = made.pipeline.transformer.vace_blocks[0]
    assert block.attn1.to_q.weight.dtype == torch.float8_e4m3fn
    assert made.pipeline.transformer.dtype == torch.bfloat16
    difference = np.abs(frames_of(made).astype(int) - frames_of(plain)).mean()
    assert 0 < difference < 5  # another seed differs by 5


def test_pictures_decoded_in_bfloat16_stay_near(weights: Path) -> None:
    plain, made = (frames_of(generator(weights, vae_decode=name)) for name in ("float32", "bfloat16"))
    assert 0 < np.abs(plain.astype(int) - made).mean() < 1
