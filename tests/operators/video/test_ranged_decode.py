"""What a clip in the middle of a long video in an object store costs to read, and that it is the right one."""

from pathlib import Path

import av
import boto3
import numpy as np
import pytest
from s3fs.core import S3File

from operators.planning.probe import plan_source
from operators.video.decode import decode_clip
from schemas.profile import Clips
from tests.s3 import BUCKET
from tests.videos import write

FRAMES, CLIPS = 360, Clips(frames=13, overlap=1, max_bytes=10**9)
MP4 = {
    "index last": {},
    "index first": {"movflags": "faststart"},
    "fragmented": {"movflags": "frag_keyframe+empty_moov"},
}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Path]:
    """36 s that cannot be compressed: about 100 KB a frame."""
    frames = np.random.default_rng(0).integers(0, 255, (FRAMES, 240, 320, 1), np.uint8).repeat(3, axis=3)
    return frames, write(tmp_path_factory.mktemp("noise") / "a.mkv", frames)


def remux(source: Path, path: Path, options: dict[str, str]) -> Path:
    """The same packets in another container."""
    with av.open(str(source)) as video, av.open(str(path), "w", options=options) as container:
        stream = container.add_stream_from_template(video.streams.video[0])
        for packet in video.demux(video.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    return path


@pytest.mark.parametrize("kind", [*MP4, "mkv", "ts"])
def test_a_clip_is_read_by_range_and_is_the_right_one(
    noise: tuple[np.ndarray, Path], s3: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, source = noise
    path = remux(source, tmp_path / f"a.{'mp4' if kind in MP4 else kind}", MP4.get(kind, {}))
    boto3.client("s3").upload_file(str(path), BUCKET, path.name)
    refs = plan_source(f"{s3}/{path.name}", path.name, b"key", CLIPS)
    ref = refs[len(refs) // 2]
    assert not ref.problem and sum(one.frames for one in refs) == FRAMES

    fetched, fetch = list[int](), S3File._fetch_range
    monkeypatch.setattr(
        S3File, "_fetch_range", lambda *args: fetched.append(args[2] - args[1]) or fetch(*args)
    )
    decoded = decode_clip(ref)
    error = np.abs(decoded.astype(int) - frames[ref.first_frame : ref.first_frame + len(ref.pts)]).mean()
    others = np.abs(decoded[1:].astype(int) - frames[ref.first_frame : ref.first_frame + len(decoded) - 1])
    assert error < 0.2 * others.mean()
    if kind in ("index last", "index first", "mkv"):
        span = path.stat().st_size / FRAMES * (len(ref.pts) + 12)  # from the key frame before it, every 12th
        assert sum(fetched) <= span + 3e6
        assert sum(fetched) < path.stat().st_size / 4
