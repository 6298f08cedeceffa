"""On a GPU clips are pasted and encoded while the next are generated, and come out as if one after the other."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.anonymize import at_once
from operators.actor.compose import See
from operators.generation import rate
from operators.recovery.attempts import Attempts
from operators.regenerate import Regenerate
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.generation import Request
from schemas.profile import Profile
from tests.operators.stages import Stages

ENDED = (CandidateClip, QuarantinedClip, FailedClip)
WAIT = 20  # seconds after which a test that waits for ever fails


class Generator:
    """In the diffusion model's place: gray, as bright as the seed says; remembers who asked, and when."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.threads: set[int] = set()
        self.began = {seed: threading.Event() for seed in range(9)}

    def together(self, requests: Sequence[Request]) -> list[np.ndarray | Exception]:
        self.threads.add(threading.get_ident())
        made: list[np.ndarray | Exception] = []
        for asked in requests:
            self.asked.append(asked.seed)
            self.began[asked.seed].set()
            frames = np.full_like(asked.conditioning, 20 * asked.seed)
            made.append(ZeroDivisionError() if asked.seed == 8 else frames)
        return made


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("stages"), "structhuman")


@pytest.fixture(scope="module")
def clip(stages: Stages) -> Conditioning:
    table = stages.condition(to_table([stages.ref], ClipRef))
    (one,) = from_table(table, Conditioning, QuarantinedClip, FailedClip)
    assert isinstance(one, Conditioning) and len(one.tubes) == 1
    return one


def numbered(clip: Conditioning, number: int) -> Conditioning:
    return replace(clip, ref=replace(clip.ref, clip_id=number), tubes=[replace(clip.tubes[0], seed=number)])


def regenerate(
    stages: Stages, device: str, attempts: Attempts | None = None, threads: int = 2, **changes: Any
) -> Regenerate:
    pool = stages.profile.pools.regenerate.model_copy(update={"device": device, "threads": threads})
    pools = stages.profile.pools.model_copy(update={"regenerate": pool})
    settings = stages.profile.generator.model_copy(update=changes)
    profile = stages.profile.model_copy(update={"pools": pools, "generator": settings})
    return Regenerate(profile, attempts, Generator())


def outcomes(stage: Regenerate, clips: Sequence[Conditioning]) -> list[Any]:
    return from_table(stage(to_table(list(clips), Conditioning, QuarantinedClip, FailedClip)), *ENDED)


@pytest.mark.parametrize("threads", [1, 3])
def test_beside_the_gpu_clips_become_what_they_become_one_by_one(
    stages: Stages, clip: Conditioning, threads: int
) -> None:
    nobody = replace(numbered(clip, 3), tubes=[])
    nobody = replace(nobody, evidence=replace(clip.evidence, mask=np.zeros_like(clip.evidence.mask)))
    clips = [numbered(clip, 1), numbered(clip, 8), nobody, numbered(clip, 2), numbered(clip, 4)]
    plain, beside = regenerate(stages, "cpu"), regenerate(stages, "cuda", threads=threads)
    expected = [outcomes(plain, [one])[0] for one in clips]
    made = outcomes(beside, clips)
    assert [type(one) for one in made] == [type(one) for one in expected]
    assert isinstance(made[1], QuarantinedClip) and made[1].reason == expected[1].reason
    for one, other in zip(made, expected, strict=True):
        assert one.ref.clip_id == other.ref.clip_id
        if isinstance(one, CandidateClip):
            assert one.video == other.video and one.diffusion_calls == other.diffusion_calls
    assert isinstance(beside.generator, Generator) and len(beside.generator.threads) == 1


def test_the_next_is_generated_while_one_is_encoded(
    stages: Stages, clip: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, seen = regenerate(stages, "cuda"), list[bool]()
    generator, video = stage.generator, stage._video
    assert isinstance(generator, Generator)

    def encode(one: Conditioning, generated: list[np.ndarray], see: See | None = None) -> bytes:
        if one.ref.clip_id == 1:
            seen.append(generator.began[2].wait(WAIT))
        return video(one, generated, see)

    monkeypatch.setattr(stage, "_video", encode)
    assert all(
        isinstance(one, CandidateClip) for one in outcomes(stage, [numbered(clip, 1), numbered(clip, 2)])
    )
    assert seen == [True]


def test_the_next_is_unpacked_while_one_is_generated(
    stages: Stages, clip: Conditioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, there, seen = regenerate(stages, "cuda"), threading.Event(), list[bool]()
    generator = stage.generator
    assert isinstance(generator, Generator)
    together = generator.together

    def unpack(table: pa.Table, *cases: type) -> list[Any]:
        rows = from_table(table, *cases)
        if rows[0].ref.clip_id == 2:
            there.set()
        return rows

    def generate(requests: Sequence[Request]) -> list[np.ndarray | Exception]:
        seen.append(there.wait(WAIT if not seen else 0))
        return together(requests)

    monkeypatch.setattr("operators.regenerate.from_table", unpack)
    monkeypatch.setattr(generator, "together", generate)
    made = outcomes(stage, [numbered(clip, 1), numbered(clip, 2)])
    assert [one.ref.clip_id for one in made] == [1, 2]
    assert seen == [True, True]


@pytest.mark.parametrize("between", ["interpolate", "interleave"])
def test_frames_between_those_that_were_shown_are_made_while_the_next_are_generated(
    stages: Stages, clip: Conditioning, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    """Dense flow takes a core seconds a clip, for which the GPU must not wait."""
    stage = regenerate(stages, "cuda", rate=float(clip.ref.fps) / 4, between=between)
    seen, whole = list[bool](), rate.restored
    generator = stage.generator
    assert isinstance(generator, Generator)

    def restore(*arguments: Any) -> np.ndarray | Exception:
        seen.append(generator.began[2].wait(WAIT if not seen else 0))
        return whole(*arguments)

    monkeypatch.setattr("operators.regenerate.restored", restore)
    made = outcomes(stage, [numbered(clip, 1), numbered(clip, 2)])
    assert all(isinstance(one, CandidateClip) for one in made)
    assert seen == [True, True]


def test_a_clip_that_ended_its_worker_is_tried_when_nothing_else_goes_on(
    stages: Stages, clip: Conditioning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts(60, str(tmp_path))
    stage, standing = regenerate(stages, "cuda", attempts), dict[int, list[bool]]()
    generator = stage.generator
    assert isinstance(generator, Generator)
    attempts._mark("regenerate", 2)
    real = generator.together

    def together(requests: Sequence[Request]) -> list[np.ndarray | Exception]:
        (asked,) = requests
        standing[asked.seed] = [attempts.ended_badly("regenerate", number) for number in (1, 2, 3)]
        return real(requests)

    monkeypatch.setattr(generator, "together", together)
    assert len(outcomes(stage, [numbered(clip, number) for number in (1, 2, 3)])) == 3
    assert standing[2] == [
        False,
        True,
        False,
    ]  # no mark of another that would count if it ended the worker again


def test_on_a_gpu_a_shard_comes_at_once() -> None:
    embedded, commercial = (
        load(Profile, f"cluster/profiles/{name}.yaml") for name in ("embedded", "commercial")
    )
    assert (at_once(embedded), at_once(commercial)) == (1, commercial.clips_per_shard)
