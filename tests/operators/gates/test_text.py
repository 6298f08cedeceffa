"""Plates and signs from end to end, read in what was written; and the gate, with what it is there for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rapidocr.inference_engine.onnxruntime import OrtInferSession

from operators.audit import Audit, GateModels, Provenance
from operators.condition import Condition
from operators.conditioning.cue_models import CueModels
from operators.conditioning.optical_flow import follow_boxes
from operators.conditioning.paint import paint
from operators.conditioning.redact import Redactor
from operators.gates.text import TextGate
from operators.models.known_answer import Sight
from operators.models.scene.ocr import TextReader, topic_of
from operators.models.witnesses.reid import Likeness
from operators.planning.probe import plan_source
from operators.regenerate import Regenerate
from operators.video.encode import decode_bytes, encode_video
from schemas.arrow import from_table, to_table
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.cues import InstanceMasks, PoseDetections
from schemas.policy import Policy
from schemas.profile import Profile
from tests.jobs import here
from tests.operators.clips import with_evidence
from tests.operators.sightings import no_boxes, nobody
from tests.videos import write
from tests.writing import PLATE, SIGN, street

FRAMES, FEW = (
    9,
    5,
)  # with several looks at the writing; and with two, as many as cases need that are not about that
PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
CASES = (ReleasedClip, QuarantinedClip, FailedClip)
NO_BOX, NO_SCORE = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
NO_MASK = InstanceMasks(NO_BOX, NO_SCORE, [])
NO_POSE = PoseDetections(NO_BOX, NO_SCORE, np.zeros((0, 17, 3), np.float32))
NOTHING = np.zeros((0, 6), np.int32)


def policy(**actions: str) -> Policy:
    """The driving policy with other actions, e.g. plate="blur"; `text_at` adds a region in which text is kept."""
    driving = load(Policy, "cluster/policies/driving.yaml")
    rules: list[Any] = [rule.model_dump() for rule in driving.rules]
    rules = [rule | {"do": actions.get(rule["what"], rule["do"])} for rule in rules]
    if "text_at" in actions:
        where = [float(share) for share in actions["text_at"].split()]
        rules.insert(0, {"what": "text", "where": where, "do": "keep"})
    # What is made of a sign may look like the sign; that gate is for people.
    gates = driving.gates.model_dump() | {"body_likeness": 1.0, "head_likeness": 1.0}
    return Policy.model_validate(driving.model_dump() | {"rules": rules, "gates": gates})


class Pipeline:
    """The three operators, and a clip of the street, in which nobody is."""

    def __init__(self, folder: Path, chosen: Policy, frames: int = FEW) -> None:
        path = write(folder / "street.mp4", street(frames))
        (self.ref,) = plan_source(str(path), "street.mp4", b"key", PROFILE.clip)
        cues = CueModels(
            pose=lambda frames: [NO_POSE] * len(frames),
            segment=lambda frames: [NO_MASK] * len(frames),
            depth=None,
            scene=lambda _frames, _fps: None,
            witness=nobody,
            faces=nobody,
            limbs=nobody,
            redact=Redactor(PROFILE, chosen),
            sight=Sight({}),
        )
        gates = GateModels(
            text=TextGate(PROFILE, chosen),
            likeness=Likeness(PROFILE.likeness.weights),
            witness=nobody,
            faces=nobody,
            final=no_boxes,
            sight=Sight({}),
        )
        self.condition = Condition(PROFILE, chosen, b"key", models=cues)
        self.regenerate = Regenerate(PROFILE)
        self.audit = Audit(PROFILE, chosen, Provenance("w", "c"), models=gates)

    def run(self) -> Any:
        """The clip's outcome, through tables as between the stages of a job."""
        table = self.audit(self.regenerate(self.condition(to_table([self.ref], ClipRef))))
        (outcome,) = from_table(table, *CASES)
        return outcome


@pytest.fixture(scope="module", autouse=True)
def _readers_are_loaded_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        here.models_once(patch)
        yield


@pytest.fixture(scope="module")
def read() -> TextReader:
    return TextReader(PROFILE.text)


def strings(read: TextReader, frames: np.ndarray) -> set[str]:
    return {text for found in read(frames) for text in found.texts}


