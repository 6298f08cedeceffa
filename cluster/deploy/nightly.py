"""What anonymize.yaml does, every night: `python -m cluster.deploy.nightly | kubectl apply -f -`

Prints a RayCronJob whose spec is that of kuberay/anonymize.yaml, but for its deadline; so that file is the only one to
edit. RayCronJob came with KubeRay 1.6, as alpha: the operator needs --feature-gates=RayCronJob=true. (A CronJob would
do, but needs an image with kubectl and the right to create RayJobs.) It lets a run overlap the one before, and two must
not share an output: all attempts of one night are shorter than a day. What is left is done the next night.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

SCHEDULE = "0 1 * * *"  # UTC, or whatever the operator's clock says
DEADLINE = 7 * 3600  # s; three attempts: 21 hours


def nightly(job: dict[str, Any]) -> dict[str, Any]:
    """The RayCronJob of a RayJob."""
    return {
        "apiVersion": job["apiVersion"],
        "kind": "RayCronJob",
        "metadata": {"name": "recast-nightly", "namespace": job["metadata"]["namespace"]},
        "spec": {
            "schedule": SCHEDULE,
            "jobTemplate": {**job["spec"], "activeDeadlineSeconds": DEADLINE},
        },
    }


if __name__ == "__main__":
    once = yaml.safe_load((Path(__file__).parent / "kuberay/anonymize.yaml").read_text())
    yaml.safe_dump(nightly(once), sys.stdout, sort_keys=False, width=1000)
