"""Condition -> Regenerate -> Audit -> sink with a fault in each: no source pixel reaches the output.

The operators are the real ones; only the three cue models are replaced, so that masks are known.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import operators.condition
import operators.conditioning.grow
import operators.regenerate
from operators.video.decode import DecodeError, decode_clip
from operators.video.encode import decode_bytes
from schemas.clip import FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from tests.operators.sightings import nobody, seeing
from tests.operators.stages import (
    BODY,
    FRAMES,
    HEIGHT,
    WIDTH,
    Cues,
    Stages,
    source_frames,
    written,
)


@pytest.fixture(params=[0, 1], ids=["structhuman", "structall"])
def stages(request: pytest.FixtureRequest, variants: list[Stages]) -> Stages:
    return variants[request.param]


def test_without_a_fault_the_clip_is_released_and_the_person_replaced(stages: Stages) -> None:
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    assert "shards/run-00000000.tar" in written(outcome)
    said = outcome.certificate
    assert (said.people, said.regenerated, said.filled, said.frames_masked) == (1, 1, 0, FRAMES)
    difference = np.abs(decode_bytes(outcome.video).astype(int) - source_frames())
    assert difference[:, BODY].mean() > 30
    if outcome.certificate.variant == "structhuman":
        assert difference[:, :, :30].mean() < 6


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def not_finite(*_: Any, **__: Any) -> Any:
    return np.full((FRAMES, HEIGHT, WIDTH), np.nan, np.float32)


def passed_through(*_: Any, **__: Any) -> np.ndarray:
    return source_frames()


PUBLISHED_BY_MISTAKE = RuntimeError("/secret/name.mp4 and a person's name")
FAULTS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "decode fails": ("condition_module", "decode", failing(DecodeError("cut off"))),
    "decode crashes": ("condition_module", "decode", failing(PUBLISHED_BY_MISTAKE)),
    "segmentation crashes": ("condition", "segment", failing(PUBLISHED_BY_MISTAKE)),
    "pose crashes": ("condition", "pose", failing(PUBLISHED_BY_MISTAKE)),
    "a frame without detections": ("condition", "segment", lambda frames: Cues().segment(frames[1:])),
    "tracking crashes": ("tracking", "track_shots", failing(PUBLISHED_BY_MISTAKE)),
    "the witness crashes": ("condition", "witness", failing(PUBLISHED_BY_MISTAKE)),
    "the witness gives no number": ("condition", "witness", seeing((2, 2, 30, 70), float("nan"))),
    "the face detector crashes": ("condition", "faces", failing(PUBLISHED_BY_MISTAKE)),
    "a frame that the witness does not see": (
        "condition",
        "witness",
        lambda frames, covered: nobody(frames[1:], covered[1:]),
    ),
    "fusing crashes": ("condition_module", "fuse_structhuman", failing(PUBLISHED_BY_MISTAKE)),
    "the generator crashes": ("generator", "together", failing(PUBLISHED_BY_MISTAKE)),
    "the generator gives an error": ("generator", "together", lambda _: [PUBLISHED_BY_MISTAKE]),
    "the generator gives no number": ("generator", "together", lambda _: [not_finite()]),
    "compositing crashes": ("regenerate_module", "composite", failing(PUBLISHED_BY_MISTAKE)),
    "compositing passes the source": ("regenerate_module", "composite", passed_through),
    "somebody new in the output": ("audit", "witness", seeing((2, 2, 30, 70))),
    "a new face in the output": ("audit", "faces", seeing((2, 2, 12, 14))),
    "the witness gives no number in the end": ("audit", "witness", seeing((2, 2, 30, 70), float("nan"))),
    "the witness crashes in the end": ("audit", "witness", failing(PUBLISHED_BY_MISTAKE)),
    "encoding crashes": ("regenerate_module", "encode_video", failing(PUBLISHED_BY_MISTAKE)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_publishes_nothing(stages: Stages, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, replacement = FAULTS[fault]
    places = {
        "condition": stages.condition.models,
        "condition_module": operators.condition,
        "generator": stages.regenerate.generator,
        "tracking": operators.conditioning.grow,
        "audit": stages.audit.models,
        "regenerate_module": operators.regenerate,
    }
    monkeypatch.setattr(places[where], name, replacement)
    first = {"generator": "regenerate", "tracking": "condition"}.get(where, where.removesuffix("_module"))
    outcome = stages.run(first)
    assert isinstance(outcome, QuarantinedClip | FailedClip)
    files = written(outcome)
    assert not [path for path in files if path.startswith("shards/")]
    record = b"".join(files.values()) + outcome.reason.encode()
    assert b"secret" not in record
    assert b"a.mp4" not in record


def test_a_person_missed_by_the_masks_is_not_published(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gate 1: the witness sees, on the fused frames, somebody outside every mask, wherever masks grow."""
    monkeypatch.setattr(stages.condition.models, "witness", seeing((2, 2, 30, 70), hides=False))
    outcome = stages.run()
    assert isinstance(outcome, QuarantinedClip)
    assert [gate.name for gate in outcome.gates if not gate.passed] == ["nobody left"]


@pytest.mark.parametrize("detector", ["witness", "faces"])
def test_a_person_missed_by_the_masks_is_masked_after_all(
    stages: Stages, detector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gate 1: whom the witness sees, in one frame of the clip, is regenerated in that and those around it."""
    box = (114, 2, 122, 14)
    monkeypatch.setattr(stages.condition.models, detector, seeing(box, until=1))
    outcome = stages.run()
    assert isinstance(outcome, ReleasedClip), outcome
    scores = {gate.name: gate.score for gate in outcome.certificate.gates}
    assert (scores["nobody left"], scores["no face left"], scores["mask grown"]) == (0, 0, 1)
    assert outcome.certificate.people == 2
    if outcome.certificate.variant == "structhuman":
        change = np.abs(decode_bytes(outcome.video).astype(int) - source_frames())[:, 4:12, 115:121]
        assert change[:3].mean() > 20
        assert change[6:].mean() < 6


def test_who_wears_lettering_is_looked_for_on_untouched_frames(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redaction comes after all that looks for people, and never over one: the lettering belongs to the mask."""
    shown: dict[str, np.ndarray] = {}

    def watching(name: str, detect: Callable[..., Any]) -> Callable[..., Any]:
        def look(frames: np.ndarray, *others: Any) -> Any:
            shown[name] = frames.copy()
            return detect(frames, *others)

        return look

    models = stages.condition.models
    for name in ("pose", "segment", "witness", "faces"):
        monkeypatch.setattr(models, name, watching(name, getattr(models, name)))
    monkeypatch.setattr(models, "limbs", watching("limbs", nobody))
    hoodie, sign = (52, 30, 72, 50), (2, 2, 30, 14)
    rows = [[0, t, *box] for t in range(FRAMES) for box in (hoodie, sign)]
    monkeypatch.setattr(models, "redact", lambda *_: (np.array(rows, np.int32), []))
    made = stages.condition.condition(stages.ref)
    assert set(shown) == {"pose", "segment", "witness", "faces", "limbs"}
    for name, frames in shown.items():
        assert np.array_equal(frames, decode_clip(stages.ref)), name
    assert isinstance(made, Conditioning)
    assert made.evidence.painted[:, 2:].tolist() == [list(sign)] * FRAMES
    assert made.evidence.mask[:, 30:50, 52:72].all()