def test_writing_is_read_with_its_place_and_kind(read: TextReader) -> None:
    (found,) = read(street(1))
    assert sorted(found.texts) == sorted([SIGN, PLATE])
    kinds = {text: topic_of(text, box) for text, box in zip(found.texts, found.boxes, strict=True)}
    assert kinds == {SIGN: "text", PLATE: "plate"}
    sign = found.boxes[found.texts.index(SIGN)]
    np.testing.assert_allclose(sign, [16, 20, 118, 50], atol=6)


def test_a_frame_larger_than_a_tile_is_read_in_parts() -> None:
    frame = np.full((400, 900, 3), 128, np.uint8)
    frame[150:342, 560:880] = street(1)[0]
    small = TextReader(PROFILE.text.model_copy(update={"tile": 320}))
    assert {SIGN, PLATE} <= strings(small, frame[None])


@pytest.mark.parametrize(
    ("actions", "left"),
    [
        ({}, set()),  # as shipped
        ({"plate": "blackout", "text": "blackout"}, set()),
        ({"plate": "blur", "text": "regenerate"}, set()),
        ({"plate": "regenerate", "text": "blur"}, set()),
        ({"plate": "keep", "text": "keep"}, {SIGN, PLATE}),
        ({"text_at": "0 0 0.6 0.4"}, {SIGN}),
        ({"text_at": "0.3 0.3 1 1"}, set()),
    ],
)
def test_what_is_released_is_what_the_policy_says(
    read: TextReader, tmp_path: Path, actions: dict[str, str], left: set[str]
) -> None:
    outcome = Pipeline(tmp_path, policy(**actions), FEW if actions else FRAMES).run()
    assert isinstance(outcome, ReleasedClip), outcome
    for video in (outcome.video, outcome.conditioning_video):
        assert strings(read, decode_bytes(video)) == left
    gates = {gate.name: gate for gate in outcome.certificate.gates}
    assert ("text" in gates) == (actions.get("plate") != "keep")
    assert gates["background"].score > 35  # around what was painted over, too


def test_a_plate_left_in_the_picture_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(tmp_path, policy())
    monkeypatch.setattr(pipeline.condition.models, "redact", lambda *_: (NOTHING, []))
    outcome = pipeline.run()
    assert isinstance(outcome, QuarantinedClip)
    assert [gate.name for gate in outcome.gates if not gate.passed] == ["text"]


def test_a_plate_left_in_the_conditioning_video_is_caught(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, policy())
    cases = (CandidateClip, *CASES[1:])
    table = pipeline.regenerate(pipeline.condition(to_table([pipeline.ref], ClipRef)))
    (candidate,) = from_table(table, *cases)
    small = np.stack([cv2.resize(frame, (240, 144)) for frame in street(FEW)])
    ref = pipeline.ref
    shown = encode_video(small, ref.pts, ref.time_base, ref.fps, crf=18, preset="veryfast")
    table = pipeline.audit(to_table([with_evidence(candidate, conditioning_video=shown)], *cases))
    (outcome,) = from_table(table, *CASES)
    assert isinstance(outcome, QuarantinedClip)
    assert [gate.name for gate in outcome.gates if not gate.passed] == ["text"]


def half(frames: np.ndarray) -> np.ndarray:
    """The right half of the plate and the sign are gone."""
    covered = street(FRAMES, sign="", plate="")
    covered[:, :, :66] = frames[:, :, :66]
    return covered


GATE: dict[str, tuple[dict[str, str], Callable[[np.ndarray], np.ndarray], bool]] = {
    "all of it": ({}, lambda frames: frames, False),
    "half a word": ({}, half, False),
    "a plate that moved": ({}, lambda frames: np.roll(frames, 90, axis=2), False),
    "text, which may stay": ({"text": "keep"}, lambda _: street(FRAMES, plate=""), True),
    "a plate, which may not": ({"text": "keep"}, lambda frames: frames, False),
    "other plates": ({}, lambda _: street(FRAMES, sign="", plate="WJM 3150"), True),
    "nothing": ({}, lambda _: street(FRAMES, sign="", plate=""), True),
}


