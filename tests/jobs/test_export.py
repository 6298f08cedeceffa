"""The job that gives a LeRobot dataset back: only from a verified output, into a place of its own, told in full."""

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cluster.ledger import plans
from jobs import options
from jobs.export import export
from jobs.plan import plan
from operators import storage
from operators.release import reader
from schemas.clip import ClipRef, QuarantinedClip
from schemas.errors import UserError
from schemas.exports import Episodes
from tests import lerobot_sets
from tests.cluster import toy
from tests.jobs.small import job
from tests.jobs.test_plan import CLIPS, PROFILE, clips
from tests.operators.formats.exported import FRONT, TOP, due, generated, grays, is_near, rows, seen


def facts(output: str) -> dict[str, Any]:
    return reader.require_complete(output, "there is nothing to export")


def manifests(output: str) -> dict[str, str]:
    """As verifying tells of them."""
    paths = [path for path in storage.list_files(output) if path.startswith("manifest/")]
    return {path: hashlib.sha256(storage.read_bytes(output, path)).hexdigest() for path in paths}


def anonymized(folder: Path, refs: list[ClipRef], episodes: Episodes) -> None:
    """`out`, of which the clip in the middle of the second episode was quarantined."""

    policy = toy.POLICY.model_copy(update={"episodes": episodes})

    def end(ref: ClipRef) -> toy.Ended:
        if ref.first_frame == 17 and FRONT in ref.uri:
            return QuarantinedClip(ref, "audit", "gate failed: copy", [toy.GATE], [], {})
        return toy.released(ref, generated(ref), policy=policy)

    toy.write_output(f"{folder}/plan", f"{folder}/out", len(refs), end=end, policy=policy, refs=refs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cluster: None) -> Path:
    """A dataset of three episodes and two cameras, its plan, and what was made of it."""
    folder = tmp_path_factory.mktemp("export")
    lerobot_sets.write(folder / "in", (9, 21, 6), (FRONT, TOP))
    plan([f"{folder}/in"], f"{folder}/plan", PROFILE)
    anonymized(folder, clips(f"{folder}/plan"), Episodes())
    return folder


def test_planned_again_nothing_has_changed(whole: Path) -> None:
    assert CLIPS.frames == 9
    first = {ref.first_frame for ref in clips(f"{whole}/plan") if not ref.overlap}
    assert first == {0, 9, 30}, "no clip lies across episodes"
    assert not any(plan([f"{whole}/in"], f"{whole}/plan", PROFILE)[1].values())


def test_other_episodes_and_other_cameras_are_planned_anew(whole: Path, tmp_path: Path) -> None:
    storage.copy(f"{whole}/in", f"{tmp_path}/in")
    plan([f"{tmp_path}/in"], f"{tmp_path}/plan", PROFILE)
    path = tmp_path / "in/meta/episodes/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(path).take([0]), path)
    assert plan([f"{tmp_path}/in"], f"{tmp_path}/plan", PROFILE)[1] == {"new": 0, "changed": 2, "gone": 0}
    made, _ = plan([f"{tmp_path}/in"], f"{tmp_path}/plan", PROFILE, [TOP])
    assert (made["sources"], {TOP in ref.uri for ref in clips(f"{tmp_path}/plan")}) == (1, {True})


def test_what_was_released_comes_back_and_the_job_says_what_did_not(whole: Path, tmp_path: Path) -> None:
    wanted = ["--plan", f"{whole}/plan", "--source", f"{whole}/in", "--to", f"{tmp_path}/new"]
    done = job("export", f"{whole}/out", *wanted, "--sample", "0")
    assert done.returncode == 0, done.stderr + done.stdout
    (bad,) = [ref for ref in clips(f"{whole}/plan") if ref.first_frame == 17 and FRONT in ref.uri]
    assert f"left out: episode 1: {FRONT}: clip {bad.key} was quarantined" in done.stdout
    for camera in (FRONT, TOP):
        refs = sorted(
            (ref for ref in clips(f"{whole}/plan") if camera in ref.uri), key=lambda ref: ref.first_frame
        )
        kept = [ref for ref in refs if not 9 <= ref.first_frame < 30]
        assert is_near([gray for one in seen(tmp_path / "new", camera) for gray in grays(one)], due(kept))
    again = job("export", f"{whole}/out", *wanted)
    assert (again.returncode, "is not empty" in again.stderr) == (2, True)


def test_black_is_said_by_the_policy_of_the_output(whole: Path, tmp_path: Path) -> None:
    storage.copy(f"{whole}/plan", f"{tmp_path}/plan")
    anonymized(tmp_path, clips(f"{tmp_path}/plan"), Episodes(unreleased="black"))
    record = export(
        f"{tmp_path}/out",
        facts(f"{tmp_path}/out"),
        manifests(f"{tmp_path}/out"),
        f"{tmp_path}/plan",
        f"{whole}/in",
        f"{tmp_path}/new",
    )
    assert [one["state"] for one in record["episodes"]] == ["released", "black", "released"]
    assert seen(tmp_path / "new", TOP)[1].max() <= 2
    assert rows(tmp_path / "new").num_rows == 36


def test_nothing_is_written_from_what_does_not_verify(whole: Path, tmp_path: Path) -> None:
    storage.copy(f"{whole}/out", f"{tmp_path}/out")
    shard = min((tmp_path / "out/shards").iterdir())
    spoilt = bytearray(shard.read_bytes())
    spoilt[len(spoilt) // 3] ^= 1
    shard.write_bytes(spoilt)
    wanted = ["--plan", f"{whole}/plan", "--source", f"{whole}/in", "--to", f"{tmp_path}/new"]
    done = job("export", f"{tmp_path}/out", *wanted)
    assert (done.returncode, "breach" in done.stdout) == (1, True)
    assert not (tmp_path / "new").exists()


def test_a_clip_that_was_exchanged_since_is_not_taken(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "members", lambda *_: {"mp4": secrets.token_bytes(9)})
    with pytest.raises(UserError, match="is not what was released"):
        export(
            f"{whole}/out",
            facts(f"{whole}/out"),
            manifests(f"{whole}/out"),
            f"{whole}/plan",
            f"{whole}/in",
            f"{tmp_path}/new",
        )
    assert not (tmp_path / "new/meta/info.json").exists()


def test_what_does_not_go_together_is_said(whole: Path, tmp_path: Path) -> None:
    plan_, out, source = f"{whole}/plan", f"{whole}/out", f"{whole}/in"
    other = lerobot_sets.write(tmp_path / "other", (4,))
    for arguments, said in (
        ((out, plan_, f"{whole}/in/data", f"{tmp_path}/new"), "holds no meta/info.json, and no pictures"),
        ((out, plan_, str(other), f"{tmp_path}/new"), "holds no clip of"),
        ((out, plan_, source, f"{whole}/out/new"), "lies in or around"),
        ((out, plan_, source, f"{whole}/in/new"), "lies in or around"),
        ((out, plan_, source, f"{whole}/plan/new"), "lies in or around"),
    ):
        with pytest.raises(UserError, match=said):
            export(arguments[0], facts(arguments[0]), manifests(arguments[0]), *arguments[1:])
    assert json.loads(storage.read_bytes(plan_, plans.PLAN_FILE))["clips"] == len(clips(plan_))
    assert options.KEY_FILE in storage.list_files(plan_)
