"""Judges of somebody's own, by YAML: networks are loaded as they are, or it is said in a line that they cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

from benchmarks.standins.random_qwen import save_random_qwen
from benchmarks.standins.random_sam import save_sam2
from cluster import weights_lock
from operators.evaluation.attacker import Attacker
from operators.evaluation.beside.words import Said, alike, cosine, said
from operators.evaluation.judges.bodies import BodyEmbedder, beside, described
from operators.evaluation.judges.gaits import GaitEmbedder
from operators.evaluation.judges.models import JudgeModels
from operators.evaluation.judges.vbench import Consistency, VBench, flickering
from operators.models.witnesses.reid import SIZE, Crop
from schemas.config import load
from schemas.cues import Patch
from schemas.errors import UserError
from schemas.evaluation import (
    CONTROL,
    RECAST,
    SOURCE,
    BodySettings,
    GaitSettings,
    Judges,
    Look,
    Measured,
    VBenchSettings,
)
from schemas.extractors import Network
from tests.onnx_files import save_mean_over_time
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import save_depth_anything, save_rt_detr, save_vitpose

FACE = "cluster/weights/embedded/face.onnx"
OWN = BodySettings(weights=FACE, output="face", height=150, width=150, mean=(0, 0, 0), std=(1, 1, 1))


def save_vit(folder: Path) -> Path:
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(**small, image_size=32, patch_size=16)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_clip(folder: Path) -> Path:
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = CLIPVisionConfig(**small, image_size=32, patch_size=16, projection_dim=16)
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(
        folder
    )
    return folder


def settings_of(folder: Path, *more: str) -> Judges:
    """The shipped production judges with tiny networks of the same classes."""
    boxes = save_rt_detr(folder / "boxes")
    return load(
        Judges,
        "cluster/judges/production.yaml",
        [
            f"people.pose={{model: vitpose, weights: {save_vitpose(folder / 'pose')}, detector: {{model: rt_detr, "
            f"weights: {boxes}, image_size: 128, confidence: 0.01}}}}",
            f"people.segment={{model: sam2, weights: {save_sam2(folder / 'masks')}, detector: {{model: rt_detr, "
            f"weights: {boxes}, image_size: 128, confidence: 0.01}}}}",
            f"depth={{model: depth_anything, weights: {save_depth_anything(folder / 'depth')}}}",
            f"words={{model: qwen_vl, weights: {save_random_qwen(folder / 'words')}}}",
            f"embedders.own={{weights: {FACE}, output: face, height: 150, width: 150}}",
            f"gait={{weights: {save_mean_over_time(folder / 'gait.onnx')}, output: walk, frames: 4}}",
            f"vbench={{subject: {{weights: {save_vit(folder / 'vit')}}}, "
            f"background: {{weights: {save_clip(folder / 'clip')}}}}}",
            *more,
        ],
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    return settings_of(tmp_path_factory.mktemp("judges"))


def test_the_production_judges_are_loaded_by_their_real_classes(settings: Judges) -> None:
    judges, frames = JudgeModels.load(settings), noise(5, 96, 128)
    found = judges.people(frames)
    assert len(found) == 5
    for one in found:
        assert len(one.boxes) == len(one.scores) == len(one.keypoints) == len(one.masks)
        assert one.keypoints.shape[1:] == (17, 3)
    assert set(judges.embedders) == {"likeness", "attacker", "own"}
    assert judges.depth and judges.depth(frames).shape == (5, 96, 128)
    assert judges.vbench and set(dict(judges.vbench(frames))) == {
        "temporal flickering", "subject consistency", "background consistency",
    }  # fmt: skip
    assert judges.ask and judges.ask(frames, 10.0, "Who is it?") == judges.ask(frames, 10.0, "Who is it?")
    digests = weights_lock.digests_of(settings)
    parts = [settings.words, settings.gait, settings.vbench.subject if settings.vbench else None]
    assert {one.weights for one in parts if one} | {FACE} <= set(digests), "all that is loaded is vouched for"


@pytest.mark.parametrize(
    "named",
    [
        "words={model: qwen_vl, weights: nowhere}",
        "gait={weights: nowhere, output: walk}",
        "vbench={subject: {weights: nowhere}}",
        "vbench={background: {weights: nowhere}}",
        "embedders.own={weights: nowhere, output: face}",
        "faces={weights: nowhere, output: face, side: 112}",
        "people={model: posed, pose: {model: ensemble, weights: nowhere}, segment: {model: sam3, weights: nowhere}}",
    ],
)
def test_a_network_that_is_not_at_hand_is_said_before_anything_is_measured(
    tmp_path: Path, named: str
) -> None:
    with pytest.raises(UserError, match="nowhere"):
        weights_lock.digests_of(load(Judges, "cluster/judges/embedded.yaml", [named]))


def test_a_network_of_your_own_sees_people_in_its_own_size_and_stands_beside_others() -> None:
    own = BodyEmbedder(OWN)
    crop = Crop((10, 10, 40, 90), np.ones((80, 30), bool))
    frames, sizes = noise(3, 96, 64), list[tuple[int, ...]]()

    def other(pictures: list[np.ndarray]) -> np.ndarray:
        sizes.extend(one.shape for one in pictures)
        return np.eye(3, 7, dtype=np.float32)

    found = described([(crop, frame) for frame in frames], {"own": own, "other": other})
    assert found.shape == (2, 3, 128) and sizes == [(*SIZE, 3)] * 3
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(found[1] @ found[1].T, np.eye(3), atol=1e-6)
    assert own([]).shape[0] == 0
    np.testing.assert_allclose(own([crop.of(frames[0], (150, 150))])[0], found[0, 0], atol=1e-5)
    assert beside([np.ones((2, 3)), np.ones((2, 5))]).shape == (2, 2, 5)
    with pytest.raises(UserError, match="has no output nothing"):
        BodyEmbedder(OWN.model_copy(update={"output": "nothing"}))


def outline(x: int, wide: int, tall: int = 80) -> Patch:
    """A leg that is put forward by so many px."""
    picture = np.zeros((120, 160), bool)
    picture[20 : 20 + tall // 2, x : x + 20] = True
    picture[20 + tall // 2 : 20 + tall, x - wide : x + 20 + wide] = True
    return Patch.of(picture)


def test_a_gait_network_is_shown_outlines_wherever_somebody_walks(tmp_path: Path) -> None:
    settings = GaitSettings(weights=str(save_mean_over_time(tmp_path / "g.onnx")), output="walk", frames=6)
    gait = GaitEmbedder(settings)
    walks = {
        name: [outline(50 + 8 * t, step * (t % 3)) for t in range(6)] for name, step in (("a", 4), ("b", 14))
    }
    elsewhere = [outline(90 - 4 * t, 4 * (t % 3)) for t in range(6)]
    a, b, again = (gait(some) for some in (walks["a"], walks["b"], elsewhere))
    assert a.shape == (64 * 44,) and np.linalg.norm(a) == pytest.approx(1, abs=1e-5)
    assert a @ again > 0.999 > a @ b
    empty = Patch(0, 0, np.zeros((0, 0), bool))
    assert np.isnan(gait([empty, walks["a"][0]])).all(), "one moment is no walk"


def test_who_walks_alike_is_found_by_the_gait_network() -> None:
    def look(method: str, person: str, walk: np.ndarray) -> Look:
        nothing = np.full(34, np.nan, np.float32)
        parts = [
            np.ones((1, 4)),
            np.ones((1, 4)),
            np.full(1, np.nan),
            np.full(9, np.nan),
            np.tile(nothing, 8),
        ]
        body, head, face, gait, motion = parts
        picture = np.zeros((96, 48, 3))
        one = Look(
            method,
            f"{person}s",
            f"{person}s-0",
            person,
            person,
            100.0,
            body,
            head,
            face,
            gait,
            motion,
            picture,
        )
        return replace(one, outline=walk)

    walks = dict(zip("abcd", np.eye(4), strict=True))
    unseen = np.full(1, np.nan)
    looks = [look(SOURCE, who, walk) for who, walk in walks.items()]
    looks += [look(CONTROL, who, walk) for who, walk in walks.items()]
    looks += [look(RECAST, who, unseen) for who in walks]
    attacker = Attacker([Measured("s", ["s-0"], [], [], looks, [], [])], {})
    shown, hidden = (attacker.attack(method, "gait")["outlines R-1"] for method in (CONTROL, RECAST))
    assert shown.value == 1 and hidden.value == pytest.approx(hidden.chance)


@pytest.mark.parametrize(("save", "part"), [(save_vit, "subject"), (save_clip, "background")])
def test_what_stands_still_is_consistent_and_what_changes_is_less_so(
    tmp_path: Path, save: Callable[[Path], Path], part: str
) -> None:
    network = Network(weights=str(save(tmp_path / "a")), batch=3)
    judge = VBench(VBenchSettings(**{part: network}))
    still, wild = np.tile(noise(1, 48, 64), (5, 1, 1, 1)), noise(5, 48, 64)
    dull = np.full_like(still, 90)
    for frames in (still, dull):
        assert dict(judge(frames)) == {
            "temporal flickering": 1,
            f"{part} consistency": pytest.approx(1, abs=1e-5),
        }
    assert dict(judge(np.stack([dull[0], wild[0], dull[0]])))[f"{part} consistency"] < 1
    assert list(judge(still[:1])) == [], "one frame is as consistent as it is"
    assert flickering(np.stack([dull[0] * 0, dull[0] * 0 + 255])) == 0
    broken = next(iter(judge.networks.values()))
    assert isinstance(broken, Consistency)
    for weight in broken.model.parameters():
        weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="finite"):
        dict(judge(wild))
    with pytest.raises(UserError, match=r"cannot be loaded|lacks"):
        VBench(VBenchSettings(**{part: Network(weights=str(save_rt_detr(tmp_path / "other")))}))


def test_what_is_said_of_the_same_is_alike_and_of_another_is_not() -> None:
    tall = Said(["A tall man in a red coat.", "", "An old woman."], ["2", "walk fast", "Yes."])
    again = Said(["a TALL man, in the red coat", "somebody", "Grey trousers"], ["two", "Walk", "yes"])
    found = list(alike(tall, again))
    assert [name for name, *_ in found] == ["captions alike"] * 2 + ["answers alike"] * 3
    assert [value for _, value, _ in found] == [pytest.approx(1), 0, 0, 1, 1]
    assert cosine("the and of", "the") == 0


def test_everybody_is_described_and_every_question_is_put(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = np.zeros((9, 120, 160), int)
    masks[:, 10:110, 30:70] = 1
    masks[:, 10:20, 100:104] = 2  # too small to be told
    asked = list[tuple[tuple[int, ...], str]]()

    def ask(frames: np.ndarray, fps: float, question: str) -> str:
        asked.append((frames.shape, question))
        return f"{fps:.1f}"

    somebody: Any = type("Somebody", (), {"masks": masks, "people": [("a", "a"), ("b", "b")]})
    before: Any = type("Before", (), {"somebody": somebody, "moments": [0, 4, 8]})
    found = said(ask, noise(9, 120, 160), before, 12.0)
    assert found.captions == ["3.0", ""] and set(found.answers) == {"12.0"}
    assert [shape for shape, _ in asked] == [(3, 384, 192, 3)] + [(9, 120, 160, 3)] * len(found.answers)
    assert "hair" in asked[0][1] and len({question for _, question in asked}) == len(asked)
