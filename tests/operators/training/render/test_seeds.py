"""Seeds: splits share nobody, no clothes and no scene, and shards hold every seed once."""

from collections import Counter

import numpy as np
import pytest

from operators.training.render.casting import REID_SCENES, reid_plan, roles_of
from operators.training.render.seeds import SPLITS, shards_of
from schemas.errors import UserError

TRAIN, VAL = SPLITS["train"], SPLITS["val"]


def test_splits_share_no_seed() -> None:
    drawn = {}
    for split in (TRAIN, VAL):
        rng = np.random.default_rng(0)
        roles = [role for seed in range(REID_SCENES) for role in roles_of(rng, seed, split, reid=True)]
        people = {split.pick(rng) for _ in range(5000)}
        people |= {(role.identity_seed, role.outfit_seed) for role in roles}
        scenes = {make(seed) for make in (split.crop, split.street) for seed in (0, 1, 499_999)}
        drawn[split.name] = *zip(*people, strict=True), scenes
    for train, val in zip(drawn["train"], drawn["val"], strict=True):
        assert not set(train) & set(val)


def test_crops_and_streets_share_no_scene() -> None:
    assert TRAIN.crop(499_999) < TRAIN.street(0)
    for seed in (-1, 500_000):
        with pytest.raises(UserError, match="--seeds"):
            TRAIN.crop(seed)


def test_people_return_mostly_in_clothes_of_their_own() -> None:
    rng = np.random.default_rng(1)
    drawn = [VAL.pick(rng) for _ in range(4000)]
    own = [(outfit - VAL.offset) // 10 == identity - VAL.offset for identity, outfit in drawn]
    assert 0.70 < np.mean(own) < 0.82
    assert len({identity for identity, _ in drawn}) == VAL.identities


def test_shards_hold_every_seed_once() -> None:
    shards = shards_of("crops-train", range(100, 350), 100)
    assert list(shards) == ["crops-train-000100.tar", "crops-train-000200.tar", "crops-train-000300.tar"]
    assert [seed for seeds in shards.values() for seed in seeds] == list(range(100, 350))
    assert shards_of("crops-val", range(7), None) == {"crops-val.tar": range(7)}


def test_reid_shows_each_twice_in_the_same_clothes_and_once_in_others() -> None:
    shown = Counter((index, clothes) for seed in range(REID_SCENES) for index, _, clothes in reid_plan(seed))
    assert set(shown) == {(index, clothes) for index in range(6) for clothes in ("same", "changed")}
    assert all(count == (2 if clothes == "same" else 1) for (_, clothes), count in shown.items())
    assert reid_plan(REID_SCENES - 1) == []
    outfits = {
        (index, outfit, clothes) for seed in range(REID_SCENES) for index, outfit, clothes in reid_plan(seed)
    }
    assert len({(index, outfit) for index, outfit, _ in outfits}) == 12
