"""The whole round: a run with refused clips, the page in a browser, its decisions, the next run that honours them."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from operators.recovery.keyed import Keyed, in_public, steering_key
from schemas.decision import Decision
from tests.browser import open_browser
from tests.jobs import here
from tests.jobs.small import cut_video, settings
from tests.operators.pages.test_review import choose, saved, type_into

# No encoded video is as much like its source as the gate "background" then demands.
POLICY = {
    "gates.outside_psnr_db": 99.5,
    "gates.copied_share": 0.99,  # so small, some plate within a mask equals the source, by right
    "gates.blank_share": 0.99,  # and somebody filled with gray is most of the picture
    "escalation": ["other seed"],
    "reviewers.may_waive": ["background"],
}
BY = "R. Viewer"


def rows(output: Path, folder: str) -> list[dict[str, Any]]:
    """Rows of OUT/manifest or OUT/quarantine in order of the source's frames."""
    found = [row for path in (output / folder).glob("*") for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: row["key"])


def certificate(output: Path, key: str) -> dict[str, Any]:
    for path in (output / "shards").iterdir():
        with tarfile.open(path) as tar:
            if f"{key}.json" in tar.getnames():
                return json.load(tar.extractfile(f"{key}.json"))["certificate"]  # type: ignore[arg-type]
    raise AssertionError(f"{key} is in no shard")


def steps(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["name"], step["by"]) for step in row["steps"]]


def called(video: bytes) -> str:
    """What a refused video is called in the dataset."""
    return in_public(hashlib.sha256(video).hexdigest(), Keyed(steering_key(bytes.fromhex("7" * 64))))


def test_decisions_made_on_the_page_are_honoured_by_the_next_run(tmp_path: Path) -> None:
    cut_video(tmp_path / "a.mp4", 13)
    plan, output, review = (tmp_path / name for name in ("plan", "out", "pages"))
    plan.mkdir()
    (plan / "release.key").write_text(
        "7" * 64
    )  # who is shown is drawn by it: the same in every run of this test
    options = settings(tmp_path, clips_per_shard=3)
    options += [part for name, value in POLICY.items() for part in ("--set", f"policy.{name}={value}")]
    assert here.job("plan", str(tmp_path / "a.mp4"), "--plan", str(plan), *options).returncode == 0
    command = ["--plan", str(plan), "--output", str(output), "--review", str(review), *options]
    first = here.job("anonymize", *command)
    assert first.returncode == 0, first.stderr

    held = rows(output, "quarantine")
    assert [row["reason"] for row in held] == ["gate failed: background"] * 3, held
    assert all(steps(row) == [("other seed", "")] for row in rows(output, "manifest"))
    kept = {row["key"]: (review / f"candidates/{row['key']}.mp4").read_bytes() for row in held}
    assert {key: called(video) for key, video in kept.items()} == {
        row["key"]: row["output_hmac"] for row in held
    }
    for path in (path for path in output.rglob("*") if path.is_file()):
        assert path.suffix != ".mp4" and not any(video in path.read_bytes() for video in kept.values()), path

    accepted, blackened, redone = (row["key"] for row in held)
    with open_browser() as page:
        page.show((review / "review.html").as_uri(), 1400, 1000)
        for key, what in ((accepted, "accept"), (blackened, "blackout"), (redone, "redo")):
            choose(page, key, what, f"to see {what}")
        type_into(page, "#by", BY)
        decisions = saved(page, tmp_path)
    assert {(one.key, one.decision, one.by) for one in decisions} == {
        (accepted, "accept", BY),
        (blackened, "blackout", BY),
        (redone, "redo", BY),
    }

    forged = [Decision(**one.model_dump() | {"output_sha256": "0" * 64}) for one in decisions]
    (tmp_path / "forged.json").write_text(json.dumps([one.model_dump() for one in forged]))
    refused = here.job("anonymize", *command, "--decisions", str(tmp_path / "forged.json"))
    assert refused.returncode == 2 and "forged.json: entry 1" in refused.stderr
    assert rows(output, "quarantine") == held

    second = here.job("anonymize", *command, "--decisions", str(tmp_path / "decisions.json"))
    assert second.returncode == 0, second.stderr
    made = {row["key"]: row for row in rows(output, "manifest")}
    assert made[accepted]["verdict"] == "released", made
    assert made[accepted]["sha256"] == hashlib.sha256(kept[accepted]).hexdigest()
    assert steps(certificate(output, accepted)) == [("other seed", ""), ("accept", BY)]
    assert steps(made[blackened]) == [("other seed", ""), ("opaque fill", BY)]
    assert steps(made[redone]) == [("other seed", ""), ("other seed", BY)]
    again = {row["key"]: row["output_hmac"] for row in rows(output, "quarantine")}
    assert again.keys() == {blackened, redone}
    assert again[redone] not in ("", called(kept[redone]))
    gray = hashlib.sha256((review / f"candidates/{blackened}.mp4").read_bytes()).hexdigest()

    # What was blacked out is accepted; its neighbours in the shard are made again as they were.
    last = Decision(key=blackened, decision="accept", reason="gray", by=BY, output_sha256=gray)
    both = [last, *(one for one in decisions if one.key != blackened)]
    (tmp_path / "last.json").write_text(json.dumps([one.model_dump() for one in both]))
    third = here.job("anonymize", *command, "--decisions", str(tmp_path / "last.json"))
    assert third.returncode == 0, third.stderr
    verdicts = {row["key"]: row["verdict"] for row in rows(output, "manifest")}
    assert verdicts == {accepted: "released", blackened: "released", redone: "quarantined"}
    filled = certificate(output, blackened)
    assert steps(filled) == [("other seed", ""), ("opaque fill", BY), ("accept", BY)]
    assert filled["diffusion_calls"] == 0
    assert certificate(output, accepted)["output_sha256"] == hashlib.sha256(kept[accepted]).hexdigest()
    assert rows(output, "quarantine")[0]["output_hmac"] == again[redone]
    proved = here.job("verify", str(output))
    assert proved.returncode == 0, proved.stdout
    for key, reason in ((accepted, "to see accept"), (blackened, "gray")):
        assert f"waived {key}: background, by {BY}: {reason}" in proved.stdout
    assert "Released on a reviewer&#39;s word" in (output / "report.html").read_text().replace("'", "&#39;")
