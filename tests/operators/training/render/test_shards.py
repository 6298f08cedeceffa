"""Shards: readable by what trains, the same bytes again, complete or not there; and what `check` finds in them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operators.training.render.check import check
from operators.training.render.film import Rendering
from operators.training.render.preview import sheet
from operators.training.render.shards import inverse_depth, write_shard
from operators.training.synthetic_people import read_people
from schemas.errors import UserError
from tests.operators.training.render.renderings import rendering


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    written = [rendering(3), rendering(4)]
    write_shard(tmp_path / "crops-train-000003.tar", written, crf=17)
    read = list(read_people(tmp_path, "crops-train-*.tar"))
    assert [clip.key for clip in read] == ["crop-train-000003", "crop-train-000004"]
    for clip, original in zip(read, written, strict=True):
        assert np.array_equal(clip.masks, original.masks)
        assert np.array_equal(clip.keypoints, original.keypoints)
        assert clip.people == original.facts["people"]
        assert not clip.occluders
        assert clip.frames.shape == original.frames.shape
        metres = 1 / (1 / 60 + clip.depth[:, 8:24, 32:38] / 255 * (1 / clip.near - 1 / 60))
        np.testing.assert_allclose(metres, 4, rtol=0.05)


def test_the_same_clips_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shard(tmp_path / name, [rendering()], crf=17)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_unfinished_shard_is_not_under_its_name(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Rendering]:
        yield rendering()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "crops-train-000000.tar", interrupted(), crf=17)
    assert list(tmp_path.glob("*.tar")) == []


def test_depth_is_inverse_and_the_sky_is_far() -> None:
    metres = np.array([[[0.0, 2.0, 10.0, 60.0, 500.0]]], np.float32)
    value, facts = inverse_depth(metres)
    sky, *rest = value[0, 0].tolist()
    assert sky == 0
    assert rest == sorted(rest, reverse=True)
    assert rest[0] == 255
    assert rest[-2:] == [0, 0]
    assert facts["near_m"] == pytest.approx(2, abs=0.05)
    assert inverse_depth(np.zeros((1, 2, 2), np.float32))[0].max() == 0


def test_check_has_nothing_to_say_against_what_is_right(tmp_path: Path) -> None:
    write_shard(tmp_path / "crops-train-000000.tar", [rendering(0), rendering(1)], crf=17)
    write_shard(tmp_path / "crops-val.tar", [rendering(9, "val")], crf=17)
    found = check(tmp_path)
    assert {name: findings.problems for name, findings in found.items()} == {
        "crops-train": [],
        "crops-val": [],
    }
    rows = dict(found["crops-train"].rows())
    assert rows["clips"] == rows["people"] == rows["identities"] == 2
    assert rows["visible joints"] == rows["visible joints in their person's mask"] == 2 * 5 * 16


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    good = rendering(0)
    strange = np.full_like(good.keypoints, np.nan)
    wrong = {
        "frames_visible": replace(good, masks=np.zeros_like(good.masks)),
        "more people": replace(good, masks=good.masks * 2),
        "not finite": replace(good, keypoints=strange),
        "keypoints have shape": replace(good, keypoints=good.keypoints[:3]),
        "visibility": replace(good, keypoints=good.keypoints * 1.5),
    }
    for problem, clip in wrong.items():
        write_shard(tmp_path / "crops-train-000000.tar", [clip], crf=17)
        assert problem in "\n".join(check(tmp_path)["crops-train"].problems)


def test_check_finds_seeds_that_two_splits_share(tmp_path: Path) -> None:
    write_shard(tmp_path / "crops-train-000000.tar", [rendering(5)], crf=17)
    write_shard(tmp_path / "street-val.tar", [rendering(5, "val", "street")], crf=17)
    for name, findings in check(tmp_path).items():
        assert ["shares 3 seeds" in problem for problem in findings.problems] == [True], name


def test_a_folder_without_shards_is_the_users_to_mend(tmp_path: Path) -> None:
    for look in (check, sheet):
        with pytest.raises(UserError, match="holds no shard"):
            look(tmp_path)


def test_a_sheet_shows_crops_above_streets(tmp_path: Path) -> None:
    write_shard(tmp_path / "crops-train-000000.tar", [rendering(seed) for seed in range(3)], crf=17)
    crops = sheet(tmp_path)
    write_shard(tmp_path / "street-val.tar", [rendering(9, "val", "street")], crf=17)
    both = sheet(tmp_path)
    assert crops.shape == (170, 2048, 3)
    assert both.shape == (170 + 341, 2048, 3)
    assert np.array_equal(both[:170], crops)
    assert (crops == (255, 225, 0)).all(-1).any()  # an outline
