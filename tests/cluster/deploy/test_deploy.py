"""What is deployed is valid by its schemas, fits together, and holds commands that the jobs understand. Offline."""

import copy
import ipaddress
import json
import math
import runpy
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster.ledger.plans import Plan
from cluster.session import SMALL_TASKS
from jobs import options
from schemas.profile import Pool
from tests.cluster.deploy import kuberay

ROOT = Path(__file__).parents[3]
KUBERAY = sorted((ROOT / "cluster/deploy/kuberay").glob("*.yaml"))
DOCUMENTS = [(path.name, each) for path in KUBERAY for each in yaml.safe_load_all(path.read_text())]
PRINTED = subprocess.run(
    [sys.executable, "-m", "cluster.deploy.nightly"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout
DOCUMENTS.append(("nightly", yaml.safe_load(PRINTED)))
JOBS = [pytest.param(each, id=name) for name, each in DOCUMENTS if each["kind"] in kuberay.SCHEMAS]
GPU = "nvidia.com/gpu"


def parse(command: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, Namespace]:
    """`python -m jobs.NAME ...` by that job's own parser: its name and arguments, or SystemExit."""
    python, m, module, *arguments = command
    assert (python, m) == ("python", "-m")
    parsers: list[ArgumentParser] = []
    monkeypatch.setattr(options, "run", lambda main, parser: parsers.append(parser))
    monkeypatch.delitem(sys.modules, module, raising=False)
    runpy.run_module(module, run_name="__main__")
    return module, parsers[0].parse_args(arguments)


def commands(document: dict[str, Any]) -> list[list[str]]:
    """What the entrypoint runs in the image, after it has gone through the submitter's shell and Ray's."""
    submitted = shlex.split(kuberay.job(document)["entrypoint"])
    arrived = shlex.split(subprocess.list2cmdline(submitted))  # as `ray job submit` joins what it is given
    assert arrived[:2] == ["bash", "-c"]
    assert not set('$`"\\') & set(arrived[2])
    return [shlex.split(part) for part in arrived[2].split("&&")]


@pytest.mark.parametrize(("name", "document"), [pytest.param(*each, id=each[0]) for each in DOCUMENTS])
def test_every_document_is_valid_and_has_no_unknown_field(name: str, document: dict[str, Any]) -> None:
    kuberay.validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.backofLimit", 2),
        ("spec.rayClusterSpec.workerGroupSpecs.1.maxReplica", 4),
        ("spec.rayClusterSpec.headGroupSpec.rayStartParams.num-cpus", 0),  # a number where KubeRay wants text
        ("spec.rayClusterSpec.workerGroupSpecs.2.template.spec.tolerations.0.operater", "Exists"),
        ("spec.rayClusterSpec.workerGroupSpecs.1.template.spec.containers.0.image", None),
        ("spec.rayClusterSpec.workerGroupSpecs.1.template.spec.containers.0.resource", {}),
        ("spec.rayClusterSpec.autoscalerOptions.securityContext.readOnlyRootFileSystem", True),
        ("spec.submitterPodTemplate.spec.containers", None),
        ("spec.rayClusterSpec.headGroupSpec", None),
    ],
)
def test_a_misspelled_or_missing_field_is_found(path: str, value: Any) -> None:
    document = copy.deepcopy(next(each for _, each in DOCUMENTS if each["kind"] == "RayJob"))
    document = json.loads(json.dumps(document))  # no part of it is shared any more, as YAML's anchors are
    *parents, last = path.split(".")
    place: Any = document
    for step in parents:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        kuberay.validate(document)


