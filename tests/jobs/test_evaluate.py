"""A signed dataset evaluated on Ray, published and verified."""

import json
from pathlib import Path

import pytest

from tests.jobs.small import cut_video, job, settings
from tests.keys import make_key

pytestmark = pytest.mark.usefixtures("cluster")


def test_a_dataset_is_evaluated_once_and_verified_with_its_evidence(tmp_path: Path) -> None:
    source, key = tmp_path / "in", str(make_key(tmp_path / "key.pem"))
    source.mkdir()
    cut_video(source / "jane-doe.mp4", 9)
    own, places = settings(tmp_path), ["--plan", f"{tmp_path}/plan", "--output", f"{tmp_path}/out"]
    assert job("plan", str(source), "--plan", f"{tmp_path}/plan", *own).returncode == 0
    assert job("anonymize", *places, *own, "--key", key).returncode == 0
    few = ["--against", "blackout", "--attacks", "parrot", "--report", f"{tmp_path}/report"]
    done = job("evaluate", *places, *own, *few, "--key", key, "--card")
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "report/measured").rglob("*.parquet")
    written = kept.stat().st_mtime_ns
    found = json.loads((tmp_path / "report/evaluation.json").read_text())
    assert (found["sources"], found["clips"], found["unmeasured"]) == (1, 1, 0)
    assert list(found["methods"]) == ["blackout", "pass-through", "recast"]
    control = found["methods"]["pass-through"]["figures"]["exposed, all heights"]
    assert control["value"] == 1 and found["methods"]["recast"]["figures"]["lost"]["value"] == 0
    keyed = [
        found["methods"]["recast"]["figures"][f"linked with {key} key"] for key in ("the release", "another")
    ]
    assert [one["value"] for one in keyed] == [1, 0]
    published = (tmp_path / "out/evaluation.dsse.json").read_text() + (
        tmp_path / "out/croissant.json"
    ).read_text()
    assert "jane-doe" not in published
    assert job("verify", f"{tmp_path}/out").returncode == 0
    assert job("evaluate", *places, *own, *few).returncode == 0
    assert kept.stat().st_mtime_ns == written, "it is measured already"
    inside = job("evaluate", *places, *own, "--report", f"{tmp_path}/out/report")
    assert inside.returncode == 2 and "lies in or around the output" in inside.stderr
    other = job("evaluate", *places, *own, *few, "--key", str(make_key(tmp_path / "other.pem")))
    assert other.returncode == 2 and "is not the key that the dataset is signed by" in other.stderr
    unknown = job("evaluate", *places, *own, *few[2:], "--against", "smear")
    assert unknown.returncode == 2 and "smear: not known" in unknown.stderr
