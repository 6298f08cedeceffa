"""Condition with the production profile's model classes, tiny: from a video to tubes with dense prompts, or nothing."""

import shutil
from copy import copy
from pathlib import Path

import pytest

from benchmarks.standins.random_qwen import save_random_qwen
from benchmarks.standins.random_sam import save_sam2
from operators.condition import Condition
from operators.models.known_answer import Sight
from operators.planning.probe import plan_source
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip
from schemas.conditioning import Conditioning
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile
from tests.jobs.small import cut_video
from tests.operators.models.tiny_cues import break_weights, save_depth_anything, save_rt_detr, save_vitpose

MODELS = {
    "pose.detector": save_rt_detr,
    "pose": save_vitpose,
    "segment": save_sam2,
    "depth": save_depth_anything,
    "caption": save_random_qwen,
    "witness": save_rt_detr,
}


class Site:
    """A folder with every model of the commercial profile, tiny, and a short video."""

    def __init__(self, folder: Path) -> None:
        self.folders = {name: save(folder / name) for name, save in MODELS.items()}
        self.video = cut_video(folder / "a.mp4", 5)

    def with_broken(self, name: str, folder: Path) -> "Site":
        """The same but for one model, a copy of this one's in `folder` that says NaN."""
        other = copy(self)
        other.folders = self.folders | {name: Path(shutil.copytree(self.folders[name], folder / name))}
        last = dict.fromkeys(("pose.detector", "witness"), "class_embed.0.bias")
        last |= {"caption": "embed_tokens.weight"}
        break_weights(other.folders[name], last.get(name, ""))
        return other

    def condition(self, variant: str) -> Conditioning | QuarantinedClip | FailedClip:
        """What becomes of the clip."""
        boxes = {f"{part}.detector.weights": self.folders["pose.detector"] for part in ("pose", "segment")}
        boxes |= {f"{part}.detector.image_size": 128 for part in ("pose", "segment")}
        boxes |= {f"{part}.detector.confidence": 0.01 for part in ("pose", "segment")}
        boxes["witness.image_size"] = 128
        values = {f"{name}.weights": folder for name, folder in self.folders.items()} | boxes
        values |= {f"{part}.dtype": "float32" for part in ("pose", "segment", "depth", "caption")}
        values |= {"clip.frames": 5, "clip.overlap": 1, "licences": "any", "pools.condition.device": "cpu"}
        values |= {"generator.tube": "{height: 32, width: 32}", "generator.frame": "{height: 32, width: 48}"}
        settings = [f"{name}={value}" for name, value in values.items()]
        profile = load(Profile, "cluster/profiles/commercial.yaml", settings)
        lenient = ["gates.residual_confidence=0.99", "mask.start_confidence=0", f"variant={variant}"]
        policy = load(Policy, "cluster/policies/driving.yaml", lenient)
        (ref,) = plan_source(str(self.video), "a.mp4", b"key", profile.clip)
        stage = Condition(profile, policy, b"key")
        (outcome,) = from_table(stage(to_table([ref], ClipRef)), Conditioning, QuarantinedClip, FailedClip)
        return outcome


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(autouse=True)
def _short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "operators.models.scene.qwen_vl.SceneDescriber.__init__.__defaults__", ("cpu", "float32", 4)
    )


@pytest.fixture(autouse=True)
def _random_weights_may_see_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/operators/models/test_known_answer.py has who is refused for it."""
    monkeypatch.setattr("operators.conditioning.cue_models.Sight", lambda _: Sight({}))


@pytest.mark.parametrize("variant", ["structhuman", "structall"])
def test_a_clip_is_conditioned_with_prompts_of_120_to_160_words(site: Site, variant: str) -> None:
    outcome = site.condition(variant)
    assert isinstance(outcome, Conditioning), outcome
    assert outcome.evidence.people and outcome.tubes
    for tube in outcome.tubes:
        assert 120 <= len(tube.prompt.split()) <= 160 and "People: " in tube.prompt


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_says_nan_quarantines_the_clip(site: Site, tmp_path: Path, name: str) -> None:
    outcome = site.with_broken(name, tmp_path).condition("structall")
    assert isinstance(outcome, QuarantinedClip)
    assert outcome.stage == "condition" and outcome.reason.startswith("ValueError at")
