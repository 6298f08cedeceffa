"""The gates, each with the fault it is there for; what is rejected leaves no certificate and no pixel."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from operators.planning.probe import plan_source
from operators.video import mp4_layout
from operators.video.mp4_boxes import layout_of
from schemas.certificate import Gate
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip
from schemas.cues import PersonBoxes
from schemas.due import due
from tests.operators.audited import (
    GATE_1,
    MASK,
    PERSON,
    POLICY,
    PROFILE,
    REGENERATED,
    SOURCE,
    audit,
    blacked,
    blurred,
    encode,
    noise,
)
from tests.operators.clips import with_evidence


def test_a_sound_clip_is_released_with_every_score(candidate: CandidateClip) -> None:
    released = audit(candidate)
    assert isinstance(released, ReleasedClip), released
    assert released.video == candidate.video
    names = {gate.name for gate in released.certificate.gates}
    assert (
        names
        == {one.name for one in due(POLICY, [], marked=False)}
        == {
            "nobody left",
            "no face left",
            "mask grown",
            "listed",
            "final look",
            "conditioning container",
            "conditioning copy",
            "frames",
            "timestamps",
            "size",
            "container",
            "text",
            "copy",
            "content",
            "black",
            "frozen",
            "blank",
            "body likeness",
            "head likeness",
            "background",
            "nobody new",
            "no new face",
        }
    )


def swap_audio_in(clip: CandidateClip) -> bytes:
    """The same picture with a voice beside it."""
    file = io.BytesIO()
    with av.open(io.BytesIO(clip.video)) as source, av.open(file, "w", format="mp4") as target:
        video = target.add_stream_from_template(source.streams.video[0])
        audio = target.add_stream("aac", rate=16000)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 16000
        target.mux([*audio.encode(sound), *audio.encode()])
    return file.getvalue()


def tag(clip: CandidateClip) -> bytes:
    """The same picture with a name in its tags."""
    file = io.BytesIO()
    with av.open(io.BytesIO(clip.video)) as source, av.open(file, "w", format="mp4") as target:
        target.metadata["title"] = "Jane Roe"
        video = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)
    return file.getvalue()


def lasting(video: bytes, seconds: int) -> bytes:
    """The same pictures, of which the last stands for so long."""
    layout = layout_of(video)
    last = seconds * layout.sequence.scale // 2
    return mp4_layout.write(replace(layout, durations=[*layout.durations[:-1], last]))


FAULTS: dict[str, tuple[str, Callable[[CandidateClip], bytes]]] = {
    "passed through": ("copy", lambda clip: encode(SOURCE)),
    "one frame passed through": ("copy", lambda clip: encode(np.concatenate([SOURCE[:1], REGENERATED[1:]]))),
    "a frame late": ("copy", lambda clip: encode(np.roll(SOURCE, 1, axis=0))),
    "another clip": ("background", lambda clip: encode(PERSON)),
    "a frame too few": ("frames", lambda clip: encode(REGENERATED[:-1])),
    "other timestamps": ("timestamps", lambda clip: encode(REGENERATED, [0, *range(2, 10)])),
    "a last frame for an hour": ("timestamps", lambda clip: lasting(clip.video, 3600)),
    "a last frame for no time": ("timestamps", lambda clip: lasting(clip.video, 0)),
    "another size": ("size", lambda clip: encode(REGENERATED[:, :80])),
    "left empty": ("content", lambda clip: encode(np.where(MASK[..., None], np.uint8(128), SOURCE))),
    "the same person, blurred": ("body likeness", lambda clip: encode(blurred(SOURCE))),
    "a black frame": ("black", lambda clip: encode(blacked(REGENERATED))),
    "frozen": ("frozen", lambda clip: encode(REGENERATED[:1].repeat(len(REGENERATED), axis=0))),
    "frozen people": ("frozen", lambda clip: encode(np.where(MASK[..., None], REGENERATED[:1], REGENERATED))),
    "a voice": ("container", swap_audio_in),
    "a name in the tags": ("container", tag),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught_by_its_gate(candidate: CandidateClip, fault: str) -> None:
    gate, make = FAULTS[fault]
    result = audit(replace(candidate, video=make(candidate)))
    assert isinstance(result, QuarantinedClip)
    assert gate in [score.name for score in result.gates if not score.passed]


CONDITIONINGS: dict[str, tuple[str, Callable[[CandidateClip], bytes]]] = {
    "the source": ("conditioning copy", lambda clip: encode(SOURCE)),
    "the source, small": ("conditioning copy", lambda clip: encode(SOURCE[:, ::2, ::2])),
    "a name in the tags": ("conditioning container", tag),
    "a voice": ("conditioning container", swap_audio_in),
}


@pytest.mark.parametrize("fault", CONDITIONINGS)
def test_the_conditioning_beside_it_is_audited_too(candidate: CandidateClip, fault: str) -> None:
    gate, make = CONDITIONINGS[fault]
    gray = with_evidence(
        candidate, conditioning_video=encode(np.where(MASK[..., None], np.uint8(128), SOURCE))
    )
    assert isinstance(audit(gray), ReleasedClip)
    result = audit(with_evidence(gray, conditioning_video=make(gray)))
    assert isinstance(result, QuarantinedClip)
    assert [score.name for score in result.gates if not score.passed] == [gate]


@pytest.mark.parametrize(("share", "released"), [(0.75, True), (0.9, False)])
def test_a_frame_that_is_mostly_painted_over_is_of_no_use(
    candidate: CandidateClip, share: float, released: bool
) -> None:
    """A third of it is generated whatever is painted there, and does not count."""
    height, width = SOURCE.shape[1:3]
    painted = np.array([[0, 3, 0, 0, width, round(share * height)]], np.int32)
    video = SOURCE.copy()
    video[3, : round(share * height)] = 0
    shown = encode(np.where(MASK[..., None], REGENERATED, video))
    result = audit(replace(with_evidence(candidate, painted=painted), video=shown))
    gates = result.certificate.gates if isinstance(result, ReleasedClip) else result.gates  # type: ignore[union-attr]
    assert isinstance(result, ReleasedClip) == released
    assert [gate.name for gate in gates if not gate.passed] == ([] if released else ["blank"])


def test_a_black_box_over_somebody_hides_them_from_no_gate(candidate: CandidateClip) -> None:
    """Lettering on clothes was once painted over before anybody looked: then nobody is there to be recognised."""
    box = [[0, t, 24, 8, 104, 88] for t in range(len(SOURCE))]
    painted = with_evidence(candidate, painted=np.array(box, np.int32))
    for video, gate in ((encode(SOURCE), "copy"), (encode(blurred(SOURCE)), "body likeness")):
        result = audit(replace(painted, video=video))
        assert isinstance(result, QuarantinedClip)
        assert gate in [score.name for score in result.gates if not score.passed]


def test_whom_only_the_final_look_sees_is_refused_and_may_not_be_a_copy(candidate: CandidateClip) -> None:
    """Somebody who is in no mask, and therefore in the result as they were; the frames looked at are the source's."""
    shown: list[np.ndarray] = []

    def look(frames: np.ndarray) -> list[PersonBoxes]:
        shown.append(frames.copy())
        box = np.array([[100, 16, 124, 80]], np.float32)
        return [PersonBoxes(box, np.full(1, 0.9, np.float32))] * len(frames)

    painted = np.array([[0, t, 96, 8, 128, 88] for t in range(len(SOURCE))], np.int32)
    result = audit(with_evidence(candidate, painted=painted), final=look)
    assert isinstance(result, QuarantinedClip)
    failed = {score.name for score in result.gates if not score.passed}
    assert {"final look", "copy"} <= failed
    assert np.abs(shown[0].astype(int) - SOURCE).mean() < 8, "not what was painted over"


