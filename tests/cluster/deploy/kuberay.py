"""What KubeRay accepts, as strict JSON schemas: an unknown field is an error, where the API server would drop it.

Written from the CRDs and types of KubeRay at commit 034971d (ray.io/v1: RayJob, RayCronJob, RayCluster), as no package
carries them: the subset that releases from 1.6 know. Pod templates are checked by Kubernetes's own schemas.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate

KUBERNETES = "1.34"
# Also Ray's start parameters, numbers and JSON among them: KubeRay takes nothing but strings.
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 0}
TEMPLATE = {"type": "object", "required": ["spec"], "x-kubernetes": "PodTemplate"}


def strict(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


METADATA = strict(
    (), name={"type": "string"}, generateName={"type": "string"}, namespace={"type": "string"}, labels=TEXTS
)
METADATA |= {"oneOf": [{"required": ["name"]}, {"required": ["generateName"]}]}
AUTOSCALER = strict(
    (),
    version={"enum": ["v1", "v2"]},
    upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    idleTimeoutSeconds=COUNT,
    imagePullPolicy={"type": "string"},
    image={"type": "string"},
    resources={"type": "object"},
    securityContext={"type": "object"},
    env={"type": "array"},
    volumeMounts={"type": "array"},
)
HEAD = strict(
    ("template",), template=TEMPLATE, rayStartParams=TEXTS, labels=TEXTS, resources=TEXTS, serviceType={}
)
WORKERS = strict(
    ("groupName", "minReplicas", "maxReplicas", "template"),
    groupName={"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"},
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    numOfHosts=COUNT,
    idleTimeoutSeconds=COUNT,
    rayStartParams=TEXTS,
    labels=TEXTS,
    resources=TEXTS,
    template=TEMPLATE,
)
CLUSTER = strict(
    ("headGroupSpec", "workerGroupSpecs"),
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    authOptions=strict((), mode={"enum": ["disabled", "token"]}, secretName={"type": "string"}),
    enableInTreeAutoscaling={"type": "boolean"},
    autoscalerOptions=AUTOSCALER,
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
)
JOB = strict(
    ("entrypoint", "rayClusterSpec"),
    activeDeadlineSeconds={"type": "integer", "minimum": 1},
    backoffLimit=COUNT,
    entrypoint={"type": "string"},
    entrypointNumCpus={"type": "number"},
    entrypointNumGpus={"type": "number"},
    entrypointResources={"type": "string"},
    jobId={"type": "string"},
    metadata=TEXTS,
    rayClusterSpec=CLUSTER,
    runtimeEnvYAML={"type": "string"},
    shutdownAfterJobFinishes={"type": "boolean"},
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterConfig=strict((), backoffLimit=COUNT),
    submitterPodTemplate=TEMPLATE,
    suspend={"type": "boolean"},
    ttlSecondsAfterFinished=COUNT,
)
CRON = strict(
    ("jobTemplate", "schedule"),
    jobTemplate=JOB,
    schedule={"type": "string", "pattern": r"^\S+( \S+){4}$"},
    suspend={"type": "boolean"},
)


def resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A whole custom resource."""
    return strict(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=METADATA,
        spec=spec,
    )


SCHEMAS = {"RayJob": resource("RayJob", JOB), "RayCronJob": resource("RayCronJob", CRON)}


def validate(document: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError, for a field of KubeRay's as for one of a pod's."""
    if document.get("apiVersion") != "ray.io/v1":
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.Draft202012Validator(SCHEMAS[document["kind"]]).validate(document)
    for template in templates(document):
        made = {"apiVersion": "v1", "kind": "PodTemplate", "template": template}
        kubernetes_validate.validate(made, KUBERNETES, strict=True)
        for container in template["spec"]["containers"]:
            # Optional in Kubernetes's schema, for templates that something else completes.
            if "image" not in container:
                raise jsonschema.ValidationError(f"{container['name']} has no image")
    options = job(document)["rayClusterSpec"].get("autoscalerOptions", {})
    parts = {
        name: options[name]
        for name in ("resources", "securityContext", "env", "volumeMounts")
        if name in options
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "autoscaler", **parts}]}}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def job(document: dict[str, Any]) -> dict[str, Any]:
    """The RayJob's spec, also that of a scheduled one."""
    spec: dict[str, Any] = document["spec"]
    return spec["jobTemplate"] if document["kind"] == "RayCronJob" else spec


def templates(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pod templates of submitter, head and workers."""
    spec = job(document)
    if "submitterPodTemplate" in spec:
        yield spec["submitterPodTemplate"]
    yield spec["rayClusterSpec"]["headGroupSpec"]["template"]
    for group in spec["rayClusterSpec"]["workerGroupSpecs"]:
        yield group["template"]
