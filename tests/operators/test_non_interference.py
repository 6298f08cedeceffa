"""Non-interference: what a person looks like cannot reach the output, as no pixel under the mask does.

With the same cues and seed, any change of the pixels inside the mask leaves the result the same, bit by bit.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import operators.condition
from operators.actor.background.plate import plate
from operators.models.build import depth_model
from operators.models.scene.depth_anything import DepthAnything
from operators.video.encode import decode_bytes
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning
from tests.operators.models.tiny_cues import save_depth_anything
from tests.operators.stages import FRAMES, HEIGHT, WIDTH, Cues, Stages, source_frames


@pytest.fixture(scope="module", params=["structhuman", "structall", "structhuman actors"])
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    made = Stages(tmp_path_factory.mktemp(request.param), request.param)
    nothing = (
        np.zeros((0, 6), np.int32),
        [],
    )  # writing is a cue, too: the same is read whatever the pixels are
    made.condition.models.redact = lambda *_: nothing  # type: ignore[assignment]
    return made


@pytest.fixture(scope="module")
def first(stages: Stages) -> tuple[Conditioning, bytes]:
    """What comes of the source as it is."""
    clip = conditioned(stages, source_frames())
    return clip, regenerated(stages, clip).video


def conditioned(stages: Stages, frames: np.ndarray) -> Conditioning:
    """What Condition makes of these frames, whatever the file holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operators.condition, "decode", lambda ref, _: (frames, ref))
        # Somebody's colours tell what else is theirs, so they are a cue as well: masks are the same whatever they are.
        patch.setattr(operators.condition, "cover_severed", lambda _, people, __: people)
        patch.setattr(operators.condition, "cover_moving", lambda _, people, *__: people)
        table = stages.condition(to_table([stages.ref], ClipRef))
    (clip,) = from_table(table, Conditioning, QuarantinedClip, FailedClip)
    assert isinstance(clip, Conditioning), clip
    return clip


def regenerated(stages: Stages, clip: Conditioning) -> CandidateClip:
    table = stages.regenerate(to_table([clip], Conditioning, QuarantinedClip, FailedClip))
    (candidate,) = from_table(table, CandidateClip, QuarantinedClip, FailedClip)
    assert isinstance(candidate, CandidateClip), candidate
    return candidate


def area(clip: Conditioning) -> np.ndarray:
    """bool [T,H,W]: what the mask hides. StructAll's holds the frame, whose outside the cues alone come from."""
    return clip.evidence.regenerated


changes = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "grain": st.sampled_from([1, 2, 8, 96]),
        "frames": st.tuples(st.integers(0, FRAMES - 1), st.integers(1, FRAMES)),
        "rows": st.tuples(st.integers(0, HEIGHT - 1), st.integers(1, HEIGHT)),
        "columns": st.tuples(st.integers(0, WIDTH - 1), st.integers(1, WIDTH)),
    }
)


