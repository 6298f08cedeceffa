"""A blind detector, or one that sees somebody everywhere, does not get to work, and does not go on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import operators.audit
import operators.conditioning.cue_models
import operators.conditioning.redact
import operators.gates.text
from operators.audit import GateModels
from operators.conditioning.cue_models import CueModels
from operators.models.known_answer import Blind, Sight, picture, reads_writing, sees_people
from operators.models.runtime.once import Once
from operators.models.scene.ocr import TextReader
from schemas.clip import QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.cues import PersonBoxes, Strings
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile
from tests.operators.sightings import no_boxes
from tests.operators.stages import Stages

PROFILE = load(Profile, "cluster/profiles/embedded.yaml")
POLICY = load(Policy, "cluster/policies/driving.yaml")
SIGHT: dict[str, float] = {"blind": 0.0, "everywhere": 1.0, "no number": float("nan")}


def scored(score: float) -> Callable[..., list[PersonBoxes]]:
    def look(frames: np.ndarray, *_: Any) -> list[PersonBoxes]:
        if not score:
            return no_boxes(frames)
        return [PersonBoxes(np.array([[0, 0, 9, 9]], np.float32), np.array([score], np.float32))] * len(
            frames
        )

    return look


def test_the_pictures_are_what_their_names_say() -> None:
    """By the embedded cue models and gates, at the limits of the policy."""
    CueModels.load(PROFILE, POLICY)
    GateModels.load(PROFILE, POLICY)
    assert picture("people.jpg").shape != picture("nobody.jpg").shape


@pytest.mark.parametrize("sight", SIGHT)
def test_who_sees_nobody_or_somebody_everywhere_is_named(sight: str) -> None:
    with pytest.raises(UserError, match="witness"):
        Sight({"witness": sees_people(scored(SIGHT[sight]), 0.5)})


@pytest.mark.parametrize(
    "people", [(), (0.3,), (np.nan,), (np.inf,), (-np.inf,), (0.9, np.nan), (0.9, np.inf)]
)
def test_no_number_where_people_are_is_nobody_seen(people: tuple[float, ...]) -> None:
    """As of a network in half precision, whose sums leave its range where there is something to see."""

    def look(frames: np.ndarray) -> list[PersonBoxes]:
        scores = people if frames.shape == picture("people.jpg").shape else ()
        return [PersonBoxes(np.zeros((len(scores), 4), np.float32), np.array(scores, np.float32))]

    with pytest.raises(UserError, match="sees nobody in a picture of people"):
        Sight({"witness": sees_people(look, 0.5)})


@pytest.mark.parametrize("nobody", [(0.9,), (np.nan,), (np.inf,), (-np.inf,), (0.1, np.nan)])
def test_no_number_where_nobody_is_is_somebody_seen(nobody: tuple[float, ...]) -> None:
    def look(frames: np.ndarray) -> list[PersonBoxes]:
        scores = (0.9,) if frames.shape == picture("people.jpg").shape else nobody
        return [PersonBoxes(np.zeros((len(scores), 4), np.float32), np.array(scores, np.float32))]

    with pytest.raises(UserError, match="sees somebody in a picture of nobody"):
        Sight({"witness": sees_people(look, 0.5)})


LOADED: dict[str, tuple[Any, str, Any]] = {
    "pose": (operators.conditioning.cue_models, "pose_model", CueModels),
    "segment": (operators.conditioning.cue_models, "segment_model", CueModels),
    "condition's witness": (operators.conditioning.cue_models, "Witness", CueModels),
    "condition's faces": (operators.conditioning.cue_models, "FaceDetector", CueModels),
    "audit's witness": (operators.audit, "Witness", GateModels),
    "audit's faces": (operators.audit, "FaceDetector", GateModels),
    "final": (operators.audit, "FinalLook", GateModels),
}


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("name", LOADED)
def test_with_a_detector_that_cannot_see_no_stage_begins(
    name: str, sight: str, read: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others see what they should, so it is this one that is named."""
    for module in (operators.conditioning.redact, operators.gates.text):
        monkeypatch.setattr(module, "TextReader", lambda *_: read)
    for module, maker, _ in LOADED.values():
        monkeypatch.setattr(module, maker, lambda *_: seeing_right)
    module, maker, models = LOADED[name]
    monkeypatch.setattr(module, maker, lambda *_: scored(SIGHT[sight]))
    with pytest.raises(UserError, match=name.rsplit(maxsplit=1)[-1]):
        models.load(PROFILE, POLICY)
    monkeypatch.setattr(module, maker, lambda *_: seeing_right)
    models.load(PROFILE, POLICY)


def seeing_right(frames: np.ndarray, *_: Any) -> list[PersonBoxes]:
    return scored(0.9)(frames) if np.array_equal(frames, picture("people.jpg")) else no_boxes(frames)


