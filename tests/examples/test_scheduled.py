"""The examples for schedulers: run by them where they are (`make schedulers`), read by our parsers always."""

import ast
import copy
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from examples.kueue_rayjob import queued
from tests.cluster.deploy import kuberay, kueue
from tests.cluster.deploy.test_deploy import commands, parse
from tests.examples.schedulers import PYTHON, ROOT, run_by
from tests.jobs import small

JOBS = ("plan", "anonymize", "verify")
needs_them = pytest.mark.skipif(not PYTHON.exists(), reason="there are no schedulers here: make schedulers")


def script(path: Path, *lines: str) -> str:
    """A program of these lines of sh; its path."""
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


@needs_them
@pytest.mark.parametrize("scheduler", ["airflow", "dagster"])
def test_a_scheduler_makes_a_dataset_of_a_video(scheduler: str, tmp_path: Path) -> None:
    video = small.cut_video(tmp_path / "a.mp4", 5)
    options = shlex.join(small.settings(tmp_path))
    recast = script(
        tmp_path / "recast",
        f"cd {ROOT}; job=$1",
        f'case $job in plan|anonymize) set -- "$@" {options};; esac',
        f'PYTHONPATH={ROOT} exec {sys.executable} -m jobs "$@"',
    )
    said = run_by(scheduler, [str(video), f"{tmp_path}/plan", f"{tmp_path}/out"], recast, tmp_path / "home")
    assert said["state"] == "success"
    dataset = yaml.safe_load((tmp_path / "out/dataset.json").read_text())
    assert dataset["planned"]["clips"] == 1 and dataset["state"] == "complete"
    if scheduler == "airflow":
        assert said["tasks"] == dict.fromkeys(JOBS, "success")
    else:
        assert said["verified"] == [True] and said["downstream"]
        assert said["counts"]["planned"] == 1


@needs_them
@pytest.mark.parametrize("scheduler", ["airflow", "dagster"])
@pytest.mark.parametrize("verifies", [True, False])
def test_what_is_not_proved_is_no_success_and_what_is_given_is_no_command(
    scheduler: str, verifies: bool, tmp_path: Path
) -> None:
    called = f"{tmp_path}/called"
    recast = script(
        tmp_path / "recast",
        f"printf '%s|' \"$@\" >> {called}; echo >> {called}",
        "case $1 in status) echo '{\"released\": 3}';; " + f"verify) exit {int(not verifies)};; esac",
    )
    evil = f"a b; $(touch {tmp_path}/run) `touch {tmp_path}/run`"
    said = run_by(scheduler, [evil, "PLAN", "OUT"], recast, tmp_path / "home")
    assert not (tmp_path / "run").exists()
    plan, anonymize, verify, *_ = Path(called).read_text().splitlines()
    assert plan == f"plan|{evil}|--plan|PLAN|"
    assert (anonymize, verify) == ("anonymize|--plan|PLAN|--output|OUT|", "verify|OUT|")
    assert said["state"] == ("success" if verifies else "failed")
    if scheduler == "airflow":
        assert said["tasks"] == dict.fromkeys(JOBS, "success") | {"verify": said["state"]}
    else:
        assert said["verified"] == [verifies] and said["downstream"] is verifies


def test_the_jobs_understand_what_the_schedulers_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    dag = ast.parse((ROOT / "examples/airflow_dag.py").read_text())
    (said,) = [
        one.value for one in dag.body if isinstance(one, ast.Assign) and ast.unparse(one.targets) == "JOBS"
    ]
    in_airflow = [shlex.split(command) for command in ast.literal_eval(said).values()]
    asset = ast.parse((ROOT / "examples/dagster_asset.py").read_text())
    lists = [one.elts for one in ast.walk(asset) if isinstance(one, ast.List) and len(one.elts) > 2]
    in_dagster = [[ast.unparse(part).strip("'") for part in parts[1:]] for parts in lists]
    assert [job for job, *_ in in_airflow] == list(JOBS)
    assert [job for job, *_ in in_dagster] == [*JOBS, "status"]
    for job, *arguments in [*in_airflow, *in_dagster]:
        module, _ = parse(["python", "-m", f"jobs.{job}", *arguments], monkeypatch)
        assert module == f"jobs.{job}"


