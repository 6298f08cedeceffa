"""The shard on disk, as a stranger would read it."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import webdataset as wds

from operators.release.accounts import total
from operators.release.shard_writer import write_shard
from schemas.certificate import Gate
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip
from schemas.measures import MEASURES
from tests.cluster.toy import make_ref, released

NAME = "0" * 32 + "-00000007"


@pytest.fixture
def opener(tmp_path: Path) -> Any:
    for folder in ("shards", "manifest", "quarantine", "stats"):
        (tmp_path / folder).mkdir()
    return lambda path: (tmp_path / path).open("wb")


def write(opener: Any, rows: list[Any], **options: Any) -> dict[str, Any]:
    return write_shard(iter(rows), [row.ref.clip_id for row in rows], NAME, opener, **options)


def mixed() -> list[Any]:
    return [
        released(make_ref(-5), b"first video", b"first preview"),
        QuarantinedClip(
            make_ref(2),
            "audit",
            "gate failed: copy",
            [Gate("copy", MEASURES["copy"], 0.4, 0.1, "at most")],
            [],
            {"audit": 1.0},
        ),
        FailedClip(make_ref(3), "plan", "the file is empty", "Plan it again", {}),
        released(make_ref(2**62), b"second video", diffusion_calls=0),
    ]


def test_a_webdataset_reader_gets_the_released_clips_and_their_records(opener: Any, tmp_path: Path) -> None:
    rows = mixed()
    write(opener, rows)
    samples = list(wds.WebDataset(str(tmp_path / f"shards/{NAME}.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [rows[0].ref.key, rows[3].ref.key]
    assert [sample["mp4"] for sample in samples] == [b"first video", b"second video"]
    assert [sample.get("condition.mp4") for sample in samples] == [b"first preview", None]
    record = json.loads(samples[0]["json"])
    assert record["certificate"]["clip_id"] == -5
    assert (record["frames"], record["first_frame"]) == (5, 1)
    assert record["timestamps"] == [0, 512, 1024, 1536, 2048] and record["time_base"] == [1, 5120]


def test_manifest_has_every_clip_and_quarantine_those_held_back(opener: Any, tmp_path: Path) -> None:
    write(opener, mixed())
    manifest = pq.read_table(tmp_path / f"manifest/{NAME}.parquet")
    assert manifest["clip_id"].to_pylist() == [-5, 2, 3, 2**62]
    assert str(manifest["clip_id"].type) == "int64"
    assert manifest["verdict"].to_pylist() == ["released", "quarantined", "failed", "released"]
    assert manifest["bypassed"].to_pylist() == [False, False, False, True]
    quarantine = pq.read_table(tmp_path / f"quarantine/{NAME}.parquet").to_pylist()
    assert [(row["clip_id"], row["verdict"], row["reason"]) for row in quarantine] == [
        (2, "quarantined", "gate failed: copy"),
        (3, "failed", "the file is empty"),
    ]
    assert json.loads(quarantine[0]["gates"])[0]["name"] == "copy"


def test_stats_account_for_every_clip_and_frame(opener: Any, tmp_path: Path) -> None:
    stats = write(opener, mixed())
    assert json.loads((tmp_path / f"stats/{NAME}.json").read_text()) == stats
    assert stats["planned"] == {"clips": 4, "frames": 20}
    assert (stats["released"]["clips"], stats["quarantined"]["clips"], stats["failed"]["clips"]) == (2, 1, 1)
    assert (stats["bypassed"], stats["diffusion_calls"], stats["seconds"]["audit"]) == (1, 2, 2.0)
    assert {path: (tmp_path / path).stat().st_size for path in stats["files"]} == {
        path: file["bytes"] for path, file in stats["files"].items()
    }
    assert total([stats, stats])["planned"] == {"clips": 8, "frames": 40}
    assert total([stats, stats])["seconds"]["audit"] == 4.0


def test_no_source_name_leaves(opener: Any, tmp_path: Path) -> None:
    rows = [replace(row, ref=replace(row.ref, uri="s3://canary/anna.mp4")) for row in mixed()]
    write(opener, rows)
    for path in tmp_path.rglob("*.*"):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content = str(pq.read_table(path).to_pylist()).encode()
        assert b"anna" not in content and b"canary" not in content, path


def test_same_rows_give_the_same_bytes(opener: Any, tmp_path: Path) -> None:
    write(opener, mixed())
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    write(opener, mixed())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == first
    with tarfile.open(fileobj=io.BytesIO(first[tmp_path / f"shards/{NAME}.tar"])) as tar:
        assert {(member.mtime, member.uid, member.uname, member.mode) for member in tar} == {
            (0, 0, "", 0o644)
        }


def test_nothing_released_leaves_no_tar(opener: Any, tmp_path: Path) -> None:
    write(opener, mixed()[1:3])
    assert not list((tmp_path / "shards").iterdir())


def test_conditioning_that_was_not_certified_is_not_published() -> None:
    held = mixed()[0]
    assert isinstance(held, ReleasedClip) and held.conditioning_video
    with pytest.raises(ValueError, match="another conditioning"):
        replace(held, certificate=replace(held.certificate, conditioning_published=False))
    with pytest.raises(ValueError, match="another conditioning"):
        replace(held, conditioning_video=b"")


def test_anything_but_an_ended_clip_is_refused(opener: Any, tmp_path: Path) -> None:
    candidate = CandidateClip.__new__(CandidateClip)
    with pytest.raises(TypeError, match="CandidateClip"):
        write_shard(iter([candidate]), [1], NAME, opener)
    with pytest.raises(TypeError, match="dict"):
        write_shard(iter([{"clip_id": 1, "video": b"original"}]), [1], NAME, opener)  # type: ignore[list-item]
    assert not list((tmp_path / "stats").iterdir())


@pytest.mark.parametrize("due", [[], [1], [1, 2, 3], [2, 1], [1, 1]])
def test_clips_that_were_not_due_or_are_missing_leave_no_stats(
    opener: Any, tmp_path: Path, due: list[int]
) -> None:
    rows = [FailedClip(make_ref(number), "run", "x", "y", {}) for number in (1, 2)]
    with pytest.raises(ValueError, match="due"):
        write_shard(iter(rows), due, NAME, opener)
    assert not list((tmp_path / "stats").iterdir())


def test_a_certificate_for_fewer_frames_is_refused(opener: Any) -> None:
    row = released(make_ref(1), b"video")
    object.__setattr__(row, "certificate", replace(row.certificate, frames=4))
    with pytest.raises(ValueError, match="5 frames are due, 4"):
        write(opener, [row])
