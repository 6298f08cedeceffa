"""Canaries: what names somebody in the source is in nothing that a run writes, decoded and searched.

A QR code and a name are worn by two people; others are in the tags, the sound, the file's name and captions beside it.
So they are in a clip that is released, and in one, of another video, that is quarantined.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
from rapidocr import RapidOCR

from operators.video.encode import decode_bytes
from tests.jobs.small import FRAMES, STREET, job, settings

CODE, NAME, TITLE, SAID, FILE = "JANE7", "ROE471", "Canary Title", "Canary Said", "Canary-Jane-Roe"
NEEDLES = [text.encode() for text in (CODE, NAME, TITLE, SAID, FILE)]
LEAST = "policy.gates.outside_psnr_db=41.4"  # encoded again it has 44 dB, and 38 with noise in it


def worn(noisy: bool) -> np.ndarray:
    """Three people, twice as large as in the sample video: one wears a QR code, one a name; above them there may
    be noise, which no encoder keeps as it is."""
    with av.open(str(STREET)) as container:
        decoded = islice(container.decode(video=0), FRAMES)
        pictures = [frame.to_ndarray(format="rgb24") for frame in decoded]
    code = cv2.resize(
        cv2.QRCodeEncoder.create().encode(CODE), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST
    )
    frames = []
    for picture in pictures:
        frame = cv2.resize(picture[170:350, 110:430], (640, 360), interpolation=cv2.INTER_CUBIC)
        frame[115 : 115 + len(code), 253 : 253 + len(code)] = code[..., None]
        frame[120:145, 548:618] = 255
        cv2.putText(frame, NAME, (550, 139), cv2.FONT_HERSHEY_SIMPLEX, 0.53, (0, 0, 0), 2, cv2.LINE_AA)
        frames.append(frame)
    made = np.stack(frames)
    if noisy:
        above = made[:, :100]
        above[:] = np.random.default_rng(0).integers(0, 256, above.shape, np.uint8)
    return made


def write_source(path: Path, noisy: bool) -> list[bytes]:
    """The video with tags, sound, and captions in a file beside it; gives the packets of the sound."""
    path.with_suffix(".srt").write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{SAID}\n")
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": TITLE, "comment": SAID})
        video = container.add_stream("libx264", rate=10, options={"crf": "10", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        audio = container.add_stream("aac", rate=16000)
        packets = []
        for number, frame in enumerate(worn(noisy)):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(video.encode(picture))
        container.mux(video.encode())
        rng = np.random.default_rng(0)
        sound = av.AudioFrame.from_ndarray(rng.normal(0, 0.2, (1, 14400)).astype(np.float32), "fltp", "mono")
        sound.rate = 16000
        for packet in [*audio.encode(sound), *audio.encode()]:
            packets.append(bytes(packet))
            container.mux(packet)
    return [packet[8:] for packet in packets if len(packet) > 64]


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and what they hold: members of a tar, rows of a parquet file."""
    data = path.read_bytes()
    yield str(path), data
    if path.suffix == ".tar":
        with tarfile.open(path) as shard:
            for member in shard:
                file = shard.extractfile(member)
                assert file is not None
                yield f"{path}:{member.name}", file.read()
    elif path.suffix == ".parquet":
        yield f"{path}:rows", json.dumps(pq.read_table(path).to_pylist(), default=str).encode()


def readable(frames: np.ndarray) -> set[str]:
    """What a QR reader and OCR read in any of the frames, twice enlarged."""
    reader, code, found = RapidOCR(), cv2.QRCodeDetector(), set()
    for frame in frames[::4]:
        large = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        found |= {code.detectAndDecode(large)[0], *(reader(large).txts or ())}
    return {text.replace(" ", "").upper() for text in found}


def searched(folders: list[Path]) -> dict[str, bytes]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {name: data for path in files for name, data in contents(path)}


@pytest.mark.usefixtures("cluster")
def test_no_canary_survives(tmp_path: Path) -> None:
    sources, plan, output = tmp_path / "videos", f"{tmp_path}/plan", tmp_path / "run"
    sources.mkdir()
    packets: list[bytes] = []
    for number, noisy in enumerate([False, True]):
        source = sources / f"{FILE}-{number}.mp4"
        packets += write_source(source, noisy)
        assert {CODE, NAME} <= readable(decode_bytes(source.read_bytes()))
        assert packets and all(packet in source.read_bytes() for packet in packets[-5:])
    options = [*settings(tmp_path), "--set", LEAST, "--set", "policy.escalation=[]"]
    said = [
        job("plan", str(sources), "--plan", plan, *options),
        job("anonymize", "--plan", plan, "--output", str(output), *options),
        job("verify", str(output)),
    ]
    assert [done.returncode for done in said] == [0, 0, 0], said
    made = json.loads((output / "dataset.json").read_text())
    assert [made[verdict]["frames"] for verdict in ("released", "quarantined")] == [FRAMES, FRAMES]

    logs = Path(ray._private.worker._global_node.get_logs_dir_path())
    found = searched([output, logs, *Path(tempfile.gettempdir()).glob("recast-spill-*")])
    found["printed"] = "".join(done.stdout + done.stderr for done in said).encode()
    for name, data in found.items():
        assert not [needle for needle in [*NEEDLES, *packets] if needle in data], name
    videos = [data for name, data in found.items() if name.endswith(".mp4")]
    assert len(videos) == 2  # the released clip's result and its conditioning
    for data in videos:
        with av.open(io.BytesIO(data)) as container:
            assert [stream.type for stream in container.streams] == ["video"]
        assert not {CODE, NAME} & readable(decode_bytes(data))