@pytest.mark.parametrize("document", JOBS)
def test_the_jobs_understand_the_entrypoint(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_folder, *jobs = commands(document)
    assert change_folder == ["cd", "/app"]
    monkeypatch.chdir(ROOT)
    (_, plan), (_, run), (_, verify) = parsed = [parse(job, monkeypatch) for job in jobs]
    assert [name for name, _ in parsed] == ["jobs.plan", "jobs.anonymize", "jobs.verify"]
    assert (plan.plan, run.output) == (run.plan, verify.output)
    options.read_settings(plan)
    options.read_settings(run)
    assert Plan.of(run.plan, run.partition).parts == 1


def per_node(pool: Pool, limits: dict[str, Any]) -> float:
    """How many of a pool's actors fit into a pod of these limits."""
    return min(float(limits["cpu"]) // pool.num_cpus, float(limits[GPU]) // pool.num_gpus)


def nodes_for(pool: Pool, limits: dict[str, Any]) -> float:
    """How many pods a pool's actors fill; infinity if not even one fits."""
    fits = per_node(pool, limits)
    return math.ceil(pool.actors / fits) if fits else math.inf


def test_an_actor_that_fits_no_node_is_seen() -> None:
    limits = {"cpu": "8", GPU: 1}
    assert nodes_for(Pool(actors=5, num_cpus=4, num_gpus=0.5), limits) == 3
    assert nodes_for(Pool(actors=1, num_cpus=9, num_gpus=1), limits) == math.inf


@pytest.mark.parametrize("document", JOBS)
def test_every_stage_fits_into_its_group(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    profile, _ = options.read_settings(parse(commands(document)[2], monkeypatch)[1])
    groups = {
        group["groupName"]: group for group in kuberay.job(document)["rayClusterSpec"]["workerGroupSpecs"]
    }
    for name in ("condition", "regenerate"):
        pool: Pool = getattr(profile.pools, name)
        together = [pool, profile.pools.audit] if name == "condition" else [pool]
        limits = groups[name]["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert pool.num_gpus > 0
        assert pool.device.startswith("cuda")
        assert groups[name]["maxReplicas"] >= max(nodes_for(one, limits) for one in together)
        assert sum(one.num_gpus for one in together) <= limits[GPU], "the audit has no place beside it"
        assert sum(one.num_cpus for one in together) <= float(limits["cpu"])
        assert sum(one.num_gpus * one.actors for one in together) <= groups[name]["maxReplicas"] * limits[GPU]
        assert json.loads(json.loads(groups[name]["rayStartParams"]["resources"])) == {name: 1}
        assert all(one.resources.keys() == {name} for one in together), "not pinned to its group"
        assert all(one.num_gpus and one.device.startswith("cuda") for one in together)
        assert sum(pool.resources.values()) * per_node(pool, limits) <= 1
    for name, wanted in (("decode", SMALL_TASKS), ("sink", SMALL_TASKS)):
        limits = groups[name]["template"]["spec"]["containers"][0]["resources"]["limits"]
        free = float(limits["cpu"]) * groups[name]["maxReplicas"]
        assert free >= wanted, "too little for the small tasks"
        assert GPU not in limits


@pytest.mark.parametrize("document", JOBS)
def test_gpus_prefer_spot_and_the_driver_never_is(document: dict[str, Any]) -> None:
    spec = kuberay.job(document)
    cluster = spec["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"]
    assert spec["shutdownAfterJobFinishes"]
    assert spec["backoffLimit"] >= 1
    head = cluster["headGroupSpec"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert "spot" not in head["template"]["spec"]["nodeSelector"].values()
    for group in cluster["workerGroupSpecs"]:
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        if GPU in limits:
            assert group["minReplicas"] == 0
            pod = group["template"]["spec"]
            assert "nodeSelector" not in pod, "without spot nodes the run would wait for ever"
            affinity = pod["affinity"]["nodeAffinity"]
            (wish,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
            (spot,) = wish["preference"]["matchExpressions"]
            assert spot == {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}
            assert "requiredDuringSchedulingIgnoredDuringExecution" not in affinity
            assert {each["key"] for each in group["template"]["spec"]["tolerations"]} >= {GPU}


@pytest.mark.parametrize("document", JOBS)
def test_no_pod_is_root_and_frames_spill_to_an_encrypted_volume(document: dict[str, Any]) -> None:
    accounts = {each["metadata"]["name"] for _, each in DOCUMENTS if each["kind"] == "ServiceAccount"}
    cluster = kuberay.job(document)["rayClusterSpec"]
    for template in kuberay.templates(document):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001  # the image's
        assert pod["serviceAccountName"] in accounts
        for container in pod["containers"]:
            assert container["image"] == "registry.example/recast:0.1.0"
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod, spill = group["template"]["spec"], group["rayStartParams"]["object-spilling-directory"]
        (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == spill]
        (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
        assert volume["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "encrypted"


def test_the_scheduled_job_is_the_other_one_and_ends_before_the_next() -> None:
    by_kind = {each["kind"]: kuberay.job(each) for _, each in DOCUMENTS if each["kind"] in kuberay.SCHEMAS}
    once, nightly = by_kind["RayJob"], by_kind["RayCronJob"]
    assert {**once, "activeDeadlineSeconds": 0} == {**nightly, "activeDeadlineSeconds": 0}
    assert nightly["activeDeadlineSeconds"] * (nightly["backoffLimit"] + 1) < 24 * 3600
    assert once["rayClusterSpec"]["rayVersion"] == metadata.version("ray")


ROLES = {
    "head": "driver",
    "sink": "sink",
    "decode": "decode",
    "condition": "decode",
    "regenerate": "regenerate",
}


@pytest.mark.parametrize("document", JOBS)
def test_each_group_has_the_role_of_what_runs_there(document: dict[str, Any]) -> None:
    roles = {
        each["metadata"]["name"]: each["metadata"]
        .get("annotations", {})
        .get("eks.amazonaws.com/role-arn", "")
        for _, each in DOCUMENTS
        if each["kind"] == "ServiceAccount"
    }
    cluster = kuberay.job(document)["rayClusterSpec"]
    groups = {group["groupName"]: group["template"]["spec"] for group in cluster["workerGroupSpecs"]}
    groups["head"] = cluster["headGroupSpec"]["template"]["spec"]
    assert {
        name: roles[pod["serviceAccountName"]].rpartition("recast-")[2] for name, pod in groups.items()
    } == ROLES
    assert all((ROOT / f"cluster/deploy/iam/{role}.json").exists() for role in ROLES.values())
    for name, pod in groups.items():
        assert name == "head" or pod["automountServiceAccountToken"] is False
    assert roles[kuberay.job(document)["submitterPodTemplate"]["spec"]["serviceAccountName"]] == ""


@pytest.mark.parametrize("document", JOBS)
def test_what_reads_the_plan_or_writes_shards_does_so_in_its_group_alone(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    _, plan, run, _ = commands(document)
    for command, opens in ((plan, "decode"), (run, "condition")):
        profile, _ = options.read_settings(parse(command, monkeypatch)[1])
        assert profile.writers.keys() == {"sink"} and profile.pools.audit.resources.keys() == {opens}
    groups = kuberay.job(document)["rayClusterSpec"]["workerGroupSpecs"]
    for name in ("sink", "decode"):
        (own,) = [group for group in groups if name in group["rayStartParams"].get("resources", "")]
        assert own["groupName"] == name


def test_pods_reach_each_other_names_and_tls_and_no_metadata() -> None:
    (policy,) = [each["spec"] for _, each in DOCUMENTS if each["kind"] == "NetworkPolicy"]
    assert policy["podSelector"] == {} and set(policy["policyTypes"]) == {"Ingress", "Egress"}
    outside = [rule for rule in policy["egress"] if any("ipBlock" in to for to in rule["to"])]
    assert [rule["ports"] for rule in outside] == [[{"port": 443, "protocol": "TCP"}]]
    closed = ipaddress.ip_network(outside[0]["to"][0]["ipBlock"]["except"][0])
    assert ipaddress.ip_address("169.254.169.254") in closed
    assert ipaddress.ip_address("169.254.170.23") in closed
    others = [rule for rule in policy["egress"] if rule not in outside]
    assert all("podSelector" in to or rule["ports"][0]["port"] == 53 for rule in others for to in rule["to"])


@pytest.mark.parametrize("document", JOBS)
def test_every_process_of_ray_speaks_tls_and_none_has_the_authoritys_key(document: dict[str, Any]) -> None:
    due = {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": "/tls/tls.crt",
        "RAY_TLS_SERVER_KEY": "/tls/tls.key",
        "RAY_TLS_CA_CERT": "/tls/ca.crt",
    }
    cluster = kuberay.job(document)["rayClusterSpec"]
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    for container in (cluster["autoscalerOptions"], *(pod["containers"][0] for pod in pods)):
        assert due.items() <= {each["name"]: each.get("value") for each in container["env"]}.items()
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        assert mounts["/tls"] == "tls" and "ca" not in mounts.values()
    for pod in pods:
        (first,) = pod["initContainers"]
        assert first["command"] == ["python", "-m", "cluster.deploy.node_certificate", "/ca", "/tls"]
        assert first["securityContext"]["readOnlyRootFilesystem"]
        assert {volume["name"] for volume in pod["volumes"]} == {"tmp", "spill", "ca", "tls"}