@pytest.mark.parametrize(("passing", "elsewhen"), [(False, 0.0), (False, 0.45), (True, 0.0), (False, 0.6)])
def test_a_box_that_reaches_over_scenery_beside_the_mask_is_of_nobody_there_unless_somebody_is(
    candidate: CandidateClip, tmp_path: Path, passing: bool, elsewhen: float
) -> None:
    """The mask accounts for the box, but for a gap: there other frames show the same, or they do not, or somebody is
    rather seen in them, too, though not surely enough for the gate: who stands still."""
    gap = np.s_[:, 30:50, 50:66]
    source, mask = np.repeat(SOURCE[:1], len(SOURCE), axis=0), MASK.copy()
    mask[gap] = False
    if passing:
        source[4][gap[1:]] = SOURCE[4][gap[1:]]
    (tmp_path / "a.mp4").write_bytes(encode(source))
    (ref,) = plan_source(f"{tmp_path}/a.mp4", "a.mp4", b"key", PROFILE.clip)
    video = encode(np.where(mask[..., None], PERSON, source))
    body = mask.copy()
    body[:, :, 46:74] = False
    clip = with_evidence(replace(candidate, ref=ref, video=video), mask=mask, body=body, renewed=mask)

    def look(frames: np.ndarray) -> list[PersonBoxes]:
        box = np.array([[40, 16, 80, 80]], np.float32)
        scores = [0.9 if t == 4 else elsewhen for t in range(len(frames))]
        return [PersonBoxes(box, np.full(1, score, np.float32)) for score in scores]

    result = audit(clip, final=look)
    assert isinstance(result, QuarantinedClip if passing or elsewhen > 0.5 else ReleasedClip), result
    if isinstance(result, QuarantinedClip):
        assert {gate.name for gate in result.gates if not gate.passed} == {"copy"}


