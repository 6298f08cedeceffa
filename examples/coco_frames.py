"""Labels as a trainer of pictures opens them: `python -m examples.coco_frames OUT --to FOLDER`. Needs webdataset, PyAV.

Of a dataset whose policy says `labels: coco`. FOLDER/annotations.json is COCO's, of every released clip in one;
FOLDER/KEY/000000.png is a clip's first frame, and so on: what `file_name` says, below FOLDER as the folder of pictures.
pycocotools, torchvision's CocoDetection and the like read that as it is.
"""

import argparse
import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import av
import webdataset as wds

ANNOTATIONS = "annotations.json"


def write(dataset: Path, folder: Path) -> dict[str, Any]:
    """All pictures and one file of labels; images and annotations are numbered from 1 through all clips."""
    whole: dict[str, Any] = {"images": [], "annotations": []}
    for sample in wds.WebDataset(
        [str(path) for path in sorted(dataset.glob("shards/*.tar"))], shardshuffle=False
    ):
        if "labels.json" not in sample:
            raise SystemExit(
                f"{dataset}: has no labels in COCO's form. Give one whose policy says labels: coco"
            )
        told = json.loads(sample["labels.json"])
        first = len(whole["images"]) + 1
        number = count(len(whole["annotations"]) + 1)
        pictures = {image["frame"]: image for image in told["images"]}
        for frame, picture in enumerate(_pictures(sample["mp4"])):
            path = folder / pictures[frame]["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
        whole["images"] += [image | {"id": first + image["id"]} for image in told["images"]]
        whole["annotations"] += [
            one | {"id": next(number), "image_id": first + one["image_id"]} for one in told["annotations"]
        ]
        whole |= {name: told[name] for name in ("info", "licenses", "categories")}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ANNOTATIONS).write_text(json.dumps(whole))
    return whole


def _pictures(video: bytes) -> Iterator[Any]:
    """PIL's, one after the other."""
    with av.open(io.BytesIO(video)) as container:
        yield from (frame.to_image() for frame in container.decode(video=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "dataset", type=Path, metavar="OUT", help="the output of jobs.anonymize, on this disk"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", required=True)
    arguments = parser.parse_args()
    made = write(arguments.dataset, arguments.to)
    print(f"{len(made['images'])} pictures, {len(made['annotations'])} labels of people")
