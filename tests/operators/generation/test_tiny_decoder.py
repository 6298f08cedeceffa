"""TAEHV's decoder in the VAE's place: the published form, and no other, loads; frame by frame gives the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import conv2d, interpolate

from operators.generation.generator import WanVaceGenerator
from operators.generation.tiny_decoder import load_tiny_decoder
from schemas.errors import UserError
from schemas.generation import Request
from tests.tiny import save_wan, settings_of

CHANNELS = 4  # the tiny pipeline's latents
# Numbers of a stage's layers in the published file: the first of three memory blocks, what makes frames of one, what
# changes the channels; channels before and after, and how many frames (github.com/madebyollin/taehv, taehv.py).
STAGES = ((3, 7, 8, 256, 128, 1), (9, 13, 14, 128, 64, 2), (15, 19, 20, 64, 64, 2))


def published(channels: int = CHANNELS, more_frames: bool = False) -> dict[str, torch.Tensor]:
    """Random weights in the published file's form, an encoder's among them; `more_frames` as those have that were
    trained to make two of one in the first stage, too."""
    numbers = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=numbers) / (shape[1] * shape[2] * shape[3]) ** 0.5

    held = {"decoder.1.weight": random(256, channels, 3, 3), "decoder.1.bias": torch.zeros(256)}
    for first, grow, change, before, after, times in STAGES:
        for block in range(first, first + 3):
            for number, inside in ((0, 2 * before), (2, before), (4, before)):
                held[f"decoder.{block}.conv.{number}.weight"] = random(before, inside, 3, 3)
                held[f"decoder.{block}.conv.{number}.bias"] = 0.1 * torch.ones(before)
        held[f"decoder.{grow}.conv.weight"] = random((2 if more_frames else times) * before, before, 1, 1)
        held[f"decoder.{change}.weight"] = random(after, before, 3, 3)
    held |= {"decoder.22.weight": random(3, 64, 3, 3), "decoder.22.bias": 0.5 * torch.ones(3)}
    return held | {"encoder.0.weight": random(64, 3, 3, 3)}


def saved(folder: Path, held: dict[str, torch.Tensor]) -> Path:
    save_file(
        {name: values.half().contiguous() for name, values in held.items()}, folder / "taew2_1.safetensors"
    )
    return folder / "taew2_1.safetensors"


def one_by_one(held: dict[str, torch.Tensor], latents: torch.Tensor) -> torch.Tensor:
    """[T,3,8h,8w] of latents [C,t,h,w], a latent after the other, each block with what it saw before."""
    held = {name: values.half().float() for name, values in held.items()}
    memory: dict[int, torch.Tensor] = {}

    def passed(block: int, maps: torch.Tensor) -> torch.Tensor:
        made = torch.cat([maps, memory.get(block, torch.zeros_like(maps))], dim=1)
        memory[block] = maps
        for number in (0, 2, 4):
            part = f"decoder.{block}.conv.{number}"
            made = conv2d(made, held[f"{part}.weight"], held[f"{part}.bias"], padding=1)
            made = made.relu() if number < 4 else made
        return (made + maps).relu()

    def frames(stage: int, maps: torch.Tensor) -> list[torch.Tensor]:
        if stage == len(STAGES):
            return [conv2d(maps.relu(), held["decoder.22.weight"], held["decoder.22.bias"], padding=1)]
        first, grow, change, before, _, times = STAGES[stage]
        for block in range(first, first + 3):
            maps = passed(block, maps)
        grown = conv2d(interpolate(maps, scale_factor=2), held[f"decoder.{grow}.conv.weight"])
        out = []
        for later in grown.split(before, dim=1)[-times:]:
            out += frames(stage + 1, conv2d(later, held[f"decoder.{change}.weight"], padding=1))
        return out

    made = []
    for latent in latents.unbind(1):
        start = conv2d(
            torch.tanh(latent[None] / 3) * 3, held["decoder.1.weight"], held["decoder.1.bias"], padding=1
        )
        made += frames(0, start.relu())
    return torch.cat(made[3:]).clamp(0, 1)


@pytest.mark.parametrize("more_frames", [False, True])
def test_all_frames_at_once_are_those_of_one_after_the_other(tmp_path: Path, more_frames: bool) -> None:
    held = published(more_frames=more_frames)
    decoder = load_tiny_decoder(saved(tmp_path, held), CHANNELS)
    latents = torch.randn(1, CHANNELS, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    made = decoder(latents)
    assert made.shape == (1, 3, 13, 24, 40)
    assert made.std() > 0.05
    torch.testing.assert_close(made[0].transpose(0, 1), one_by_one(held, latents[0]), atol=1e-5, rtol=1e-4)
    both = decoder(torch.cat([latents, latents.flip(2)]))  # of two videos none sees the other
    torch.testing.assert_close(both[:1], made, atol=1e-5, rtol=1e-4)


BROKEN = {
    "missing": (lambda held: held.pop("decoder.9.conv.2.bias"), "decoder.9.conv.2.bias"),
    "more": (lambda held: held.update({"decoder.23.weight": torch.zeros(1)}), "decoder.23.weight"),
    "other latents": (lambda held: held.update(published(16)), "decoder.1.weight"),
    "of another shape": (
        lambda held: held.update({"decoder.20.weight": torch.zeros(48, 64, 3, 3)}),
        "decoder.20.weight",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_another_file_is_refused_by_the_first_weight_that_differs(tmp_path: Path, case: str) -> None:
    change, named = BROKEN[case]
    change(held := published())
    with pytest.raises(UserError, match=named):
        load_tiny_decoder(saved(tmp_path, held), CHANNELS)


def test_no_file_and_no_safetensors_are_refused(tmp_path: Path) -> None:
    for name in ("taew2_1.pth", "cut.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04")
    refused = {
        "none.safetensors": "not found",
        "taew2_1.pth": "may run code",
        "cut.safetensors": "cannot be read",
    }
    for name, problem in refused.items():
        with pytest.raises(UserError, match=problem):
            load_tiny_decoder(tmp_path / name, CHANNELS)


def test_a_profile_with_it_decodes_by_it_and_encodes_as_before(tmp_path: Path) -> None:
    weights, file = save_wan(tmp_path / "wan"), saved(tmp_path, published())
    asked = Request(
        np.random.default_rng(5).integers(0, 255, (9, 32, 48, 3), np.uint8),
        np.ones((9, 32, 48), bool),
        "red top",
        3,
    )
    settings = {"steps": 2, "guidance": 1.0, "flow_shift": 5.0, "window": 9, "overlap": 5}
    with_it = WanVaceGenerator(settings_of(weights, **settings, decoder=str(file)))
    (made,) = with_it.together([asked])
    (plain,) = WanVaceGenerator(settings_of(weights, **settings)).together([asked])
    assert isinstance(made, np.ndarray) and isinstance(plain, np.ndarray)
    assert made.shape == plain.shape and np.abs(made.astype(int) - plain).mean() > 5
    vae = (
        with_it.pipeline.vae
    )  # what it decodes from the VAE's scale is what the decoder makes of the latents
    latents = torch.randn(1, CHANNELS, 2, 4, 6, generator=torch.Generator().manual_seed(1))
    scaled = latents * 0.5 + 0.1
    (shown,) = vae.decode(scaled, return_dict=False)
    torch.testing.assert_close(
        (shown + 1) / 2, load_tiny_decoder(file, CHANNELS)(latents), atol=1e-4, rtol=1e-4
    )
