"""Training pairs from rendered people: deterministic, cut as tubes, people taken out of the condition."""

import numpy as np

from operators.training.pairs import pair_of_people, scenery_of
from operators.training.synthetic_people import RenderedClip
from schemas.config import load
from schemas.profile import Profile

SETTINGS = load(Profile, "cluster/profiles/embedded.yaml").generator
GARMENTS = {"top": "red top", "bottom": "blue trousers"}
PEOPLE = [{"looks": {"skin": "brown", "hair": "black hair"}, "garments": GARMENTS}]


def sample(height: int = 128, width: int = 128, person: bool = True) -> RenderedClip:
    """A white person, or none, on noise."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 200, (17, height, width, 3), np.uint8)
    masks = np.zeros((17, height, width), np.uint8)
    points = np.zeros((17, 1 if person else 0, 17, 3), np.float32)
    if person:
        masks[:, 20:110, 50:80] = 1
        frames[masks == 1] = 255
        points[:, 0, :, 0], points[:, 0, :, 1], points[..., 2] = 65, np.linspace(25, 105, 17), 2
    return RenderedClip("crops-000007", frames, masks, points, frames[..., 0], PEOPLE if person else [])


def test_the_same_seed_gives_the_same_pair_and_variations_differ() -> None:
    first, again, other = (pair_of_people(sample(), variation, SETTINGS, 0) for variation in (0, 0, 1))
    for name in ("target", "condition", "mask"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.target, other.target)
    assert first.prompt == "brown skin, black hair, red top, blue trousers"


def test_the_person_is_in_the_target_and_not_in_the_condition() -> None:
    for variation in range(12):
        pair = pair_of_people(sample(), variation, SETTINGS, 0)
        assert pair.target.shape == pair.condition.shape == (17, 96, 64, 3)
        person = (pair.target > 240).all(axis=-1)
        assert person.any() and not (pair.condition[person] > 240).all(axis=-1).any()
        if pair.variant == "structhuman":
            assert pair.mask[person].all()
            assert np.array_equal(pair.condition[~pair.mask], pair.target[~pair.mask])


def test_other_scenery_replaces_all_but_the_person() -> None:
    empty = sample(360, 640, person=False)
    black = RenderedClip(empty.key, empty.frames * 0, empty.masks, empty.keypoints, empty.depth, [])
    pair = pair_of_people(sample(), 1, SETTINGS, 0, [black])
    assert pair.variant == "structhuman"
    assert set(np.unique(pair.target[:, 2:-2, 2:-2])) >= {0, 255}
    assert np.percentile(pair.target[~pair.mask], 99) == 0  # its outline may show


def test_scenery_has_nobody_in_it() -> None:
    crowded = sample(360, 640)
    crowded.masks[:] = 1
    assert scenery_of(crowded, 17, np.random.default_rng(0)) is None
