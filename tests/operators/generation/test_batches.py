"""Several clips in one denoising loop give what each gives alone, and fail each for itself."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import operators.generation.denoise
from operators.generation.denoise import sample_together
from operators.generation.generator import WanVaceGenerator
from operators.generation.windows import Windows
from operators.recovery.attempts import LIMIT, Attempts
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning
from schemas.generation import Request, Window
from tests.operators.stages import Stages
from tests.tiny import save_wan, settings_of

RNG = np.random.default_rng(3)
ENDED = (CandidateClip, QuarantinedClip, FailedClip)
CUDA_LOST = """
import sys
import numpy as np
import torch
import operators.generation.denoise
from operators.recovery.attempts import Attempts
from operators.generation.generator import WanVaceGenerator
from schemas.generation import Request
from tests.tiny import settings_of

def lost(*_):
    raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

generator = WanVaceGenerator(settings_of(sys.argv[1]))
operators.generation.denoise.sample_together = lost
gray, everywhere = np.full((9, 32, 48, 3), 128, np.uint8), np.ones((9, 32, 48), bool)
with Attempts(60, sys.argv[2]).attempt("regenerate", 5):
    generator.together([Request(gray, everywhere, "", seed) for seed in (1, 2)])
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wan(tmp_path_factory.mktemp("wan"))


@pytest.fixture(scope="module")
def loaded(weights: Path) -> WanVaceGenerator:
    changes = {"steps": 3, "guidance": 3.0, "flow_shift": 5.0, "window": 9, "overlap": 5, "batch": 4}
    return WanVaceGenerator(settings_of(weights, **changes))


@pytest.fixture
def generator(loaded: WanVaceGenerator) -> WanVaceGenerator:
    loaded.fits, loaded.calls = {}, 0
    return loaded


def request(seed: int, frames: int = 9, height: int = 32) -> Request:
    """Each seed with its own picture, mask and words."""
    generate = RNG.random((frames, height, 48)) < seed / 4
    words = ["", "red top", "blue skirt, long-sleeved", "a man"][seed % 4]
    return Request(RNG.integers(0, 255, (frames, height, 48, 3), np.uint8), generate, words, seed)


def floats(generator: WanVaceGenerator, samples: list[Window]) -> np.ndarray:
    words = torch.stack([generator.prompts(sample.prompt) for sample in samples])
    return np.stack(
        sample_together(generator.pipeline, samples, words, generator.nothing, generator.settings)
    )


def test_a_batch_is_each_of_its_clips_alone(generator: WanVaceGenerator) -> None:
    samples = [Windows(request(seed), 9, 5).next() for seed in (1, 2, 3, 4)]
    samples[2] = replace(
        samples[2], known=5, generate=samples[2].generate & (np.arange(9) >= 5)[:, None, None]
    )
    together = floats(generator, samples)
    alone = np.concatenate([floats(generator, [sample]) for sample in samples])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert np.abs(together[0] - together[1]).mean() > 0.01


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_one_clip_is_what_the_pipeline_makes(
    generator: WanVaceGenerator, guidance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        generator, "settings", generator.settings.model_copy(update={"guidance": guidance, "batch": 1})
    )
    asked = request(1)
    made = floats(generator, [Windows(asked, 9, 5).next()])[0]
    expected = generator.pipeline(
        video=[Image.fromarray(frame) for frame in asked.conditioning],
        mask=[Image.fromarray(frame.astype(np.uint8) * 255) for frame in asked.generate],
        reference_images=[Image.fromarray(asked.conditioning[0])],
        prompt_embeds=generator.prompts(asked.prompt)[None],
        negative_prompt_embeds=generator.nothing,
        height=32,
        width=48,
        num_frames=9,
        num_inference_steps=3,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(asked.seed),
        output_type="np",
    ).frames[0]
    np.testing.assert_allclose(made, expected, atol=2e-5 if guidance > 1 else 0)


def test_clips_of_any_length_and_size_go_through_together(generator: WanVaceGenerator) -> None:
    requests = [request(1, 9), request(2, 18), request(3, 3), request(1, 9, height=16), request(2, 1)]
    made = generator.together(requests)
    assert generator.calls == 1 + 4 + 1 + 1 + 1
    for asked, frames in zip(requests, made, strict=True):
        assert isinstance(frames, np.ndarray) and frames.shape == asked.conditioning.shape
        alone = generator(asked.conditioning, asked.generate, asked.prompt, asked.seed)
        assert np.abs(frames.astype(int) - alone).max() <= 1


def refusing(
    monkeypatch: pytest.MonkeyPatch, refuse: Callable[[Sequence[Window]], Exception | None]
) -> list[int]:
    """Let the loop raise; returns the sizes of the batches that it is asked for."""
    asked, real = list[int](), operators.generation.denoise.sample_together

    def sampled(pipeline: Any, samples: Sequence[Window], *rest: Any) -> list[np.ndarray]:
        asked.append(len(samples))
        if error := refuse(samples):
            raise error
        return real(pipeline, samples, *rest)

    monkeypatch.setattr(operators.generation.denoise, "sample_together", sampled)
    return asked


