"""What an adapter has learnt by heart is told from what it has not, and one that has learnt nothing tells nothing."""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset as wds

from cluster import weights_lock
from jobs.evaluate import told_apart
from jobs.membership import told_by_adapter
from operators.evaluation.membership import Gain, by_source, membership
from operators.evaluation.store import Store
from operators.generation.phrase_embedding import PHRASES, WIDTH
from operators.training.batch import Latents
from operators.training.flow_loss import Denoising
from operators.training.pair_members import members_of
from operators.training.trainer import Trainee
from schemas.config import load
from schemas.errors import UserError
from schemas.pair import TrainingPair
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.recipe import Recipe
from tests import rows
from tests.tiny import save_generator, settings_of

POLICY = "cluster/policies/driving.yaml"
SHAPE = 2, 4, 6  # latent frames, rows, columns
MADE_FOR = {"variant": "structhuman", "mode": "tubes"}
AUC, FEW = "membership", "membership, 1 % false alarms"


def pairs_of(count: int, seed: int) -> list[Latents]:
    """Clips of one colour each, which nothing tells but having seen them beside their condition."""
    generator = torch.Generator().manual_seed(seed)

    def some(channels: int) -> torch.Tensor:
        return 2 * torch.randn(channels, 1, 1, 1, generator=generator).expand(channels, *SHAPE)

    words = torch.zeros(PHRASES, WIDTH)
    return [
        {"x": some(4).clone(), "z": torch.cat([some(8), torch.ones(64, *SHAPE)]), "text": words}
        for _ in range(count)
    ]


