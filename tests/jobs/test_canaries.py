"""Canaries: what names somebody in the source is in nothing that a run writes, decoded and searched.

A QR code and a name are worn by two people; others are in the tags, the sound, the file's name and captions beside it.
So they are in a clip that is released, and in one, of another video, that is quarantined.

The run is by the commands, signed by one more and marked, in an environment in which make has switched nothing off and
in a network of its own: whom it asks, what it leaves in the home, and who may read what it writes is seen there, too.
"""

import hashlib
import io
import json
import shlex
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from rapidocr import RapidOCR

from examples.trainer_reader import labels_of
from operators.video.encode import decode_bytes
from tests.jobs.lonely import bare, lonely, possible
from tests.jobs.small import FRAMES, ROOT, STREET, settings
from tests.keys import make_signer_and_marker, signed_and_marked

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


@cache
def ocr() -> RapidOCR:
    return RapidOCR()


def readable(frames: np.ndarray) -> set[str]:
    """What a QR reader and OCR read in any of the frames, twice enlarged."""
    reader, code, found = ocr(), cv2.QRCodeDetector(), set()
    for frame in frames[::4]:
        large = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        found |= {code.detectAndDecode(large)[0], *(reader(large).txts or ())}
    return {text.replace(" ", "").upper() for text in found}


def searched(folders: list[Path]) -> dict[str, bytes]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {name: data for path in files for name, data in contents(path)}


RUN = 'umask 000; ulimit -c unlimited 2>/dev/null; for job in "$@"; do eval "python -m $job" || exit 1; done'


@dataclass
class Ran:
    """What there is after the jobs."""

    folder: (
        Path  # with `videos`, `plan`, `run`, `review`, `home`, keys, and `log` if anybody looked something up
    )
    packets: list[bytes]  # of the sources' sound
    printed: str
    temporary: dict[str, bytes]  # what they left among temporary files: Ray's logs


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "videos").mkdir()
    (folder / "home").mkdir()
    make_signer_and_marker(folder)
    packets: list[bytes] = []
    for number, noisy in enumerate([False, True]):
        source = folder / f"videos/{FILE}-{number}.mp4"
        packets += write_source(source, noisy)
        assert {CODE, NAME} <= readable(decode_bytes(source.read_bytes()))
        assert packets and all(packet in source.read_bytes() for packet in packets[-5:])
    options = [*settings(folder), "--set", LEAST, "--set", "policy.escalation=[]"]
    options += ["--set", "policy.labels=parquet"]
    plan, output, review = ("--plan", f"{folder}/plan"), f"{folder}/run", ("--review", f"{folder}/review")
    jobs = [
        ["jobs.plan", f"{folder}/videos", *plan, *options],
        ["jobs.anonymize", *plan, "--output", output, *review, *options, *signed_and_marked(folder)],
        ["jobs.verify", output, "--public-key", f"{folder}/key.pub"],
    ]
    command = ["bash", "-c", RUN, "bash", *map(shlex.join, jobs)]
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:  # a short one: Ray's sockets lie in it
        environment = bare(folder / "home", TMPDIR=temporary)
        if possible():
            done = lonely(folder / "log", environment, command)
        else:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
        left = searched([Path(temporary)])
    assert done.returncode == 0, done.stdout + done.stderr
    return Ran(folder, packets, done.stdout + done.stderr, left)


def test_no_canary_survives(ran: Ran) -> None:
    output = ran.folder / "run"
    made = json.loads((output / "dataset.json").read_text())
    assert [made[verdict]["frames"] for verdict in ("released", "quarantined")] == [FRAMES, FRAMES]

    found = searched([output]) | ran.temporary | {"printed": ran.printed.encode()}
    assert any("/logs/" in name for name in ran.temporary)
    for name, data in found.items():
        assert not [needle for needle in [*NEEDLES, *ran.packets] if needle in data], name
    videos = [data for name, data in found.items() if name.endswith(".mp4")]
    assert len(videos) == 2  # the released clip's result and its conditioning
    for data in videos:
        with av.open(io.BytesIO(data)) as container:
            assert [stream.type for stream in container.streams] == ["video"]
        assert not {CODE, NAME} & readable(decode_bytes(data))


def test_keys_reach_the_workers_that_sign_and_mark_and_nothing_of_them_what_is_left(ran: Ran) -> None:
    """That it is signed `jobs.verify` has found."""
    output = ran.folder / "run"
    made = json.loads((output / "dataset.json").read_text())
    assert made["marker"]["digest"] == hashlib.sha256((ran.folder / "chain.pem").read_bytes()).hexdigest()
    secrets = [(ran.folder / name).read_text().splitlines()[1].encode() for name in ("key.pem", "c2pa.pem")]
    found = searched([output]) | ran.temporary | {"printed": ran.printed.encode()}
    assert [name for name, data in found.items() if any(secret in data for secret in secrets)] == []


def test_labels_are_drawn_by_one_worker_checked_by_another_and_packed_by_a_third(ran: Ran) -> None:
    """Where they are is in test_evaluate.py."""
    members = {
        name.rpartition(":")[2].partition(".")[2]: data
        for name, data in searched([ran.folder / "run/shards"]).items()
        if ".tar:" in name
    }
    assert {one["frame"] for one in labels_of(members)} == set(range(FRAMES))


@pytest.mark.skipif(not possible(), reason="no namespaces here: unshare -rnm is not permitted")
def test_the_jobs_look_nothing_up(ran: Ran) -> None:
    """Whom this would see, test_isolation.py shows."""
    assert not (ran.folder / "log").exists(), (ran.folder / "log").read_text()


def test_the_jobs_leave_the_home_empty_and_what_they_write_closed_to_others(ran: Ran) -> None:
    assert list((ran.folder / "home").rglob("*")) == []
    for folder in (ran.folder / name for name in ("plan", "run", "review")):
        open_to_others = [
            path for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077
        ]
        assert open_to_others == []