def test_bytes_that_are_no_video_are_quarantined(candidate: CandidateClip) -> None:
    result = audit(replace(candidate, video=b"not a video"))
    assert isinstance(result, QuarantinedClip)
    assert result.stage == "audit"


def test_a_score_that_is_not_a_number_does_not_pass(candidate: CandidateClip) -> None:
    unknown = replace(GATE_1[0], score=float("nan"))
    assert isinstance(audit(with_evidence(candidate, gates=[unknown, *GATE_1[1:]])), QuarantinedClip)


@pytest.mark.parametrize("gates", [[], GATE_1[:2], GATE_1[1:], [*GATE_1, GATE_1[0]]])
def test_without_the_gates_of_condition_nothing_is_released(
    candidate: CandidateClip, gates: list[Gate]
) -> None:
    result = audit(with_evidence(candidate, gates=gates))
    assert isinstance(result, QuarantinedClip)
    assert result.reason.startswith("not the gates that are due")


@pytest.mark.parametrize("name", ["mask", "body", "renewed"])
@pytest.mark.parametrize("part", [np.s_[:1, :1, :1], np.s_[:4], np.s_[:, :48]])
def test_masks_of_fewer_frames_or_pixels_release_nothing(
    candidate: CandidateClip, name: str, part: tuple[slice, ...]
) -> None:
    """What is asked of the rest would be nothing."""
    result = audit(with_evidence(candidate, **{name: MASK[part]}))
    assert isinstance(result, QuarantinedClip) and result.stage == "audit"


def test_a_source_that_vanished_is_a_failed_clip(candidate: CandidateClip) -> None:
    result = audit(replace(candidate, ref=replace(candidate.ref, uri="/nowhere/a.mp4")))
    assert isinstance(result, FailedClip)
    assert "/nowhere" not in result.reason


def test_a_released_clip_proves_itself(candidate: CandidateClip) -> None:
    released = audit(candidate)
    assert isinstance(released, ReleasedClip)
    with pytest.raises(ValueError, match="does not hold the bytes"):
        replace(released, video=released.video + b"\0")
    with pytest.raises(ValueError, match="carries the certificate"):
        replace(released, ref=replace(released.ref, clip_id=released.ref.clip_id + 1))
    gates = released.certificate.gates
    for wrong in ([], gates[1:], [*gates, gates[0]], [replace(gates[0], score=0.99), *gates[1:]]):
        with pytest.raises(ValueError, match="has not passed every gate"):
            replace(released, certificate=replace(released.certificate, gates=wrong))
    lax = POLICY.model_copy(update={"name": "lax"})
    with pytest.raises(ValueError, match="another policy"):
        replace(released, policy=lax.model_dump_json())


def _score(clip: CandidateClip, name: str) -> float:
    result = audit(clip)
    assert isinstance(result, ReleasedClip | QuarantinedClip)
    gates = result.certificate.gates if isinstance(result, ReleasedClip) else result.gates
    (score,) = [gate.score for gate in gates if gate.name == name]
    return score


@pytest.mark.parametrize(
    ("name", "most"),
    [("copy", POLICY.gates.copied_share), ("body likeness", POLICY.gates.body_likeness)],
)
def test_a_table_that_only_the_context_shows_is_nobody(
    candidate: CandidateClip, tmp_path: Path, name: str, most: float
) -> None:
    """Somebody comes before it in the first released frame, and their mask holds it: it is drawn as it was seen."""
    source = np.repeat(SOURCE[:1], 9, axis=0)
    source[2:, 16:80, 64:96] = noise(1)[0, 16:80, 64:96] // 2
    shown = source[2:].copy()
    shown[:, 16:80, 64:96] = PERSON[0, 16:80, 64:96]
    path = tmp_path / "a.mp4"
    path.write_bytes(encode(source))
    (ref,) = plan_source(str(path), "a.mp4", b"key", PROFILE.clip)
    masks = dict.fromkeys(("mask", "body", "renewed"), MASK[2:]) | {"spared": np.zeros_like(MASK[2:])}
    nobody_yet, somebody = np.zeros_like(MASK[:2]), MASK[:2]
    told = {}
    for when, context in (("seen", nobody_yet), ("masked", somebody), ("unknown", MASK[:0])):
        held = replace(candidate.evidence, **masks, context=context, painted=candidate.evidence.painted[:0])
        clip = replace(
            candidate, ref=replace(ref, overlap=2), evidence=held, video=encode(shown, ref.pts[2:])
        )
        told[when] = _score(clip, name)
    assert told["seen"] < most < min(told["masked"], told["unknown"])
