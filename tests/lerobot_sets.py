"""A LeRobot dataset of version 3, small, from the sample video; and what lerobot's own loader reads of one.

As a program (`PYTHON -P tests/lerobot_sets.py DATASET FILE`) it is the latter, for a Python that has lerobot.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PYTHON = Path(__file__).parents[1] / ".cache/lerobot/bin/python"  # made by `make lerobot`
FPS = 10
HEIGHT, WIDTH = 48, 64
STREET = Path(__file__).parent / "data/street.mp4"
LAYOUT = "chunk-{chunk_index:03d}/file-{file_index:03d}"


def street(frames: int) -> np.ndarray:
    """uint8 [T,H,W,3]: the sample video, small."""
    with av.open(str(STREET)) as container:
        decoded = zip(range(frames), container.decode(video=0), strict=False)
        pictures = [frame.to_ndarray(format="rgb24", width=WIDTH, height=HEIGHT) for _, frame in decoded]
    return np.stack(pictures)


def write(
    folder: Path,
    lengths: Sequence[int] = (9, 8),
    cameras: Sequence[str] = ("observation.images.front",),
    per_file: int = 100,  # episodes
    rate: int = FPS,  # of the videos
    more: Mapping[str, tuple[dict[str, Any], pa.Array]] | None = None,  # features with their column
) -> Path:
    """A dataset of episodes of so many frames, with `per_file` of them in each parquet and mp4."""
    from tests import videos

    count, more = sum(lengths), more or {}
    pictures = street(count)
    rng = np.random.default_rng(0)
    episode = np.repeat(np.arange(len(lengths)), lengths)
    number = np.concatenate([np.arange(length) for length in lengths])
    columns = {
        "observation.state": pa.array(
            list(rng.normal(size=(count, 3)).astype(np.float32)), pa.list_(pa.float32())
        ),
        "action": pa.array(list(rng.normal(size=(count, 2)).astype(np.float32)), pa.list_(pa.float32(), 2)),
        "next.done": pa.array(number == np.repeat(lengths, lengths) - 1),
        **{key: column for key, (_, column) in more.items()},
        "timestamp": pa.array((number / FPS).astype(np.float32)),
        "frame_index": pa.array(number),
        "episode_index": pa.array(episode),
        "index": pa.array(np.arange(count)),
        "task_index": pa.array(episode % 2),
    }
    table = pa.table(columns)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows: list[dict[str, Any]] = []
    for file, first in enumerate(range(0, len(lengths), per_file)):
        stop = min(len(lengths), first + per_file)
        where = LAYOUT.format(chunk_index=0, file_index=file)
        begin, end = int(starts[first]), int(starts[stop])
        _parquet(folder / f"data/{where}.parquet", table.slice(begin, end - begin))
        for camera in cameras:
            path = folder / f"videos/{camera}/{where}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            own = pictures[begin:end]
            videos.write(path, own, rate=Fraction(rate), time_base=Fraction(1, rate))
        for index in range(first, stop):
            row = {"episode_index": index, "tasks": [f"task {index % 2}"], "length": int(lengths[index])}
            row |= {"data/chunk_index": 0, "data/file_index": file}
            row |= {"dataset_from_index": int(starts[index]), "dataset_to_index": int(starts[index + 1])}
            for camera in cameras:
                moments = [float(starts[at] - begin) / FPS for at in (index, index + 1)]
                place = {
                    "chunk_index": 0,
                    "file_index": file,
                    "from_timestamp": moments[0],
                    "to_timestamp": moments[1],
                }
                row |= {f"videos/{camera}/{name}": value for name, value in place.items()}
            row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
            rows.append(row | {"stats/action/mean": [0.5, 0.5]})
    _parquet(folder / "meta/episodes/chunk-000/file-000.parquet", pa.Table.from_pylist(rows))
    import pandas as pd

    pd.DataFrame({"task_index": [0, 1]}, index=["task 0", "task 1"]).to_parquet(folder / "meta/tasks.parquet")
    _features(folder, lengths, cameras, {key: feature for key, (feature, _) in more.items()})
    return folder


def _features(folder: Path, lengths: Sequence[int], cameras: Sequence[str], more: dict[str, Any]) -> None:
    """meta/info.json and meta/stats.json."""
    picture = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channels"]}
    whole = {key: {"dtype": "int64", "shape": [1], "names": None} for key in ("frame_index", "episode_index")}
    features: dict[str, Any] = {
        "observation.state": {"dtype": "float32", "shape": [3], "names": ["x", "y", "z"]},
        "action": {"dtype": "float32", "shape": [2], "names": ["left", "right"]},
        "next.done": {"dtype": "bool", "shape": [1], "names": None},
        **more,
        **{camera: picture | {"info": {"video.codec": "av1", "recorder": "J. Doe"}} for camera in cameras},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **whole,
        "index": {"dtype": "int64", "shape": [1], "names": None},
        "task_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    info = {
        "codebase_version": "v3.0",
        "robot_type": "so101",
        "total_episodes": len(lengths),
        "total_frames": sum(lengths),
        "total_tasks": 2,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": FPS,
        "splits": {"train": f"0:{len(lengths)}"},
        "data_path": f"data/{LAYOUT}.parquet",
        "video_path": f"videos/{{video_key}}/{LAYOUT}.mp4",
        "features": features,
        "recorded_by": "J. Doe",
    }
    (folder / "meta/info.json").write_text(json.dumps(info))
    (folder / "meta/stats.json").write_text(json.dumps({cameras[0]: {"mean": [[[0.123]]] * 3}}))


def _parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def loaded(dataset: Path, file: Path) -> dict[str, np.ndarray] | None:
    """Every item of a dataset as lerobot's loader gives it, by key, and the statistics by `stats/KEY/NAME`; None if
    there is no Python that has lerobot."""
    if not PYTHON.exists():
        return None
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    outside |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(file.parent / "hub")}
    made = subprocess.run(
        [str(PYTHON), "-P", __file__, str(dataset), str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=outside,
    )
    assert made.returncode == 0, made.stderr
    with np.load(file, allow_pickle=False) as found:
        return dict(found)


def load(dataset: str, file: str) -> None:
    """What lerobot reads, into an .npz file."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    read = LeRobotDataset("recast/test", root=dataset)
    items = [read[at] for at in range(len(read))]
    found = {key: np.stack([np.asarray(item[key]) for item in items]) for key in items[0]}
    found |= {
        f"stats/{key}/{name}": value for key, own in read.meta.stats.items() for name, value in own.items()
    }
    found["episodes"] = np.array(read.meta.total_episodes)
    np.savez(file, **found)


if __name__ == "__main__":
    load(*sys.argv[1:])
