"""Whole videos through the real jobs: planned, anonymized with --layout video, and given back by jobs.export."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.ledger.plans import Plan
from jobs.export import below, called, ends, export
from jobs.layout import whole_videos
from jobs.plan import plan
from operators import storage
from operators.release import reader
from operators.release.layout import source_of
from operators.video.encode import decode_bytes, inspect_video
from schemas.clip import ClipRef, QuarantinedClip
from schemas.errors import UserError
from schemas.exports import Videos
from tests import videos
from tests.cluster import toy
from tests.jobs import here
from tests.jobs.small import cut_video, settings
from tests.jobs.test_export import facts, manifests
from tests.jobs.test_plan import PROFILE, clips

TIMES = [0, 3, 4, 9, 10, 11, 20, 25, 26, 27, 40, 41, 42, 50, 51, 60, 61]  # 17 frames: clips of 5, 4, 4, 4


def scene(path: Path) -> Path:
    """Somebody for five frames, then nobody, in uneven steps."""
    person = decode_bytes(cut_video(path.with_suffix(".tmp.mp4"), 5).read_bytes())
    path.with_suffix(".tmp.mp4").unlink()
    nobody = videos.pictures(12, *person.shape[1:3])
    return videos.write(path, np.concatenate([person, nobody]), pts=TIMES, time_base=Fraction(1, 100))


@pytest.mark.parametrize("place", ["s3://clips/in", "/videos"])
@pytest.mark.parametrize("name", ["x/../../../../out/stray.mp4", "../a.mp4", "x//a.mp4", "./a.mp4"])
def test_a_name_that_leads_elsewhere_is_the_sources_key(place: str, name: str) -> None:
    ref, rules = replace(toy.make_ref(2), uri=f"{place}/{name}"), Videos(names="source")
    for own in (partial(below, place), lambda _: name):
        assert called(rules, own, ref) == source_of(ref.key)
        assert called(rules, own, replace(ref, uri=f"{place}/x/a.mp4")) in ("x/a", source_of(ref.key))


def test_videos_come_whole_with_what_was_refused_gray(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = scene(tmp_path / "in/holiday.mkv")
    sources, planned, out = (str(tmp_path / name) for name in ("in", "plan", "out"))
    refusing = ["--set", "policy.gates.body_likeness=-1", "--set", "policy.escalation=[]"]
    options = [*settings(tmp_path), *refusing]
    assert here.job("plan", sources, "--plan", planned, *options).returncode == 0
    run = ("--plan", planned, "--output", out, "--layout", "video", *options)
    done = here.job("anonymize", *run)
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
    assert here.job("verify", out).returncode == 0
    path.write_bytes(source.read_bytes())  # whoever can write here puts the original back
    (path.parent / "stray.mp4").write_bytes(source.read_bytes())
    assert here.job("anonymize", *run).returncode == 0
    assert path.read_bytes() == video and not (path.parent / "stray.mp4").exists()
    given = here.job("export", out, "--plan", planned, "--source", sources, "--to", str(tmp_path / "new"))
    assert given.returncode == 0, given.stderr
    assert (tmp_path / "new" / path.name).read_bytes() == video


class Made(NamedTuple):
    """A folder with `in`, `plan` and `out`, in which one clip of the first video is quarantined."""

    folder: Path
    refs: list[ClipRef]

    def export(self, target: Path) -> dict[str, Any]:
        """Of what is in `out`."""
        out = f"{self.folder}/out"
        return export(
            out, facts(out), manifests(out), f"{self.folder}/plan", f"{self.folder}/in", str(target)
        )["videos"]


def anonymized(folder: Path, rules: Videos, names: Sequence[str] = ("a.mkv", "b/c.mp4")) -> Made:
    for name in names:
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        videos.write(folder / "in" / name, videos.pictures(17, 48, 64))
    plan([f"{folder}/in"], f"{folder}/plan", PROFILE)
    refs, policy = clips(f"{folder}/plan"), toy.POLICY.model_copy(update={"videos": rules})

    def end(ref: ClipRef) -> toy.Ended:
        if ref.uri.endswith("a.mkv") and ref.overlap:
            return QuarantinedClip(ref, "audit", "gate failed: copy", [toy.GATE], [], {})
        return toy.released(ref, toy.noise(ref, 0), policy=policy)

    toy.write_output(f"{folder}/plan", f"{folder}/out", len(refs), 1, end=end, policy=policy, refs=refs)
    return Made(folder, refs)


@pytest.mark.parametrize("unreleased", ["gray", "cut", "stop"])
@pytest.mark.usefixtures("in_process")
def test_each_policy_is_that_of_the_output(tmp_path: Path, unreleased: Any) -> None:
    made = anonymized(tmp_path, Videos(names="source", unreleased=unreleased))
    assert [ref.frames for ref in made.refs if ref.uri.endswith("a.mkv")] == [9, 8]
    found = made.export(tmp_path / "new")
    gray = 8 if unreleased == "gray" else 0
    assert {name: (said["released"], said["gray"], said["left out"]) for name, said in found.items()} == {
        "a.mkv": (9, gray, 8 - gray),
        "b/c": (17, 0, 0),
    }
    for name, frames in (("a.mkv", 9 + gray), ("b/c", 17)):
        video = (tmp_path / f"new/{name}.mp4").read_bytes()
        assert len(decode_bytes(video)) == frames
        assert found[name]["sha256"] == hashlib.sha256(video).hexdigest()
    assert whole_videos(Plan(f"{tmp_path}/plan"), f"{tmp_path}/out", "") == 0
    beside = json.loads((tmp_path / "out-videos/recast.json").read_text())
    assert beside["videos"] == found


@pytest.mark.usefixtures("in_process")
def test_what_is_not_whole_or_was_changed_gives_no_video(tmp_path: Path) -> None:
    made = anonymized(tmp_path, Videos())
    out, beside, part = f"{tmp_path}/out", tmp_path / "out-videos", Plan(f"{tmp_path}/plan")
    assert whole_videos(part, out, "") == 0
    kept = sorted(path.name for path in beside.iterdir())
    head = (tmp_path / "out/dataset.json").read_bytes()

    def spoil(change: Callable[[Path], object]) -> None:
        """Nothing is given back of what `change` did, beside or elsewhere, and it is said in words."""
        storage.copy(out, f"{tmp_path}/held")
        change(tmp_path / "out")
        wanted = ["--plan", f"{tmp_path}/plan", "--source", f"{tmp_path}/in", "--to", f"{tmp_path}/new"]
        done = here.job("export", out, *wanted)
        assert done.returncode in (1, 2) and ("breach" in done.stdout or "Run jobs" in done.stderr)
        assert not (tmp_path / "new").exists()
        with contextlib.suppress(UserError):
            assert whole_videos(part, out, "") == 1
        assert not list(beside.glob("*.mp4"))
        storage.delete_folder(out)
        storage.copy(f"{tmp_path}/held", out)
        storage.delete_folder(f"{tmp_path}/held")
        assert whole_videos(part, out, "") == 0
        assert sorted(path.name for path in beside.iterdir()) == kept

    def flip(folder: Path) -> None:
        shard = min((folder / "shards").iterdir())
        spoilt = bytearray(shard.read_bytes())
        spoilt[len(spoilt) // 3] ^= 1
        shard.write_bytes(spoilt)
        again(folder)

    def again(folder: Path) -> None:
        """Another state, as far as dataset.json tells."""
        (folder / "dataset.json").write_bytes(head.rstrip() + b"\n\n")

    def running(folder: Path) -> None:
        (folder / "dataset.json").write_bytes(head.replace(b'"complete"', b'"running"'))

    def without_a_clip(folder: Path) -> None:
        path = min((folder / "manifest").iterdir())
        path.unlink()
        again(folder)

    for change in (flip, running, without_a_clip):
        spoil(change)
    assert len(made.refs) == 4


@pytest.mark.usefixtures("in_process")
def test_a_clip_exchanged_since_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = anonymized(tmp_path, Videos(), ["a.mkv"])
    monkeypatch.setattr(reader, "members", lambda *_: {"mp4": b"other"})
    with pytest.raises(UserError, match="is not what was released"):
        made.export(tmp_path / "new")
    assert not list((tmp_path / "new").glob("*.mp4"))


@pytest.mark.usefixtures("in_process")
def test_nor_is_one_whose_manifest_was_exchanged_with_it(tmp_path: Path) -> None:
    """After it was verified: who may write in an output has the owner publish what nobody looked at."""
    made = anonymized(tmp_path, Videos(), ["a.mkv"])
    known = manifests(f"{tmp_path}/out")
    for path in known:
        table = pq.read_table(f"{tmp_path}/out/{path}")
        other = pa.array(["0" * 64] * len(table))
        table = table.set_column(table.schema.get_field_index("sha256"), "sha256", other)
        pq.write_table(table, f"{tmp_path}/out/{path}")
    with pytest.raises(UserError, match=r"manifest/.*: is not what was verified"):
        ends(f"{tmp_path}/out", {ref.key for ref in made.refs}, known)


@pytest.mark.usefixtures("in_process")
def test_a_folder_of_somebody_else_is_not_written_into(tmp_path: Path) -> None:
    anonymized(tmp_path, Videos(), ["a.mkv"])
    (tmp_path / "out-videos").mkdir()
    (tmp_path / "out-videos/mine.mp4").write_bytes(b"mine")
    with pytest.raises(UserError, match="holds files"):
        whole_videos(Plan(f"{tmp_path}/plan"), f"{tmp_path}/out", "")
    assert (tmp_path / "out-videos/mine.mp4").read_bytes() == b"mine"
