from pathlib import Path

import numpy as np
import pytest

from operators.generation.generator import WanVaceGenerator
from schemas.errors import UserError
from tests.tiny import save_generator, settings_of

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> WanVaceGenerator:
    weights = save_generator(tmp_path_factory.mktemp("generator"))
    return WanVaceGenerator(settings_of(weights))


def conditioning(frames: int) -> np.ndarray:
    return RNG.integers(0, 255, (frames, 32, 32, 3), np.uint8)


def everything(video: np.ndarray) -> np.ndarray:
    return np.ones(video.shape[:3], bool)


@pytest.mark.parametrize(("frames", "calls"), [(1, 1), (17, 1), (18, 2), (29, 2), (30, 3)])
def test_any_length_comes_out_whole(generator: WanVaceGenerator, frames: int, calls: int) -> None:
    before = generator.calls
    video = conditioning(frames)
    assert generator(video, everything(video), "red top", 3).shape == video.shape
    assert generator.calls - before == calls


def test_the_same_arguments_give_the_same_frames(generator: WanVaceGenerator) -> None:
    video = conditioning(17)
    first, again = (generator(video, everything(video), "red top", 3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("change", ["seed", "prompt", "conditioning"])
def test_everything_given_matters(generator: WanVaceGenerator, change: str) -> None:
    video = conditioning(17)
    plain = generator(video, everything(video), "red top", 3)
    other = 255 - video if change == "conditioning" else video
    changed = generator(
        other,
        everything(video),
        "blue skirt" if change == "prompt" else "red top",
        4 if change == "seed" else 3,
    )
    assert (plain != changed).any()


def test_a_later_window_knows_the_frames_before(generator: WanVaceGenerator) -> None:
    video = conditioning(20)
    other = video.copy()
    other[:12] = 255 - other[:12]  # not in the second window, which begins at frame 12
    first, second = (generator(frames, everything(video), "", 3) for frames in (video, other))
    assert (first[17:] != second[17:]).any()


@pytest.mark.parametrize("shape", [(17, 30, 32, 3), (0, 32, 32, 3)])
def test_sizes_that_would_be_misread_are_refused(generator: WanVaceGenerator, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        generator(np.zeros(shape, np.uint8), np.ones(shape[:3], bool), "", 0)


def test_what_is_not_finite_is_refused(generator: WanVaceGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        generator.pipeline.video_processor,
        "postprocess_video",
        lambda video, **_: np.full((1, 17, 32, 32, 3), np.nan),
    )
    video = conditioning(17)
    with pytest.raises(ValueError, match="not finite"):
        generator(video, everything(video), "", 0)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pipeline"):
        WanVaceGenerator(settings_of(tmp_path))
