"""The examples do what they say, as they stand."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import webdataset as wds

from examples.custom_cue import movers, with_movers
from examples.custom_gate import flicker, main
from examples.trainer_reader import loader
from operators.conditioning.cue_models import CueModels
from operators.video.encode import encode_video
from tests.operators.stages import BODY, Stages

SHARDS, CLIPS = 2, 3


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of three clips each, laid out as jobs.anonymize does."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "shards").mkdir()
    for shard in range(SHARDS):
        with wds.TarWriter(str(folder / f"shards/{shard}.tar")) as tar:
            for clip in range(CLIPS):
                frames = np.full((4, 32, 48, 3), 40 * clip, np.uint8)
                video = encode_video(frames, [0, 1, 2, 3], Fraction(1, 10), Fraction(10), 18, "ultrafast")
                record = {"frames": 4, "certificate": {"people": clip}}
                tar.write({"__key__": f"{shard}{clip}", "mp4": video, "json": record})
    return folder


@pytest.mark.parametrize("workers", [0, 1, SHARDS, 5])
def test_every_clip_comes_once_whatever_the_number_of_workers(dataset: Path, workers: int) -> None:
    clips = list(loader(dataset, workers))
    assert sorted(clip["key"] for clip in clips) == [f"{s}{c}" for s in range(SHARDS) for c in range(CLIPS)]
    for clip in clips:
        assert clip["frames"].shape == (4, 3, 32, 48)
        assert clip["timestamps"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
        assert clip["people"] == int(clip["key"][1])


@pytest.mark.parametrize(("nodes", "workers"), [(1, 5), (2, 0), (2, 1), (2, 4), (3, 2), (8, 0)])
def test_every_epoch_holds_every_clip_once_over_all_nodes(dataset: Path, nodes: int, workers: int) -> None:
    """More workers than shards, or than clips; shuffled, the same way again for the same seed and epoch."""
    keys = {f"{s}{c}" for s in range(SHARDS) for c in range(CLIPS)}

    def epoch(number: int) -> list[list[str]]:
        return [
            [clip["key"] for clip in loader(dataset, workers, node, nodes, epoch=number, seed=7)]
            for node in range(nodes)
        ]

    epochs = [epoch(number) for number in range(6 if not workers else 2)]
    for made in epochs:
        assert sorted(key for own in made for key in own) == sorted(keys)
    assert epoch(0) == epochs[0]
    if not workers:
        assert len({str(made) for made in epochs}) > 1


def test_what_moves_is_seen_and_what_stands_still_is_not() -> None:
    frames = np.full((9, 80, 120, 3), 90, np.uint8)
    frames[:, 50:70, 90:110] = 200  # always there
    for t in range(9):
        frames[t, 10:40, 10 * t : 10 * t + 15] = 240
    for t, found in enumerate(movers(frames)):
        assert found.boxes.tolist() == [[10 * t, 10, 10 * t + 15, 40]]
        assert found.masks[0].inside.sum() == 30 * 15


def test_condition_masks_with_the_cue_more_than_without(tmp_path: Path) -> None:
    stages = Stages(tmp_path, "structhuman")
    models: CueModels = stages.condition.models
    frames = np.full((9, *BODY.shape, 3), 90, np.uint8)
    frames[4, 60:90, 90:120] = 240
    without, with_it = models.segment(frames), with_movers(models).segment(frames)
    assert [len(found.masks) for found in without] == [1] * 9
    assert [len(found.masks) for found in with_it] == [1, 1, 1, 1, 2, 1, 1, 1, 1]


def test_what_flickers_is_refused_and_what_cannot_be_told_too(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = np.stack([np.full((8, 8, 3), 10 * t, np.uint8) for t in range(9)])
    sudden = slow.copy()
    sudden[4] += 30
    assert flicker(slow, 6.0).passed
    assert not flicker(sudden, 6.0).passed
    assert math.isnan(flicker(slow[:2], 6.0).score) and not flicker(slow[:2], 6.0).passed
    main(dataset)
    assert capsys.readouterr().out.count("passes") == SHARDS * CLIPS
