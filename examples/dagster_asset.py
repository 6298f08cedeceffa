"""A dataset as an asset of Dagster, with its proof as a check that blocks: nothing downstream runs unless it passed.

RECAST is the command that runs Recast, from an environment of its own: `recast`, if that is on the PATH. With
RAY_ADDRESS set the jobs run on that cluster. What stopped is tried again and goes on from the shards that are finished.
"""

import json
import os
import shlex
import subprocess

import dagster as dg

RECAST = shlex.split(os.environ.get("RECAST", "recast"))


class Dataset(dg.Config):
    """Where from and where to."""

    input: str = "s3://raw-videos"
    plan: str = "s3://recast-plans/dataset"
    output: str = "s3://anonymized/dataset"


@dg.asset(
    check_specs=[dg.AssetCheckSpec("verified", asset="anonymized", blocking=True)],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=300),
    pool="recast",  # with a limit of 1: two runs must not write to the same output
)
def anonymized(config: Dataset) -> dg.MaterializeResult:
    """The three jobs, and the counts of what became of the clips."""
    subprocess.run([*RECAST, "plan", config.input, "--plan", config.plan], check=True)
    subprocess.run([*RECAST, "anonymize", "--plan", config.plan, "--output", config.output], check=True)
    verify = subprocess.run([*RECAST, "verify", config.output], check=False)
    status = subprocess.run([*RECAST, "status", config.output, "--json"], check=True, capture_output=True)
    proof = dg.AssetCheckResult(check_name="verified", passed=verify.returncode == 0)
    return dg.MaterializeResult(metadata=json.loads(status.stdout), check_results=[proof])


definitions = dg.Definitions(assets=[anonymized])
