"""What a trainer of pictures opens: labels of all clips in one COCO file, each frame where `file_name` says."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset as wds
from PIL import Image

from examples.coco_frames import ANNOTATIONS, write
from operators.release.labels import written
from operators.release.rle import runs
from operators.video.encode import encode_video
from schemas.person_label import PersonLabel

HEIGHT, WIDTH, FRAMES, CLIPS = 32, 48, 4, 5  # of each clip of two shards


def level(clip: int, frame: int) -> int:
    """By which a picture is known again."""
    return 40 * clip + 9 * frame + 5


def label(clip: int, frame: int) -> PersonLabel:
    """Of one person in each frame, elsewhere in each."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    x = 4 * frame + clip
    mask[8:20, x : x + 6] = True
    return PersonLabel(
        frame, 1, "0123456789abcdef", [x, 8, x + 6, 20], 1.0, [x + 1.0, 9.0, 2.0] * 17, runs(mask)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written from two shards; of the clip in the middle nobody is labelled."""
    place = tmp_path_factory.mktemp("coco")
    (place / "out/shards").mkdir(parents=True)
    for shard in range(2):
        with wds.TarWriter(str(place / f"out/shards/{shard}.tar")) as tar:
            for clip in range(shard, CLIPS, 2):
                frames = np.stack(
                    [np.full((HEIGHT, WIDTH, 3), level(clip, t), np.uint8) for t in range(FRAMES)]
                )
                video = encode_video(
                    frames, list(range(FRAMES)), Fraction(1, 10), Fraction(10), 18, "ultrafast"
                )
                told = [label(clip, t) for t in range(FRAMES) if clip != 2]
                labels = written(told, "coco", f"clip{clip}", FRAMES, HEIGHT, WIDTH)
                tar.write({"__key__": f"clip{clip}", "mp4": video, "labels.json": labels})
    write(place / "out", place / "to")
    return place / "to"


def test_every_picture_is_where_its_name_says(folder: Path) -> None:
    told: dict[str, Any] = json.loads((folder / ANNOTATIONS).read_text())
    numbers = [one["id"] for one in told["images"]]
    assert numbers == list(range(1, CLIPS * FRAMES + 1))
    named = {image["file_name"] for image in told["images"]}
    assert named == {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}
    for image in told["images"]:
        clip = int(image["video"].removeprefix("clip").removesuffix(".mp4"))
        with Image.open(folder / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"]) == (WIDTH, HEIGHT)
            assert abs(int(np.asarray(picture).mean()) - level(clip, image["frame"])) <= 3
        own = [one for one in told["annotations"] if one["image_id"] == image["id"]]
        assert [one["bbox"] for one in own] == [
            [label(clip, image["frame"]).box[0], 8, 6, 12] for _ in range(clip != 2)
        ]
    assert [one["id"] for one in told["annotations"]] == list(range(1, (CLIPS - 1) * FRAMES + 1))


def test_pycocotools_reads_it_and_finds_each_in_its_place(folder: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed").COCO(
        str(folder / ANNOTATIONS)
    )
    coco.info()
    ids = coco.getImgIds(catIds=coco.getCatIds(catNms=["person"]))
    assert len(ids) == (CLIPS - 1) * FRAMES
    for one in coco.loadAnns(coco.getAnnIds(imgIds=ids)):
        image = coco.loadImgs(one["image_id"])[0]
        mask = coco.annToMask(one)
        x, y, wide, high = one["bbox"]
        assert mask.shape == (image["height"], image["width"])
        assert mask.sum() == one["area"] == mask[y : y + high, x : x + wide].sum() == wide * high


def test_a_dataset_without_such_labels_is_said(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with wds.TarWriter(str(tmp_path / "shards/0.tar")) as tar:
        tar.write({"__key__": "clip", "mp4": b"", "json": {}})
    with pytest.raises(SystemExit, match="has no labels in COCO's form"):
        write(tmp_path, tmp_path / "to")
