"""What Kueue asks of a RayJob: a second reading of its webhooks for RayJob and RayCluster, which no package carries.

KubeRay's own rules are in kuberay.py. Kueue reserves each pod set whole before it lets the job start, so a pod without
requests would be admitted as if it needed nothing.
"""

import re
from collections import Counter
from typing import Any

QUEUE = "kueue.x-k8s.io/queue-name"
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")  # RFC 1123
RESERVED = ("head", "submitter")  # pod sets of Kueue's own
MOST_GROUPS = 6  # eight pod sets are a workload's most: two are those
_UNITS = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def problems(document: dict[str, Any]) -> list[str]:
    """Why Kueue would refuse this RayJob, not manage it, or reserve less than it takes; none if it is ready."""
    spec, label = document["spec"], document["metadata"].get("labels", {}).get(QUEUE, "")
    cluster = spec["rayClusterSpec"]
    groups = cluster["workerGroupSpecs"]
    found = {
        "no queue is named": not label,
        "a queue's name is a DNS subdomain": not SUBDOMAIN.fullmatch(label) or len(label) > 63,
        "it would start before it is admitted": spec.get("suspend") is not True,
        "its cluster would keep the quota": spec.get("shutdownAfterJobFinishes") is not True,
        "it would run on a cluster that is there": "clusterSelector" in spec,
        "it would grow beyond what is reserved": bool(cluster.get("enableInTreeAutoscaling")),
        "too many groups": len(groups) > MOST_GROUPS,
        "a group has a reserved name": any(group["groupName"].lower() in RESERVED for group in groups),
        "a group's nodes are not all reserved": any(
            not group.get("replicas") == group["minReplicas"] == group["maxReplicas"] for group in groups
        ),
    }
    unasked = [
        f"{name}: a pod asks for no {resource}"
        for name, (_, pod) in pod_sets(document).items()
        for container in [*pod["containers"], *pod.get("initContainers", [])]
        for resource in ("cpu", "memory")
        if resource not in container.get("resources", {}).get("requests", {})
    ]
    return [name for name, wrong in found.items() if wrong] + unasked


def pod_sets(document: dict[str, Any]) -> dict[str, tuple[int, dict[str, Any]]]:
    """What is reserved together: how many of which pod, by name."""
    spec = document["spec"]
    cluster = spec["rayClusterSpec"]
    return {
        "head": (1, cluster["headGroupSpec"]["template"]["spec"]),
        **{
            group["groupName"]: (group.get("replicas", 1), group["template"]["spec"])
            for group in cluster["workerGroupSpecs"]
        },
        "submitter": (1, spec["submitterPodTemplate"]["spec"]),
    }


def quota(document: dict[str, Any]) -> dict[str, float]:
    """Of each resource what all pods ask for; of init containers, which ask for less, nothing is added."""
    total: Counter[str] = Counter()
    for count, pod in pod_sets(document).values():
        for container in pod["containers"]:
            for resource, amount in container["resources"]["requests"].items():
                total[resource] += count * _number(amount)
    return {resource: round(amount, 6) for resource, amount in total.items()}


def _number(amount: str | int) -> float:
    """A quantity of Kubernetes."""
    digits, unit = re.fullmatch(r"(\d+)(\w*)", str(amount)).groups()
    return float(digits) * (_UNITS[unit] if unit else 1)