@pytest.mark.parametrize("case", GATE)
def test_the_gate_tells_what_may_stay_from_what_may_not(case: str) -> None:
    actions, change, passes = GATE[case]
    source = street(FRAMES)
    (gate,) = TextGate(PROFILE, policy(**actions))([change(source)], source, NOTHING, 0)
    assert gate.passed == passes, gate


def test_what_was_painted_over_must_not_be_read_whatever_it_is() -> None:
    """A screen is found by its looks; what stands on it is kept as text, but it was on a screen."""
    source = street(FRAMES)
    on_screen = np.array([[0, t, 10, 15, 125, 55] for t in range(FRAMES)], np.int32)
    gate = TextGate(PROFILE, policy(text="keep", plate="keep", screen="blackout"))
    assert not gate([source], source, on_screen, 0)[0].passed
    paint(covered := source.copy(), on_screen)
    assert gate([covered], source, on_screen, 0)[0].passed


def broken(*_: Any) -> Any:
    raise RuntimeError("a name")


def not_a_number(inputs: np.ndarray) -> np.ndarray:
    return np.full((1, 1, *inputs.shape[2:]), np.nan, np.float32)


@pytest.mark.parametrize("fault", [broken, not_a_number])
@pytest.mark.parametrize("stage", ["condition", "audit"])
def test_a_reader_that_fails_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, fault: Callable[..., Any]
) -> None:
    pipeline = Pipeline(tmp_path, policy())
    table = to_table([pipeline.ref], ClipRef)
    if stage == "audit":
        table = pipeline.regenerate(pipeline.condition(table))
    monkeypatch.setattr(OrtInferSession, "__call__", lambda _, inputs: fault(inputs))
    table = pipeline.audit(table) if stage == "audit" else pipeline.condition(table)
    (outcome,) = from_table(table, *(CASES if stage == "audit" else (Conditioning, *CASES[1:])))
    assert isinstance(outcome, QuarantinedClip)
    assert outcome.stage == stage


def test_where_a_gate_asked_for_larger_masks_every_frame_is_read() -> None:
    """A plate that shows for two frames, between two looks."""
    frames = street(FRAMES, plate="")
    frames[2:4] = street(FRAMES)[2:4]
    chosen = policy(plate="blackout", text="blackout")
    redact = Redactor(PROFILE, chosen)
    for every, covered in ((0, False), (1, True)):
        painted, _ = redact(frames, chosen.mask, every)
        paint(shown := frames.copy(), painted)
        assert (shown[2:4, 135:150, 90:150].max() == 0) == covered


def test_a_fast_plate_is_covered_in_every_frame(read: TextReader) -> None:
    frames, chosen = street(FRAMES, speed=11), policy()
    painted, things = Redactor(PROFILE, chosen)(frames, chosen.mask)
    assert not things
    looked = [t for t in range(FRAMES) if {PLATE, SIGN} & strings(read, frames[t][None])]
    paint(frames, painted)
    assert len(looked) > 5
    assert strings(read, frames) == set()


def test_boxes_follow_what_moves_and_grow_where_it_is_lost() -> None:
    frames = street(9)
    followed = follow_boxes(frames, np.array([[72, 130, 152, 154], [16, 20, 118, 50]], np.float32))
    np.testing.assert_allclose(followed[:, 0, 0], 72 + 5 * np.arange(9), atol=1.5)
    np.testing.assert_allclose(followed[:, 1], np.tile([16, 20, 118, 50], (9, 1)), atol=1.5)
    blank = np.full_like(frames, 128)
    lost = follow_boxes(blank, np.array([[72, 130, 152, 154]], np.float32))[-1, 0]
    np.testing.assert_allclose(
        lost, [72 - 48, 130 - 48, 152 + 48, 154 + 48]
    )  # a quarter of 24 px, eight times


def test_a_blur_of_two_plates_looks_the_same() -> None:
    """Nothing of the letters' shapes is left: two plates of equal weight differ by a few levels."""
    one, other = street(1, plate="KXR 4827"), street(1, plate="MZN 6935")
    area = np.array([[1, 0, 62, 120, 162, 164]], np.int32)
    for frames in (one, other):
        paint(frames, area)
    difference = np.abs(one.astype(int) - other)
    assert difference.max() <= 6
    assert one[0, 125:160, 66:158].std(axis=(0, 1)).max() < 12