class Failing:
    """Sees right, until it fails in one of the ways in which runtimes do, without a word."""

    def __init__(self) -> None:
        self.way, self.last, self.looks = "", no_boxes(picture("nobody.jpg")), 0

    def __call__(self, frames: np.ndarray, *_: Any) -> list[PersonBoxes]:
        self.looks += len(frames)
        match self.way:
            case "nothing":
                return no_boxes(frames)
            case "the last answer":
                return self.last
            case "zeros":
                return scored(1e-9)(frames)
            case "no number":
                return scored(float("nan"))(frames)
            case "somebody everywhere":
                return scored(0.9)(frames)
            case "no frame":
                return []
            case "an error":
                raise RuntimeError("/secret/name.mp4")
        people = frames.shape == picture("people.jpg").shape
        self.last = scored(0.9)(frames) if people else no_boxes(frames)
        return self.last


WAYS = ["nothing", "the last answer", "zeros", "no number", "somebody everywhere", "no frame", "an error"]


@pytest.mark.parametrize("way", WAYS)
def test_who_goes_blind_on_the_way_is_found_before_the_clip_leaves(way: str) -> None:
    """Whoever remembers pictures, too: it is another one each time."""
    detector = Failing()
    sight = Sight({"witness": sees_people(Once(detector), 0.5)})
    for _ in range(3):
        sight.again()
    assert detector.looks == 2 + 3 * 2
    detector.way = way
    with pytest.raises(Blind, match="witness") as raised:
        sight.again()
    assert "secret" not in str(raised.value)


@pytest.fixture(scope="module")
def read() -> TextReader:
    return TextReader(PROFILE.text)


def test_a_reader_reads_what_is_written_and_nothing_where_nothing_is(read: TextReader) -> None:
    Sight({"text": reads_writing(read)}).again()
    blind = [Strings(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])]
    for wrong in (blind, [Strings(np.ones((1, 4), np.float32), np.ones(1, np.float32), ["RECAST 4711"])]):
        with pytest.raises(UserError, match="text"):
            Sight({"text": reads_writing(lambda _, wrong=wrong: wrong)})


@pytest.mark.parametrize("part", ["_load_det_model", "_load_rec_model"])
def test_a_reader_whose_network_gives_zeros_from_now_on_is_blind(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime's session is what fails, below all that is ours."""
    reader = TextReader(PROFILE.text)
    sight = Sight({"text": reads_writing(reader)})
    network = getattr(reader.ocr, part)()
    run = network.session
    monkeypatch.setattr(network, "session", lambda inputs: np.zeros_like(run(inputs)))
    with pytest.raises(Blind, match="text"):
        sight.again()


@pytest.mark.parametrize("stage", ["condition", "audit"])
def test_a_stage_lets_no_clip_go_that_it_made_while_it_went_blind(
    tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what it made nor what it refused: of a clip that nobody saw nobody can say anything."""
    stages, detector = Stages(tmp_path, "structhuman"), Failing()
    sight = Sight({"witness": sees_people(detector, 0.5)})
    monkeypatch.setattr(getattr(stages, stage).models, "sight", sight)
    assert isinstance(stages.run(first=stage), ReleasedClip)
    detector.way = "nothing"
    with pytest.raises(Blind):
        stages.run(first=stage)
    monkeypatch.setattr(
        {"condition": operators.condition, "audit": operators.audit}[stage], "shots", Failing.__call__
    )
    with pytest.raises(Blind):  # after an error, too
        stages.run(first=stage)


def test_an_actor_that_has_gone_blind_ends(tmp_path: Path) -> None:
    """And its clip is not held against it: no mark of an attempt is left."""
    say = (
        "import sys\nfrom cluster.weights_lock import checked\n"
        "from operators.models.known_answer import Blind\nfrom operators.recovery.attempts import Attempts\n"
        "from operators.recovery.fail_closed import each\nfrom tests.cluster import toy\n"
        "def gone(_): raise Blind('witness sees nobody in a picture of people')\n"
        "class Stage:\n"
        "    def __call__(self, batch): return each('audit', gone, batch, Attempts(60, sys.argv[1]))\n"
        "checked(Stage, {})()([toy.make_ref(1)])\nprint('went on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", say, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "went on" not in done.stdout and "witness" in done.stderr, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("answer", ["zeros", "always the same"])
def test_a_network_of_likeness_that_is_blind_releases_nobody(
    tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no detector and is asked nothing: of zeros there is no cosine, and who is always the same is recognised."""
    stages = Stages(tmp_path, "structhuman")
    vector = np.zeros(64, np.float32) if answer == "zeros" else np.ones(64, np.float32)
    embed = stages.audit.models.likeness
    monkeypatch.setattr(embed, "embed", lambda pictures: np.stack([vector] * len(pictures)), raising=False)
    outcome = stages.run()
    assert isinstance(outcome, QuarantinedClip) and "likeness" in outcome.reason
