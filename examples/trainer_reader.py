"""A trainer's reader: `python -m examples.trainer_reader OUT --workers 4`. Needs webdataset, PyAV and PyTorch alone.

Every released clip comes exactly once an epoch, whatever the number of workers: while there are shards enough, each
worker reads its own; if there are more workers than shards, all read all shards and each keeps every n-th clip, which
reads more but leaves nobody idle. Shuffle between epochs by giving the shards in another order.
"""

import argparse
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
import webdataset as wds
from torch.utils.data import DataLoader, get_worker_info

Sample = dict[str, Any]


def loader(dataset: Path, workers: int) -> DataLoader:
    """The clips of a dataset one by one, as `clip_of` gives them; batch those of equal size in your collation."""
    shards = [str(path) for path in sorted(dataset.glob("shards/*.tar"))]
    by_shard = workers <= len(shards)
    clips = wds.WebDataset(
        shards,
        shardshuffle=False,
        workersplitter=wds.split_by_worker if by_shard else None,
        empty_check=False,  # a worker may have nothing to do
    )
    if not by_shard:
        clips = clips.compose(every_nth)
    return DataLoader(clips.map(clip_of), batch_size=None, num_workers=workers)


def every_nth(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Of n workers, the one with number k takes samples k, k + n, k + 2n …"""
    worker = get_worker_info()
    return islice(samples, worker.id, None, worker.num_workers) if worker else iter(samples)


def clip_of(sample: Sample) -> Sample:
    """key; frames uint8 [T,3,H,W]; timestamps float64 [T] in seconds; people, how many were made anew."""
    record = json.loads(sample["json"])
    with av.open(io.BytesIO(sample["mp4"])) as video:
        decoded = list(video.decode(video=0))
    frames = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
    return {
        "key": sample["__key__"],
        "frames": torch.from_numpy(frames).permute(0, 3, 1, 2),
        "timestamps": torch.tensor([frame.time for frame in decoded], dtype=torch.float64),
        "people": record["certificate"]["people"],
    }


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
