"""What a run is said to have done, from its output alone, however it ended."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.ledger import checkpoint, lease
from cluster.ledger.plans import Plan
from cluster.ledger.run import Run
from jobs.status import status, story
from operators import storage
from operators.release import reader
from operators.release.layout import LEASE, SCHEMA_VERSION
from schemas.errors import UserError
from tests.cluster import toy
from tests.jobs.small import job


def test_a_finished_run(place: str) -> None:
    toy.write_output(f"{place}/plan", f"{place}/out", 22)
    found = status(f"{place}/out", datetime.now(UTC) + timedelta(hours=2))
    assert (found["state"], found["planned"], found["left"], found["shards"]) == ("complete", 22, 0, 6)
    assert (found["released"], found["quarantined"], found["failed"]) == (16, 3, 3)
    assert found["clips per hour"] > 0 and found["time left"] is None
    assert found["last shard"].startswith("2:00:")


def test_an_interrupted_run_counts_what_is_committed(place: str) -> None:
    names = toy.write_output(f"{place}/plan", f"{place}/out", 22)
    storage.delete(f"{place}/out", ["dataset.json", *(f"checkpoint/{name}.parquet" for name in names[3:])])
    header = {"schema_version": SCHEMA_VERSION, "state": "running", "planned": {"clips": 22, "frames": 110}}
    storage.write_bytes(f"{place}/out", "dataset.json", json.dumps(header).encode())
    found = status(f"{place}/out", datetime.now(UTC))
    assert (found["state"], found["shards"], found["left"]) == ("stopped", 3, 10)
    assert found["released"] + found["quarantined"] + found["failed"] == 12
    assert found["time left"] is not None


def test_a_run_that_has_only_begun(place: str) -> None:
    toy.write_plan(f"{place}/plan", 5)
    checkpoint.begin(Run(Plan(f"{place}/plan"), f"{place}/out", toy.PROFILE, toy.POLICY))
    found = status(f"{place}/out", datetime.now(UTC))
    assert (found["planned"], found["left"], found["released"]) == (5, 5, 0)
    assert found["clips per hour"] is found["time left"] is found["last shard"] is None
    with pytest.raises(UserError, match="no run was begun"):
        status(f"{place}/plan", datetime.now(UTC))


def test_the_command(place: str) -> None:
    toy.write_output(f"{place}/plan", f"{place}/out", 4)
    assert json.loads(job("status", f"{place}/out", "--json").stdout)["planned"] == 4
    assert "released" in job("status", f"{place}/out").stdout
    assert "nothing is left" in job("status", f"{place}/out").stdout
    nothing = job("status", f"{place}/nothing")
    assert nothing.returncode == 2 and "nothing" in nothing.stderr


def begun(folder: str, **held: object) -> dict[str, object]:
    """The state of a run without a shard, with this lease."""
    header = {"schema_version": SCHEMA_VERSION, "state": "running", "planned": {"clips": 22, "frames": 110}}
    storage.write_bytes(folder, "dataset.json", json.dumps(header).encode())
    storage.write_bytes(folder, LEASE, json.dumps(held).encode())
    return status(folder, datetime.now(UTC))


def test_a_run_that_starts_and_one_that_has_died_are_told_apart(tmp_path: Path) -> None:
    now = time.time()
    alive = {"owner": "a", "place": "elsewhere", "process": 1}
    assert begun(str(tmp_path), **alive, until=now + 500)["state"] == "starting"
    found = begun(str(tmp_path), **alive, until=now - 3000)
    assert found["state"] == "dead" and "no heartbeat since 20" in str(found["told by"])
    gone = {"owner": "a", "place": lease._here(), "process": 2**22 + 1, "until": now + 500}
    assert begun(str(tmp_path), **gone)["state"] == "dead"


def test_the_story_of_a_clip(tmp_path: Path) -> None:
    toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/out", 12)
    keys = reader.manifest(f"{tmp_path}/out", ["key", "verdict"]).to_pylist()
    for row in keys:
        told = dict(story(f"{tmp_path}/out", row["key"], f"{tmp_path}/plan"))
        assert told["verdict"] == row["verdict"] and told["source"].startswith("file:///videos/")
        assert told["frames"] == "1 to 5" and ("remedy" in told) == (row["verdict"] != "released")
        assert ("people" in told) == (row["verdict"] == "released"), "who was not released was not counted"
        assert "source" not in dict(story(f"{tmp_path}/out", row["key"], ""))
    with pytest.raises(UserError, match="is neither in the plan nor in the output"):
        story(f"{tmp_path}/out", "nothing-000000", f"{tmp_path}/plan")
