"""The captioner: Qwen3-VL is asked for scene, actions and camera; its answer is cleaned and made long enough."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import operators.models.build
from benchmarks.standins.random_qwen import save_random_qwen
from operators.conditioning.prompt import caption_from_cues
from operators.models.build import scene_model
from operators.models.scene.qwen_vl import SceneDescriber
from schemas.config import load
from schemas.profile import Profile
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import break_weights

PROFILE = "cluster/profiles/embedded.yaml"
LOOK = "dark brown skin, short grey hair, long-sleeved green top, grey trousers, blue shoes"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_qwen(tmp_path_factory.mktemp("qwen"))


def test_the_same_frames_give_the_same_words(weights: Path) -> None:
    describe = SceneDescriber(weights, words=4)
    first = describe(noise(9, 64, 96), 10.0)
    assert first and describe(noise(9, 64, 96), 10.0) == first


def test_eight_frames_and_their_times_are_shown_and_looks_are_not_asked_for(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe, seen = SceneDescriber(weights, words=1), {}

    def generate(**inputs: Any) -> torch.Tensor:
        seen.update(inputs)
        return torch.cat([inputs["input_ids"], inputs["input_ids"][:, -20:]], dim=1)

    monkeypatch.setattr(describe.model, "generate", generate)
    describe(noise(29, 64, 96), 10.0)
    question = describe.processor.tokenizer.decode(seen["input_ids"][0])
    assert seen["video_grid_thw"][0, 0] == 4  # two frames are seen as one
    assert seen["pixel_values_videos"].std() > 0.1
    assert [f"<{seconds} seconds>" in question for seconds in ("0.2", "1.0", "1.8", "2.6")] == [True] * 4
    assert "Never say what a person looks like" in question and seen["do_sample"] is False


def test_one_frame_is_a_video_too(weights: Path) -> None:
    assert SceneDescriber(weights, words=2)(noise(1, 64, 96), 10.0)


def test_a_captioner_that_says_nothing_or_nan_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = SceneDescriber(save_random_qwen(tmp_path), words=1)
    monkeypatch.setattr(describe.model, "generate", lambda **inputs: inputs["input_ids"])
    with pytest.raises(ValueError, match="says nothing"):
        describe(noise(2, 64, 96), 10.0)
    broken = SceneDescriber(break_weights(tmp_path, "embed_tokens.weight"), words=1)
    with pytest.raises(ValueError, match="not finite"):
        broken(noise(2, 64, 96), 10.0)


@pytest.mark.parametrize("said", ["", "A street.", "She wears red.", "The road is wet and wide. " * 60])
@pytest.mark.parametrize("people", [0, 1, 3, 40])
def test_the_prompt_is_dense_whatever_is_said_and_names_the_sampled_looks(
    monkeypatch: pytest.MonkeyPatch, said: str, people: int
) -> None:
    monkeypatch.setattr(operators.models.build, "SceneDescriber", lambda *_: lambda _frames, _fps: said)
    profile = load(Profile, PROFILE, ["caption={model: qwen_vl, weights: a}"])
    scene = scene_model(profile.caption, "cpu")(np.zeros((1, 8, 8, 3), np.uint8), 10.0)
    prompt = caption_from_cues([LOOK] * people, scene)
    assert 120 <= len(prompt.split()) <= 160
    assert (f"People: {LOOK}" if people else "no people") in prompt
    assert ("road" in prompt, "street" in prompt, "wears" in prompt) == (
        "road" in said,
        "street" in said,
        False,
    )


def test_without_a_captioner_the_prompt_is_the_template() -> None:
    scene = scene_model(load(Profile, PROFILE).caption, "cpu")(np.zeros((1, 8, 8, 3), np.uint8), 10.0)
    assert scene is None
    assert caption_from_cues([LOOK, LOOK], scene) == f"{LOOK}; {LOOK}"