MEMBERS, STRANGERS = pairs_of(6, 1), pairs_of(12, 2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_generator(tmp_path_factory.mktemp("base") / "generator")


def adapter(base: Path, folder: Path, steps: int) -> str:
    """One that was trained for so many steps on MEMBERS alone."""
    values = {"mode": "lora", "base": str(base), "prediction": "flow_prediction", "steps": max(steps, 1)}
    recipe = Recipe.model_validate({**values, "rank": 8, "alpha": 8, "batch": 6, "rate": 0.02, "shift": 1})
    trainee, denoising = Trainee(recipe), Denoising(recipe)
    x, z, text = (torch.stack([pair[name] for pair in MEMBERS]) for name in ("x", "z", "text"))
    for step in range(steps):
        trainee.step(denoising(trainee.transformer, x, z, text, torch.Generator().manual_seed(step)))
    trainee.save_result(folder, MADE_FOR)
    return str(folder / "adapter.safetensors")


def gains(gain: Gain, pairs: Sequence[Latents]) -> dict[str, list[float]]:
    return {f"{id(pair)}": [gain(pair)] for pair in pairs}


def test_who_was_learnt_by_heart_is_told(base: Path, tmp_path: Path) -> None:
    gain = Gain(settings_of(base, adapter=adapter(base, tmp_path, 100)))
    found = membership(gains(gain, MEMBERS), gains(gain, STRANGERS))
    told = found[AUC]
    assert told.value is not None and told.low is not None and told.value > 0.8 and told.low > 0.5
    assert (told.chance, told.sources, told.count) == (0.5, 18, 6) and (found[FEW].value or 0) > 0
    assert gains(gain, MEMBERS) == gains(gain, MEMBERS)  # the adapter is back, and the noise the same


def test_an_adapter_that_changes_nothing_tells_nothing(base: Path, tmp_path: Path) -> None:
    gain = Gain(settings_of(base, adapter=adapter(base, tmp_path, 0)))
    found = membership(gains(gain, MEMBERS), gains(gain, STRANGERS))
    assert (found[AUC].value, found[AUC].chance) == (0.5, 0.5) and found[FEW].value == 0


def test_members_drawn_like_strangers_are_told_by_chance() -> None:
    drawn = np.random.default_rng(0).normal(size=(2, 400))
    told = membership(
        *(
            {f"{who}{i}": [value] for i, value in enumerate(some)}
            for who, some in zip("ab", drawn, strict=True)
        )
    )
    assert told[AUC].low is not None and told[AUC].high is not None and told[FEW].value is not None
    assert told[AUC].low < 0.5 < told[AUC].high and told[FEW].value < 0.03


def test_pairs_of_one_source_count_once() -> None:
    one = by_source([("a", 1.0), ("a", 0.0), ("b", 0.6)])
    assert one == {"a": [1.0, 0.0], "b": [0.6]}
    assert membership(one, {"c": [0.55]})[AUC].value == 0.5  # a: 0.5 on average, below; b above
    assert membership(one, {"c": [0.55]})[AUC].low is None, "one stranger says nothing of others"


@pytest.mark.parametrize(
    ("ours", "others", "said"),
    [({"a": [1.0]}, {"a": [1.0]}, "1 sources that are also"), ({}, {"a": [1.0]}, "no pairs")],
)
def test_what_is_no_comparison_is_refused(
    ours: dict[str, list[float]], others: dict[str, list[float]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        membership(ours, others)


@pytest.mark.parametrize("spoilt", ["x", "z", "text"])
def test_what_is_no_number_is_no_figure(base: Path, tmp_path: Path, spoilt: str) -> None:
    gain = Gain(settings_of(base, adapter=adapter(base, tmp_path, 0)))
    pair = {name: value.clone() for name, value in MEMBERS[0].items()}
    pair[spoilt].view(-1)[-1] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        gain(pair)


def written(folder: Path, latents: Sequence[Latents], who: str, made_for: dict[str, str]) -> str:
    """A folder of pairs, as jobs.prepare leaves one: a source a pair."""
    (folder / "shards").mkdir(parents=True)
    (folder / "stats").mkdir()
    still = np.zeros((5, 32, 48, 3), np.uint8)
    with wds.TarWriter(str(folder / "shards/a.tar"), encoder=False) as tar:
        for i, held in enumerate(latents):
            pair = TrainingPair(
                f"{who}{i}", "structhuman", "", still, still, still[..., 0] == 0, 0, 1, f"{who}{i}"
            )
            tar.write({"__key__": pair.key, **members_of(pair, held)})
    stats = {"clips": {}, "shards": {"shards/a.tar": ["5x32x48", len(latents)]}}
    (folder / "stats/a.json").write_text(json.dumps(stats))
    (folder / "pairs.json").write_text(json.dumps({"made_for": made_for}))
    return str(folder)


def test_the_job_asks_once_and_only_what_was_prepared_for_it(base: Path, tmp_path: Path) -> None:
    settings = settings_of(base, adapter=adapter(base, tmp_path, 100))
    profile = load(Profile, "cluster/profiles/embedded.yaml").model_copy(update={"generator": settings})
    store, digests = Store(str(tmp_path / "report"), "stamp"), weights_lock.digests(profile)
    ours, others = (
        written(tmp_path / who, some, who, MADE_FOR)
        for who, some in (("members", MEMBERS), ("strangers", STRANGERS))
    )
    wrong = written(tmp_path / "wrong", STRANGERS, "wrong", {"variant": "structhuman", "mode": "whole_frame"})
    with rows.here():
        nothing = Namespace(members="", strangers="")
        assert told_apart(nothing, load(Policy, POLICY), profile, digests, store) == {}
        found = told_by_adapter(ours, others, "structhuman", profile, digests, store)
        assert (found[AUC].value or 0) > 0.8 and not store.sources()
        kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "report").rglob("*.json")}
        assert told_by_adapter(ours, others, "structhuman", profile, digests, store) == found
        assert len(kept) == 2 and all(path.stat().st_mtime_ns == time for path, time in kept.items())
        for arguments, said in (
            *(((ours, ""), "takes both"), (("", others), "takes both"), (("", ""), "takes both")),
            ((ours, wrong), "prepared for structhuman, whole"),
            ((ours, str(tmp_path)), "holds no training pairs"),
        ):
            with pytest.raises(UserError, match=said):
                told_by_adapter(*arguments, "structhuman", profile, digests, store)
        bare = profile.model_copy(update={"generator": settings_of(base)})
        with pytest.raises(UserError, match="no adapter to be attacked"):
            told_by_adapter(
                ours, others, "structhuman", bare, digests, Store(str(tmp_path / "report"), "other")
            )