def changed(frames: np.ndarray, inside: np.ndarray, change: dict[str, Any]) -> np.ndarray:
    """Noise of some grain over a box of the video, wherever that lies inside."""
    grain, rng = change["grain"], np.random.default_rng(change["seed"])
    coarse = rng.integers(0, 256, (FRAMES, -(-HEIGHT // grain), -(-WIDTH // grain), 3), np.uint8)
    noise = coarse.repeat(grain, axis=1).repeat(grain, axis=2)[:, :HEIGHT, :WIDTH]
    box = np.zeros_like(inside)
    slices = [
        slice(first, first + size) for first, size in (change[key] for key in ("frames", "rows", "columns"))
    ]
    box[tuple(slices)] = True
    return np.where((box & inside)[..., None], noise, frames)


def handed_over(clip: Conditioning) -> pa.Table:
    """All that Regenerate is given of a clip, but for the time that it took."""
    clip = replace(clip, evidence=replace(clip.evidence, seconds={}))
    return to_table([clip], Conditioning, QuarantinedClip, FailedClip)


@settings(max_examples=15, deadline=None)
@given(change=changes)
def test_pixels_inside_the_mask_do_not_matter(
    stages: Stages, first: tuple[Conditioning, bytes], change: dict[str, Any]
) -> None:
    """Not a bit of what is handed over differs; that the same gives the same is the next test's matter."""
    clip, _ = first
    with pytest.MonkeyPatch.context() as patch:
        # StructAll's depth is given here, whatever lies behind people: a blur there does, and spares 14 searches.
        patch.setattr(operators.condition, "plate", partial(plate, patches=False))
        second = conditioned(stages, changed(source_frames(), area(clip), change))
    assert handed_over(clip).equals(handed_over(second))


def test_what_is_generated_hangs_on_what_is_handed_over_alone(
    stages: Stages, first: tuple[Conditioning, bytes]
) -> None:
    clip, video = first
    everything = {"seed": 1, "grain": 2, "frames": (0, FRAMES), "rows": (0, HEIGHT), "columns": (0, WIDTH)}
    second = conditioned(stages, changed(source_frames(), area(clip), everything))
    (read,) = from_table(handed_over(second), Conditioning, QuarantinedClip, FailedClip)
    assert isinstance(read, Conditioning)
    assert video == regenerated(stages, read).video


CUES = ["yolo depth", "depth anything"]


@pytest.fixture(scope="module", params=CUES)
def real_depth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """StructAll with a network that looks at the whole frame: the embedded one, or a random one of the real format."""
    folder = tmp_path_factory.mktemp("depth")
    made = Stages(folder, "structall actors")
    made.condition.models.redact = lambda *_: (np.zeros((0, 6), np.int32), [])  # type: ignore[assignment]
    made.condition.models.depth = (
        depth_model(made.profile.depth, "cpu")
        if request.param == "yolo depth"
        else DepthAnything(save_depth_anything(folder / "weights"))
    )
    return made


@pytest.mark.parametrize("level", [0, 255, None])
def test_no_person_reaches_what_lies_outside_through_a_network(real_depth: Stages, level: int | None) -> None:
    """People in black, in white and as noise give the same conditioning, bit by bit."""
    first = conditioned(real_depth, source_frames())
    inside = first.evidence.mask
    assert 0.05 < inside.mean() < 0.9
    frames = source_frames()
    noise = np.random.default_rng(5).integers(0, 256, frames[inside].shape, np.uint8)
    frames[inside] = noise if level is None else level
    second = conditioned(real_depth, frames)
    for one, other in zip(first.tubes, second.tubes, strict=True):
        np.testing.assert_array_equal(one.conditioning, other.conditioning)
        assert one.prompt == other.prompt
    assert first.evidence.conditioning_video == second.evidence.conditioning_video


def test_the_network_does_see_what_lies_outside(real_depth: Stages) -> None:
    first = conditioned(real_depth, source_frames())
    frames = source_frames()
    frames[~first.evidence.mask] = 255 - frames[~first.evidence.mask]
    second = conditioned(real_depth, frames)
    assert (first.tubes[0].conditioning != second.tubes[0].conditioning).any()


@pytest.mark.parametrize("variant", ["structhuman", "structall"])
def test_every_model_that_looks_at_whole_frames_is_shown_nobody(tmp_path: Path, variant: str) -> None:
    """Depth and captions: what they are shown is the same whatever people look like."""
    stages = Stages(tmp_path, variant)
    shown: list[np.ndarray] = []

    def depth(frames: np.ndarray) -> np.ndarray:
        shown.append(frames.copy())
        return Cues().depth(frames)

    def scene(frames: np.ndarray, _fps: float) -> str | None:
        shown.append(frames.copy())
        return None

    stages.condition.models.depth, stages.condition.models.scene = depth, scene
    stages.condition.models.redact = lambda *_: (np.zeros((0, 6), np.int32), [])  # type: ignore[assignment]
    frames = source_frames()
    inside = conditioned(stages, frames).evidence.mask
    frames[inside] = 255 - frames[inside]
    conditioned(stages, frames)
    half = len(shown) // 2
    assert half == (2 if variant == "structall" else 1)
    for one, other in zip(shown[:half], shown[half:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_pixels_outside_the_mask_do_matter(tmp_path: Path) -> None:
    """Or else the test above would hold for anything. (StructAll shows the generator cues only.)"""
    stages = Stages(tmp_path, "structhuman")
    first = conditioned(stages, source_frames())
    everything = {"seed": 1, "grain": 8, "frames": (0, FRAMES), "rows": (0, HEIGHT), "columns": (0, WIDTH)}
    second = conditioned(stages, changed(source_frames(), ~area(first), everything))
    assert first.background != second.background
    assert regenerated(stages, first).video != regenerated(stages, second).video


def test_an_actor_is_drawn_where_the_person_was(tmp_path: Path) -> None:
    stages = Stages(tmp_path, "structhuman actors")
    clip = conditioned(stages, source_frames())
    assert len(clip.roles) == len(clip.evidence.people) == 1 and not clip.tubes
    drawn = decode_bytes(regenerated(stages, clip).video).astype(int)
    without = decode_bytes(regenerated(stages, replace(clip, roles=[])).video)
    # In the mean over frames, as either's coding has noise of its own in each.
    difference = np.abs((drawn - without).mean(axis=0)).mean(axis=-1)
    assert difference[20:76, 50:74].mean() > 15
    assert difference[:, :30].mean() < 3 and difference[:, 95:].mean() < 3
