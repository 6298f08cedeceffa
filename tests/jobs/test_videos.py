"""Whole videos through the real jobs: planned, anonymized with --layout video, and given back by jobs.export."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from operators.release import reader
from operators.video.encode import decode_bytes, inspect_video
from tests import videos
from tests.jobs.small import cut_video, job, settings

TIMES = [0, 3, 4, 9, 10, 11, 20, 25, 26, 27, 40, 41, 42, 50, 51, 60, 61]  # 17 frames: clips of 5, 4, 4, 4


def scene(path: Path) -> Path:
    """Somebody for five frames, then nobody, in uneven steps."""
    person = decode_bytes(cut_video(path.with_suffix(".tmp.mp4"), 5).read_bytes())
    path.with_suffix(".tmp.mp4").unlink()
    nobody = videos.pictures(12, *person.shape[1:3])
    return videos.write(path, np.concatenate([person, nobody]), pts=TIMES, time_base=Fraction(1, 100))


@pytest.mark.usefixtures("cluster")
def test_videos_come_whole_with_what_was_refused_gray(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = scene(tmp_path / "in/holiday.mkv")
    sources, planned, out = (str(tmp_path / name) for name in ("in", "plan", "out"))
    refusing = ["--set", "policy.gates.body_likeness=-1", "--set", "policy.escalation=[]"]
    options = [*settings(tmp_path), *refusing]
    assert job("plan", sources, "--plan", planned, *options).returncode == 0
    run = ("anonymize", "--plan", planned, "--output", out, "--layout", "video", *options)
    done = job(*run)
    assert done.returncode == 0, done.stderr + done.stdout
    (path,) = (tmp_path / "out-videos").glob("*.mp4")
    record = json.loads(path.with_suffix(".json").read_text())
    verdicts = {row["key"]: row["verdict"] for row in reader.manifest(out, ["key", "verdict"]).to_pylist()}
    assert set(verdicts.values()) == {"released", "quarantined"}
    states = {span["clip"]: span["state"] for span in record["spans"]}
    assert states == {
        key: "released" if verdict == "released" else "gray" for key, verdict in verdicts.items()
    }
    video = path.read_bytes()
    made = inspect_video(video)
    with av.open(str(source)) as container:
        due = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert [at * made.time_base for at in made.pts] == due
    assert (made.boxes, made.tags, made.streams) == ([], [], ["video"])
    assert record["sha256"] == hashlib.sha256(video).hexdigest()
    held = b"".join(file.read_bytes() for file in (tmp_path / "out-videos").iterdir())
    assert b"holiday" not in held and str(tmp_path).encode() not in held
    assert job("verify", out).returncode == 0
    again = job(*run)
    assert (again.returncode, "nothing has changed" in again.stdout) == (0, True)
    given = job("export", out, "--plan", planned, "--source", sources, "--to", str(tmp_path / "new"))
    assert given.returncode == 0, given.stderr
    assert (tmp_path / "new" / path.name).read_bytes() == video
