"""The three jobs from an object store to an object store, against a real S3 server with keys.

Ray's workers read videos there in the first plan, and shards in verify. That they write shards there, and that no clip
is lost if the store is, test_checkpoint.py and tests/faults prove. The stages work in this process.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest
import webdataset as wds

from operators import storage
from operators.video.encode import inspect_video
from tests.jobs import here
from tests.jobs.small import cut_video, job, settings

pytestmark = pytest.mark.usefixtures("cluster")

FRAMES = 9


def test_from_s3_to_s3(s3: str, tmp_path: Path) -> None:
    video = cut_video(tmp_path / "people.mp4", FRAMES).read_bytes()
    storage.write_bytes(f"{s3}/videos", "north/people.mp4", video)
    storage.write_bytes(f"{s3}/videos", "south/notes.mp4", b"this is no video")
    plan, output, options = f"{s3}/runs/first.plan", f"{s3}/runs/first", settings(tmp_path)

    planned = job("plan", f"{s3}/videos", "--plan", plan, *options)
    assert planned.returncode == 0, planned.stderr
    unchanged = here.job("plan", f"{s3}/videos", "--plan", plan, *options)
    assert "nothing has changed" in unchanged.stdout and "nothing has changed" not in planned.stdout
    storage.write_bytes(f"{s3}/videos", "south/notes.mp4", b"this is no video, too")
    changed = here.job("plan", f"{s3}/videos", "--plan", plan, *options)
    assert "0, 1" in changed.stdout and "nothing has changed" not in changed.stdout
    done = here.job("anonymize", "--plan", plan, "--output", output, *options)
    assert done.returncode == 0, done.stderr
    proved = job("verify", output, "--same-settings", *options)
    assert proved.returncode == 0, proved.stdout + proved.stderr

    dataset = json.loads(storage.read_bytes(output, "dataset.json"))
    assert dataset["planned"] == {"clips": 3, "frames": FRAMES}
    assert dataset["failed"] == {"clips": 1, "frames": 0}
    assert dataset["released"]["clips"] + dataset["quarantined"]["clips"] == 2
    samples = _read_with_webdataset(output, tmp_path)
    assert len(samples) == dataset["released"]["clips"] > 0
    for sample in samples:
        record = json.loads(sample["json"])
        assert hashlib.sha256(sample["mp4"]).hexdigest() == record["certificate"]["output_sha256"]
        facts = inspect_video(sample["mp4"])
        assert (len(facts.pts), facts.width, facts.height) == (
            record["frames"],
            record["width"],
            record["height"],
        )
    _assert_no_trace_of_the_source(output, video)


def _read_with_webdataset(output: str, folder: Path) -> list[dict[str, bytes]]:
    """Download the shards, then read them as a trainer does."""
    paths = [path for path in storage.list_files(output) if path.startswith("shards/")]
    for path in paths:
        (folder / os.path.basename(path)).write_bytes(storage.read_bytes(output, path))
    return list(wds.WebDataset([str(folder / os.path.basename(path)) for path in paths], shardshuffle=False))


def _assert_no_trace_of_the_source(output: str, video: bytes) -> None:
    """Neither its name nor its bytes (any KiB of its stream) stand in any object of the dataset."""
    for path in storage.list_files(output):
        data = storage.read_bytes(output, path)
        assert b"people.mp4" not in data and b"north/" not in data and b"notes.mp4" not in data, path
        assert not any(video[at : at + 1024] in data for at in range(1024, len(video) - 1024, 1024)), path


def test_a_wrong_key_is_one_clear_line(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    result = job("verify", f"{s3}/runs/first")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr and s3 in result.stderr
