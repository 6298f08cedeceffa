"""One run as Kueue admits it: `python -m examples.kueue_rayjob QUEUE | kubectl create -f -`

cluster/deploy/kuberay/anonymize.yaml, which stays the only file to edit, and what Kueue wants of a RayJob: its
LocalQueue as a label; nothing started before it is admitted, all of it at once then, so that no node comes or goes.
Each group has as many nodes as it had at most, and the queue's quota must hold them all.
"""

import copy
import sys
from pathlib import Path
from typing import Any

import yaml


def queued(once: dict[str, Any], queue: str) -> dict[str, Any]:
    """The RayJob for this LocalQueue of its namespace."""
    job = copy.deepcopy(once)
    job["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": queue}
    job["spec"]["suspend"] = True
    cluster = job["spec"]["rayClusterSpec"]
    cluster["enableInTreeAutoscaling"] = False
    del cluster["autoscalerOptions"]
    for group in cluster["workerGroupSpecs"]:
        group["replicas"] = group["minReplicas"] = group["maxReplicas"]
    (head,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    # A profile whose actors find no place is refused at once: no node will come for them.
    head["env"] = [one for one in head["env"] if one["name"] != "RECAST_GROWING_CLUSTER"]
    return job


if __name__ == "__main__":
    once = yaml.safe_load((Path(__file__).parents[1] / "cluster/deploy/kuberay/anonymize.yaml").read_text())
    yaml.safe_dump(queued(once, sys.argv[1]), sys.stdout, sort_keys=False, width=1000)
