"""The three jobs as a DAG of Airflow 3: put this file into its DAGs' folder.

RECAST is the command by which a worker runs Recast, from an environment of its own: `recast`, if that is on its PATH.
With RAY_ADDRESS in the worker's environment the jobs run on that cluster. What stopped is tried again and goes on from
the shards that are finished; two runs never overlap, as two must not write to the same output.
"""

import os
from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

RECAST = os.environ.get("RECAST", "recast")
JOBS = {  # in this order; options of the jobs, such as --profile and --policy, are yours to add
    "plan": 'plan "$INPUT" --plan "$PLAN"',
    "anonymize": 'anonymize --plan "$PLAN" --output "$OUTPUT"',
    "verify": 'verify "$OUTPUT"',
}
PARAMS = {
    "input": "s3://raw-videos",
    "plan": "s3://recast-plans/dataset",
    "output": "s3://anonymized/dataset",
}
# Whoever starts a run says these: variables of the command's environment, so that no shell runs what is in them.
GIVEN = {name.upper(): f"{{{{ params.{name} }}}}" for name in PARAMS}
WHEN = {"schedule": None, "max_active_runs": 1, "default_args": {"retry_delay": timedelta(minutes=5)}}
AGAIN = {"plan": 2, "anonymize": 2, "verify": 0}  # what does not hold does not hold the second time

with DAG("recast", params=PARAMS, **WHEN) as dag:
    plan, anonymize, verify = (
        BashOperator(
            task_id=job, bash_command=f"{RECAST} {command}", env=GIVEN, append_env=True, retries=AGAIN[job]
        )
        for job, command in JOBS.items()
    )
    plan >> anonymize >> verify