def test_what_does_not_fit_into_memory_is_done_in_halves(
    generator: WanVaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request(seed) for seed in (1, 2, 3, 4, 1, 2)]
    expected = generator.together(requests)
    full = torch.OutOfMemoryError("CUDA out of memory")
    asked = refusing(monkeypatch, lambda samples: full if len(samples) > 2 else None)
    made = generator.together(requests)
    assert asked == [4, 2, 2, 2]  # and stays with what fits
    for frames, before in zip(made, expected, strict=True):
        assert isinstance(frames, np.ndarray) and isinstance(before, np.ndarray)
        assert np.abs(frames.astype(int) - before).max() <= 1
    assert isinstance(generator.together([request(1, height=16)] * 4)[0], np.ndarray)
    assert asked[4:] == [4, 2, 2]  # another size may fit


def test_one_that_never_fits_is_its_own_error(
    generator: WanVaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(samples: Sequence[Window]) -> Exception | None:
        return torch.OutOfMemoryError("CUDA out of memory") if any(s.seed == 2 for s in samples) else None

    refusing(monkeypatch, too_large)
    made = generator.together([request(seed) for seed in (1, 2, 3)])
    assert [type(frames) for frames in made] == [np.ndarray, torch.OutOfMemoryError, np.ndarray]


def test_what_fails_beside_others_fails_alone(
    generator: WanVaceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, lambda some: ZeroDivisionError() if any(s.seed == 3 for s in some) else None)
    made = generator.together([request(seed) for seed in (1, 2, 3, 4)])
    assert [type(frames) for frames in made] == [np.ndarray, np.ndarray, ZeroDivisionError, np.ndarray]


def test_a_lost_cuda_ends_the_process_and_the_attempt_counts(weights: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-c", CUDA_LOST, str(weights), str(tmp_path)]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=250, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "CUDA is lost" in ended.stderr and "Traceback" not in ended.stderr
    assert Attempts(60, str(tmp_path)).ended_badly("regenerate", 5)
    assert not Attempts(60, str(tmp_path)).ended_badly("regenerate", 6)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    stages = Stages(tmp_path_factory.mktemp("stages"), "structhuman")
    generator = stages.regenerate.generator
    assert isinstance(generator, WanVaceGenerator)
    generator.settings = generator.settings.model_copy(update={"batch": 3})
    return stages


@pytest.fixture
def clips(stages: Stages) -> list[Conditioning]:
    """Three clips of one batch."""
    table = stages.condition(to_table([stages.ref], ClipRef))
    (clip,) = from_table(table, Conditioning, QuarantinedClip, FailedClip)
    (tube,) = clip.tubes
    return [replace(clip, ref=replace(clip.ref, clip_id=n), tubes=[replace(tube, seed=n)]) for n in (1, 2, 3)]


def outcomes(stages: Stages, clips: list[Conditioning]) -> list[Any]:
    return from_table(stages.regenerate(to_table(clips, Conditioning, QuarantinedClip, FailedClip)), *ENDED)


def test_clips_of_a_batch_are_as_if_alone(stages: Stages, clips: list[Conditioning]) -> None:
    together = outcomes(stages, clips)
    alone = [outcomes(stages, [clip])[0] for clip in clips]
    assert [clip.ref.clip_id for clip in together] == [1, 2, 3]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, CandidateClip) and one.diffusion_calls == other.diffusion_calls == 1
        assert one.seed_commitment == other.seed_commitment


def no_numbers(monkeypatch: pytest.MonkeyPatch, stages: Stages, clips: list[Conditioning]) -> None:
    real, made = operators.generation.denoise.decode, list[int]()

    def decode(*args: Any) -> np.ndarray:
        made.append(1)
        return real(*args) * (np.nan if len(made) == 2 else 1)

    monkeypatch.setattr(operators.generation.denoise, "decode", decode)


def wrong_size(monkeypatch: pytest.MonkeyPatch, stages: Stages, clips: list[Conditioning]) -> None:
    (tube,) = clips[1].tubes
    clips[1] = replace(
        clips[1],
        tubes=[replace(tube, conditioning=tube.conditioning[:, 1:], generate=tube.generate[:, 1:])],
    )


@pytest.mark.parametrize("fault", [no_numbers, wrong_size])
def test_a_clip_is_quarantined_without_its_neighbours(
    stages: Stages,
    clips: list[Conditioning],
    fault: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault(monkeypatch, stages, clips)
    done = outcomes(stages, clips)
    assert [type(clip) for clip in done] == [CandidateClip, QuarantinedClip, CandidateClip]
    assert "ValueError" in done[1].reason


def test_a_clip_over_which_a_worker_died_is_tried_alone(
    stages: Stages, clips: list[Conditioning], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts, batches = Attempts(60, str(tmp_path)), list[list[int]]()
    monkeypatch.setattr(stages.regenerate, "attempts", attempts)
    real = stages.regenerate.generator.together

    def together(requests: Sequence[Request]) -> list[np.ndarray | Exception]:
        batches.append([asked.seed for asked in requests])
        return real(requests)

    monkeypatch.setattr(stages.regenerate.generator, "together", together)
    attempts._mark("regenerate", 2)
    assert all(isinstance(clip, CandidateClip) for clip in outcomes(stages, clips))
    assert batches == [[1, 3], [2]]
    for _ in range(LIMIT):
        attempts._mark("regenerate", 2)
    done = outcomes(stages, clips)
    assert [type(clip) for clip in done] == [CandidateClip, FailedClip, CandidateClip]
    assert batches[2:] == [[1, 3]]