@pytest.fixture(scope="module")
def rayjob() -> dict[str, Any]:
    """What the example prints."""
    command = [sys.executable, "-m", "examples.kueue_rayjob", "team-a"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    made: dict[str, Any] = yaml.safe_load(printed)
    return made


def test_the_rayjob_is_one_that_kuberay_and_kueue_accept(
    rayjob: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    once = yaml.safe_load((ROOT / "cluster/deploy/kuberay/anonymize.yaml").read_text())
    assert rayjob == queued(once, "team-a")
    kuberay.validate(rayjob)
    assert kueue.problems(rayjob) == []
    assert kueue.problems(once) != [], "of what it is made of Kueue would not manage anything"
    assert commands(rayjob) == commands(once)
    assert "RECAST_GROWING_CLUSTER" in str(once) and "RECAST_GROWING_CLUSTER" not in str(rayjob)


def test_kueue_reserves_what_the_autoscaler_could_have_asked_for(rayjob: dict[str, Any]) -> None:
    once = yaml.safe_load((ROOT / "cluster/deploy/kuberay/anonymize.yaml").read_text())
    counts = {
        one["groupName"]: one["maxReplicas"] for one in once["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    }
    reserved = kueue.pod_sets(rayjob)
    assert {name: count for name, (count, _) in reserved.items()} == counts | {"head": 1, "submitter": 1}
    quota = kueue.quota(rayjob)
    assert quota == {"cpu": 148.2, "memory": 976.25 * 2**30, "nvidia.com/gpu": 12}
    said = re.search(r"(\S+) CPUs, (\S+) GiB and (\S+) GPUs", (ROOT / "docs/deploy.md").read_text())
    assert [float(one) for one in said.groups()] == [
        quota["cpu"],
        quota["memory"] / 2**30,
        quota["nvidia.com/gpu"],
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.labels", {}),
        ("metadata.labels.kueue.x-k8s.io/queue-name", "Team_A"),
        ("metadata.labels.kueue.x-k8s.io/queue-name", ""),
        ("spec.suspend", False),
        ("spec.shutdownAfterJobFinishes", False),
        ("spec.rayClusterSpec.enableInTreeAutoscaling", True),
        ("spec.rayClusterSpec.workerGroupSpecs.0.groupName", "head"),
        ("spec.rayClusterSpec.workerGroupSpecs.1.replicas", 0),
        ("spec.rayClusterSpec.workerGroupSpecs.1.template.spec.containers.0.resources", {}),
        ("spec.submitterPodTemplate.spec.containers.0.resources", {}),
    ],
)
def test_what_kueue_would_refuse_or_not_count_is_found(rayjob: dict[str, Any], path: str, value: Any) -> None:
    document = copy.deepcopy(rayjob)
    place: Any = document
    *parents, last = re.sub(r"\.kueue\.x-k8s\.io/", ".kueue_", path).split(".")
    for step in parents:
        place = place[int(step) if step.isdigit() else step]
    place[last.replace("kueue_", "kueue.x-k8s.io/")] = value
    assert kueue.problems(document) != []


def test_too_many_groups_are_found(rayjob: dict[str, Any]) -> None:
    document = copy.deepcopy(rayjob)
    groups = document["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    groups += [groups[0] | {"groupName": f"more-{n}"} for n in range(4)]
    assert kueue.problems(document) != []
    document["metadata"]["labels"]["kueue.x-k8s.io/queue"] = 3
    with pytest.raises(jsonschema.ValidationError):
        kuberay.validate(document)
