"""A LeRobot dataset through plan and export with one gray for each clip, and what comes back of it."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.plan import by_episodes
from operators.formats.ended import Ended
from operators.formats.lerobot import layout
from operators.formats.lerobot.fate import EndedClips
from operators.formats.lerobot.write import Export
from operators.planning.listing import list_sources
from operators.planning.probe import named, probe_source, source_key
from operators.video.encode import encode_video
from schemas.certificate import Timing
from schemas.clip import ClipRef
from schemas.exports import Episodes
from schemas.profile import Clips as Windows

WINDOWS = Windows(frames=5, overlap=1, max_bytes=10**7)
FRONT, TOP = "observation.images.front", "observation.images.top"
OWN = {key: {"dtype": "int64", "shape": [1]} for key in layout.OWN}  # features that every dataset has
Refuses = Callable[[ClipRef], bool]


def planned(folder: Path, cameras: Collection[str] = ()) -> list[ClipRef]:
    """As jobs.plan does it, in this process."""
    listing = by_episodes([str(folder)], list_sources([str(folder)]), list(cameras))
    return [
        named(ref, b"key")
        for video in listing.videos
        for ref in probe_source(video.uri, source_key(video.name, b"key"), WINDOWS, video.cuts)
    ]


def level(ref: ClipRef) -> int:
    """What stands for a clip's new people: one gray for all of it, another for each clip."""
    return 40 + 9 * int.from_bytes(hashlib.sha256(ref.key.encode()).digest()[:1], "big") % 160


def generated(ref: ClipRef) -> bytes:
    """A clip as it was released."""
    pictures = np.full((ref.frames, ref.height, ref.width, 3), level(ref), np.uint8)
    moments = ref.moments("source")
    return encode_video(pictures, moments, ref.time_base, ref.fps, 20, "veryfast", ref.sample_aspect)


def export(
    folder: Path,
    target: Path,
    refuses: Refuses = lambda _: False,
    rules: Mapping[str, Any] | None = None,
    timing: Timing = "source",
    video: Callable[[ClipRef], bytes] = generated,
) -> dict[str, Any]:
    """Plan, anonymize with one gray per clip, and write the dataset anew."""
    chosen = Episodes(**(rules or {}))
    refs = planned(folder, chosen.cameras)
    ended = {ref.key: Ended("quarantined" if refuses(ref) else "released", "shard", "") for ref in refs}
    dataset = layout.read(str(folder))
    assert dataset is not None
    return Export(dataset, chosen, timing, EndedClips(refs, ended), video, str(target)).write()


def rows(folder: Path) -> pa.Table:
    """data/, whole."""
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("data/*/*.parquet")))


def seen(folder: Path, camera: str = FRONT) -> list[np.ndarray]:
    """Of each episode its pictures, by the moments at which lerobot looks for them: frames nearest to from_timestamp
    and the rows' time stamps, all within its tolerance."""
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    data, found = rows(folder), []
    for number, row in enumerate(episodes):
        assert row["episode_index"] == number
        place = {name: row[f"videos/{camera}/{name}"] for name in ("chunk_index", "file_index")}
        own = data.slice(row["dataset_from_index"], row["length"])
        assert set(own["episode_index"].to_pylist()) == {number}
        with av.open(str(folder / layout.VIDEO_PATH.format(video_key=camera, **place))) as container:
            frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        times = np.array([time for time, _ in frames])
        wanted = row[f"videos/{camera}/from_timestamp"] + own["timestamp"].to_numpy().astype(float)
        nearest = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
        assert np.abs(times[nearest] - wanted).max() < 1e-4
        found.append(np.stack([frames[at][1] for at in nearest]))
    return found


def due(refs: list[ClipRef]) -> list[int]:
    """The gray of each frame of a video."""
    return [level(ref) for ref in refs for _ in range(ref.frames)]


def grays(pictures: np.ndarray) -> list[int]:
    """Of each frame; it has only one."""
    assert int(np.ptp(pictures.astype(int), axis=(1, 2)).max()) <= 2
    return [round(float(picture.mean())) for picture in pictures]


def is_near(one: list[int], other: list[int]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))
