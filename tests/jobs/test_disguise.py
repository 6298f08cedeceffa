"""A policy that has people blurred, as a job and on the bundled street: released, verified, and evaluated as blur."""

import json
from pathlib import Path

import pytest
import yaml

from operators import storage
from operators.release import reader
from tests.jobs import here
from tests.jobs.small import ROOT, cut_video, settings


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `in`, `plan`, `out` and policy.yaml: as driving.yaml, but for what docs/gates.md says to change."""
    folder = tmp_path_factory.mktemp("blurred")
    (folder / "in").mkdir()
    cut_video(folder / "in/a.mp4", 5)
    policy = yaml.safe_load((ROOT / "cluster/policies/driving.yaml").read_text())
    for rule in policy["rules"]:
        rule["do"] = "blur" if rule["what"] in ("person", "face") else rule["do"]
    policy |= {"name": "blurring", "escalation": ["larger mask"]}
    policy["gates"]["blank_share"] = 1.0  # somebody fills these small frames
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    assert here.job("plan", f"{folder}/in", "--plan", f"{folder}/plan", *own(folder)).returncode == 0
    done = here.job("anonymize", "--plan", f"{folder}/plan", "--output", f"{folder}/out", *own(folder))
    assert done.returncode == 0, done.stderr
    return folder


def own(folder: Path) -> list[str]:
    return [*settings(folder), "--policy", f"{folder}/policy.yaml"]


def test_a_blurring_policy_is_run_certified_and_verified(blurred: Path) -> None:
    output = f"{blurred}/out"
    assert here.job("verify", output).returncode == 0
    made = json.loads(storage.read_bytes(output, "dataset.json"))
    assert made["released"]["clips"] == 1 and made["bypassed"] == 0
    assert made["people"] == made["filled"] > 0 == made["regenerated"]
    assert made["diffusion_calls"] == 0
    (row,) = reader.manifest(output, ["key", "shard"]).to_pylist()
    record = json.loads(reader.members(output, row["shard"], row["key"])["json"])
    assert record["certificate"]["treatment"] == "blur"
    gates = {gate["name"] for gate in record["certificate"]["gates"]}
    assert "disguise" in gates and "body likeness" not in gates


def test_it_is_evaluated_as_the_blur_that_it_is(blurred: Path, tmp_path: Path) -> None:
    """What is published and the baseline on the same masks are the same, to the codec."""
    where = ["--plan", f"{blurred}/plan", "--output", f"{blurred}/out", "--report", f"{tmp_path}/report"]
    done = here.job("evaluate", *where, *settings(blurred), "--against", "blur", "--attacks", "")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report/evaluation.json").read_text())
    assert found["unmeasured"] == 0
    shown, same = (found["methods"][name]["figures"] for name in ("recast", "blur"))
    for name in ("exposed, all heights", "warping", "sharpness", "seam", "detector recall"):
        assert shown[name]["value"] == pytest.approx(same[name]["value"], rel=0.05, abs=0.01), name
