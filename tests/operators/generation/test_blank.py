"""What nothing is kept of is encoded once, and comes to the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from operators.generation.blank import blank_once
from operators.generation.generator import WanVaceGenerator
from schemas.generation import Request
from tests.tiny import save_wan, settings_of

SETTINGS = {"steps": 2, "guidance": 1.0, "flow_shift": 5.0, "window": 9, "overlap": 5}


def asked(frames: int, kept: float, seed: int) -> Request:
    rng = np.random.default_rng(seed)
    video = rng.integers(0, 255, (frames, 32, 48, 3), np.uint8)
    return Request(video, rng.random((frames, 32, 48)) >= kept, "red top", seed)


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_generated_is_the_same_and_what_is_blank_is_encoded_once(
    tmp_path: Path, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = save_wan(tmp_path / "wan")
    requests = [asked(9, kept, seed) for seed in (1, 2, 3)]
    with monkeypatch.context() as patch:
        patch.setattr("operators.generation.generator.blank_once", lambda encode: encode)
        plain = WanVaceGenerator(settings_of(weights, **SETTINGS)).together(requests)
    made = WanVaceGenerator(settings_of(weights, **SETTINGS))
    blank: list[bool] = []
    made.pipeline.vae.encoder.register_forward_pre_hook(lambda _, videos: blank.append(not videos[0].any()))
    for one, other in zip(made.together(requests), plain, strict=True):
        assert isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
        assert (one == other).all()
    assert sum(blank) == (3 if kept == 0 else 0)  # of nine frames: the first, and twice four


def test_a_few_shapes_are_remembered_and_each_precision_for_itself() -> None:
    asked: list[torch.Tensor] = []
    encode = blank_once(lambda video: asked.append(video) or video + 1)
    for size in (*range(1, 20), *range(12, 20), 1):
        assert encode(torch.zeros(1, 3, 1, size, size)).shape[-1] == size
    assert len(asked) == 20  # the last eight again at no cost, and the first anew
    for dtype in (torch.float32, torch.bfloat16, torch.bfloat16):
        assert encode(torch.zeros(1, 3, 1, 30, 30, dtype=dtype)).dtype == dtype
    encode(torch.ones(1, 3, 1, 30, 30))
    assert len(asked) == 23
