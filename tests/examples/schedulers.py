"""Airflow and Dagster run the examples, each by its own means, in a Python that has them (`make schedulers`).

As a program (`PYTHON -P tests/examples/schedulers.py airflow|dagster INPUT PLAN OUTPUT`) it prints JSON.
"""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".cache/schedulers/bin/python"  # made by `make schedulers`


def run_by(scheduler: str, given: list[str], recast: str, home: Path) -> dict[str, Any]:
    """What `scheduler` says of a run with `given` input, plan and output; `recast` is the command that runs Recast."""
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    outside |= {"RECAST": recast, "AIRFLOW_HOME": str(home), "DAGSTER_HOME": str(home)}
    outside |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "examples")}
    home.mkdir()
    made = subprocess.run(
        [str(PYTHON), "-P", __file__, scheduler, *given],
        capture_output=True,
        text=True,
        check=False,
        env=outside,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    said: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return said


def airflow(**given: str) -> dict[str, Any]:
    """The DAG as its folder's loader finds it, and how each of its tasks ended."""
    from airflow.utils.db import initdb

    initdb()
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(ROOT / "examples/airflow_dag.py"))
    assert not bag.import_errors, bag.import_errors
    ended = bag.dags["recast"].test(run_conf=given)
    return {"state": ended.state, "tasks": {one.task_id: one.state for one in ended.get_task_instances()}}


def dagster(**given: str) -> dict[str, Any]:
    """The asset by itself, and another downstream of it."""
    import dagster as dg

    example = runpy.run_path(str(ROOT / "examples/dagster_asset.py"))
    dg.Definitions.validate_loadable(example["definitions"])
    anonymized = example["anonymized"]

    @dg.asset(deps=[anonymized])
    def trained() -> None:
        pass

    config = dg.RunConfig(ops={"anonymized": example["Dataset"](**given)})
    ended = dg.materialize([anonymized, trained], run_config=config, raise_on_error=False)
    (made,) = ended.asset_materializations_for_node("anonymized") or [None]
    return {
        "state": "success" if ended.success else "failed",
        "verified": [one.passed for one in ended.get_asset_check_evaluations()],
        "counts": {name: one.value for name, one in made.metadata.items()} if made else {},
        "downstream": bool(ended.asset_materializations_for_node("trained")),
    }


if __name__ == "__main__":
    scheduler, *said = sys.argv[1:]
    run = {"airflow": airflow, "dagster": dagster}[scheduler]
    print(json.dumps(run(**dict(zip(("input", "plan", "output"), said, strict=True))), default=str))
