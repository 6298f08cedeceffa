"""The whole way for one crop and one street scene, where OpenGL and the body model are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operators.training.render.check import check, joints_in_mask
from operators.training.render.crops import CropSize, make_crop
from operators.training.render.film import Studio
from operators.training.render.seeds import SPLITS
from operators.training.render.shards import write_shard
from operators.training.render.street import StreetSize, make_street
from operators.training.synthetic_people import read_people
from schemas.errors import UserError

CROP, STREET = CropSize(size=64, frames=3), StreetSize(width=160, height=90, frames=3)


@pytest.fixture(scope="module")
def studio() -> Studio:
    """The real one. Skips where it cannot be made."""
    try:
        return Studio()
    except UserError as error:
        pytest.skip(str(error))


def test_a_seed_gives_one_crop(studio: Studio) -> None:
    one, other, same = (make_crop(studio, seed, SPLITS["val"], CROP) for seed in (1, 2, 1))
    for name in ("frames", "masks", "keypoints", "depth"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))
    assert one.facts == same.facts


def test_labels_fit_the_picture(studio: Studio, tmp_path: Path) -> None:
    clips = [make_crop(studio, seed, SPLITS["train"], CROP) for seed in (0, 1)]
    write_shard(tmp_path / "crops-train-000000.tar", clips, crf=17)
    write_shard(
        tmp_path / "street-train-000000.tar", [make_street(studio, 1, SPLITS["train"], STREET)], crf=17
    )
    assert all(findings.problems == [] for findings in check(tmp_path).values())
    for clip, rendered in zip(read_people(tmp_path, "crops-*.tar"), clips, strict=True):
        inside, near, visible = joints_in_mask(clip)
        assert 0.9 * visible < inside <= near <= visible
        person = rendered.masks == 1
        assert 0.01 < person.mean() < 0.9
        assert (rendered.depth[person] > 0.5).all()
        assert (rendered.depth[person] < 15).all()


def test_without_people_nothing_is_labelled(studio: Studio) -> None:
    empty = make_street(studio, 11, SPLITS["val"], replace(STREET, reid=True))
    assert empty.facts["people"] == []
    assert not empty.masks.any()
    assert empty.keypoints.shape == (3, 0, 17, 3)
    assert empty.frames.std() > 5
