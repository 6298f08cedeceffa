"""A clip is made of the bytes that were planned, or it fails."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import boto3
import numpy as np
import pytest

from operators.planning.probe import plan_source
from operators.video import decode
from operators.video.decode import DecodeError, decode_clip
from schemas.clip import ClipRef
from schemas.profile import Clips
from tests.s3 import BUCKET
from tests.videos import pictures, write

CLIPS = Clips(frames=5, overlap=1, max_bytes=10**9)


def planned(path: Path) -> ClipRef:
    (ref, *_) = plan_source(str(path), path.name, b"key", CLIPS)
    assert not ref.problem and ref.stamp
    return ref


def another(path: Path) -> bytes:
    """A video with the same frames' times, of other pictures."""
    return write(path.with_name("other.mkv"), 255 - pictures(5)).read_bytes()


def overwritten(path: Path) -> None:
    path.write_bytes(another(path))


def swapped(path: Path) -> None:
    path.with_name("new.mkv").write_bytes(another(path))
    path.with_name("new.mkv").replace(path)


def of_the_same_size_and_time(path: Path) -> None:
    before, data = path.stat(), another(path)
    path.write_bytes(data[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [overwritten, swapped, of_the_same_size_and_time])
def test_a_source_that_changed_after_planning_fails(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = write(tmp_path / "a.mkv", pictures(5))
    ref = planned(path)
    change(path)
    with pytest.raises(DecodeError, match="has changed since it was planned"):
        decode_clip(ref)


def test_one_that_is_changed_while_it_is_read_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mkv", pictures(5))
    ref, fill = planned(path), decode._Clip.fill

    def late(*args: object, **named: object) -> None:
        fill(*args, **named)  # type: ignore[arg-type]
        overwritten(path)

    monkeypatch.setattr(decode._Clip, "fill", late)
    with pytest.raises(DecodeError, match="has changed since it was planned"):
        decode_clip(ref)


def test_a_copy_or_a_touched_file_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", pictures(5))
    ref = planned(path)
    whole = decode_clip(ref)
    os.utime(path, (1, 1))
    assert np.array_equal(decode_clip(ref), whole)
    shutil.copy(path, tmp_path / "b.mkv")
    (tmp_path / "b.mkv").replace(path)
    assert np.array_equal(decode_clip(ref), whole)


def test_one_that_is_gone_fails(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", pictures(5))
    ref = planned(path)
    path.unlink()
    with pytest.raises(DecodeError):
        decode_clip(ref)


def test_in_an_object_store_too(tmp_path: Path, s3: str) -> None:
    path, client = write(tmp_path / "a.mkv", pictures(5)), boto3.client("s3")
    client.upload_file(str(path), BUCKET, "changing.mkv")
    (ref, *_) = plan_source(f"{s3}/changing.mkv", "changing.mkv", b"key", CLIPS)
    assert len(decode_clip(ref)) == 5
    client.put_object(Bucket=BUCKET, Key="changing.mkv", Body=another(path))
    with pytest.raises(DecodeError, match="has changed since it was planned"):
        decode_clip(ref)
