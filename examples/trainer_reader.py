"""A trainer's reader: `python -m examples.trainer_reader OUT --workers 4`. Needs webdataset, PyAV, PyArrow and PyTorch.

Every released clip comes exactly once an epoch, whatever the number of workers: while there are shards enough, each
worker reads its own; if there are more workers than shards, all read all shards and each keeps every n-th clip, which
reads more but leaves nobody idle. With several nodes each is one of `nodes`: it and its workers take their share of the
same order. `seed` shuffles shards and clips, another way in each epoch and the same way on every node.
"""

import argparse
import io
import json
import random
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import torch
import webdataset as wds
from torch.utils.data import DataLoader, get_worker_info

Sample = dict[str, Any]
SHUFFLED = 100  # clips that wait in each worker to be drawn from


def loader(
    dataset: Path, workers: int, node: int = 0, nodes: int = 1, epoch: int = 0, seed: int | None = None
) -> DataLoader:
    """The clips of one epoch one by one, as `clip_of` gives them; batch those of equal size in your collation.

    `node` counts from 0. Without a `seed` they come in the order of the shards. Make a new loader for each epoch.
    """
    shards = [str(path) for path in sorted(dataset.glob("shards/*.tar"))]
    if seed is not None:
        random.Random(f"{seed} {epoch}").shuffle(shards)
    by_shard = max(workers, 1) * nodes <= len(shards)
    clips = wds.WebDataset(
        shards[node::nodes] if by_shard else shards,
        shardshuffle=False,
        nodesplitter=None,
        workersplitter=wds.split_by_worker if by_shard else None,
        empty_check=False,  # a worker may have nothing to do
    )
    if not by_shard:
        clips = clips.compose(partial(every_nth, node=node, nodes=nodes))
    if seed is not None:
        clips = clips.shuffle(SHUFFLED, rng=random.Random(f"{seed} {epoch} {node}"))
    return DataLoader(clips.map(clip_of), batch_size=None, num_workers=workers)


def every_nth(samples: Iterable[Sample], node: int, nodes: int) -> Iterator[Sample]:
    """Of n workers on all nodes, the one with number k takes samples k, k + n, k + 2n …"""
    worker = get_worker_info()
    own, each = (worker.id, worker.num_workers) if worker else (0, 1)
    return islice(samples, node * each + own, None, nodes * each)


def clip_of(sample: Sample) -> Sample:
    """key; frames uint8 [T,3,H,W]; timestamps float64 [T] in seconds; people, how many were made anew; labels of
    them, as `labels_of` gives them."""
    record = json.loads(sample["json"])
    with av.open(io.BytesIO(sample["mp4"])) as video:
        decoded = list(video.decode(video=0))
    frames = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
    return {
        "key": sample["__key__"],
        "frames": torch.from_numpy(frames).permute(0, 3, 1, 2),
        "timestamps": torch.tensor([frame.time for frame in decoded], dtype=torch.float64),
        "people": record["certificate"]["people"],
        "labels": labels_of(sample),
    }


def labels_of(sample: Sample) -> list[dict[str, Any]]:
    """A dict for each generated person in each frame: frame, track, person, box (x0 y0 x1 y1 px), visibility,
    keypoints (17 times x, y, v as in COCO) and mask, which `mask_of` unrolls; none where the policy publishes none."""
    if "labels.parquet" in sample:
        return list(pq.read_table(io.BytesIO(sample["labels.parquet"])).to_pylist())
    told = json.loads(sample.get("labels.json", b'{"annotations": []}'))["annotations"]
    return [
        {name: one[name] for name in ("person", "visibility", "keypoints")}
        | {"frame": one["image_id"], "track": one["track_id"], "mask": one["segmentation"]["counts"]}
        | {"box": [x, y, x + wide, y + high]}
        for one in told
        for x, y, wide, high in [one["bbox"]]
    ]


def mask_of(counts: list[int], height: int, width: int) -> np.ndarray:
    """bool [H,W]: counts of no and yes in turn, down the columns."""
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "dataset", type=Path, metavar="OUT", help="the output of jobs.anonymize, on this disk"
    )
    parser.add_argument("--workers", type=int, default=4)
    arguments = parser.parse_args()
    for clip in loader(arguments.dataset, arguments.workers):
        print(clip["key"], tuple(clip["frames"].shape), f"{clip['people']} people")
