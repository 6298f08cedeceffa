"""StructHuman as the paper's adapters know it: whole frames, fewer a second, of which people alone are kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.video.decode import decode_clip
from operators.video.encode import decode_bytes
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from schemas.generation import Request
from tests.operators.stages import Cues, Stages


class Colour:
    """A generator that paints everything in one colour, and remembers what it was shown."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def together(self, requests: list[Request]) -> list[np.ndarray]:
        self.asked += requests
        return [np.full_like(one.conditioning, (200, 40, 90)) for one in requests]


def through(stages: Stages) -> tuple[Conditioning, CandidateClip, list[Request]]:
    colour: Any = Colour()
    stages.regenerate.generator = colour
    table = stages.condition(to_table([stages.ref], ClipRef))
    (conditioning,) = from_table(table, Conditioning, QuarantinedClip, FailedClip)
    (made,) = from_table(stages.regenerate(table), CandidateClip, QuarantinedClip, FailedClip)
    return conditioning, made, colour.asked


@pytest.mark.parametrize("between", ["interpolate", "interleave"])
def test_people_are_painted_back_and_the_background_stays(tmp_path: Path, between: str) -> None:
    stages = Stages(tmp_path, "structhuman", mode="whole_frame", rate=2.5, between=between)
    conditioning, made, asked = through(stages)
    frame = stages.profile.generator.frame
    shown = {"interpolate": [3], "interleave": [3, 2, 2, 2]}[between]  # 9 frames at 10 a second, every fourth
    assert [len(one.conditioning) for one in asked] == shown
    for one in asked:
        assert one.conditioning.shape[1:] == (frame.height, frame.width, 3) and one.generate.all()
        assert one.seed == asked[0].seed
    assert [tube.track for tube in conditioning.tubes] == [0]
    source, video, mask = decode_clip(stages.ref), decode_bytes(made.video), made.evidence.mask
    assert len(video) == stages.ref.frames and made.regenerated == 1 == len(made.evidence.people)
    assert made.diffusion_calls == len(shown)
    assert np.abs(video[mask].astype(float) - video[mask].mean(axis=0)).mean() < 12  # one colour
    assert np.abs(video[~mask].astype(float) - source[~mask]).mean() < 6  # as H.264 leaves it


def test_such_a_clip_is_released_with_every_gate_passed(tmp_path: Path) -> None:
    outcome = Stages(tmp_path, "structhuman", mode="whole_frame", rate=5, one_seed=True).run()
    assert isinstance(outcome, ReleasedClip) and outcome.certificate.regenerated == 1


def test_a_clip_without_people_costs_no_diffusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(tmp_path, "structhuman", mode="whole_frame")
    nobody = [type(one)(one.boxes[:0], one.scores[:0], []) for one in Cues().segment(np.zeros((9, 1)))]
    stages.condition.models.segment = lambda _frames: nobody
    conditioning, made, asked = through(stages)
    assert not conditioning.tubes and not asked and made.diffusion_calls == 0
