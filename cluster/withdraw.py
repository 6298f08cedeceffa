"""Clips whose source has changed: their shards are taken out of a dataset, to be made anew."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as arrow_dataset

from cluster import store
from cluster.plans import Plan
from operators.sink import files_of
from schemas.errors import UserError


def withdraw_changed(plan: Plan, output: str) -> int:
    """Remove every shard of `output` that holds a clip of which the plan now has another version; returns how many.

    A shard's other clips are done again with it. Raises UserError, and removes nothing, if there are clips of sources
    that the plan does not name at all: then it is another plan.
    """
    filesystem, clips = plan.files()
    known = _read(filesystem, clips, ["clip_id", "key"])
    filesystem, root = store.arrow_filesystem(output)
    made = [f"{root}/{path}" for path in store.list_files(output) if path.startswith("manifest/")]
    if not made:
        return 0
    rows = _read(filesystem, made, ["clip_id", "key", "shard"])
    old = ~np.isin(rows["clip_id"].to_numpy(), known["clip_id"].to_numpy())
    foreign = _sources(rows.filter(pa.array(old))) - _sources(known)
    if foreign:
        problem = (
            f"holds clips of {len(foreign)} videos that {plan.uri}, part {plan.partition}, does not name"
        )
        raise UserError(output, problem, "Give the plan that it was begun with, or choose another output")
    names = sorted(set(rows["shard"].filter(pa.array(old)).to_pylist()))
    # The record goes last: an interruption leaves a shard that is not whole, which the next repair removes.
    store.delete(output, [path for name in names for path in files_of(name).values()])
    store.delete(output, [f"checkpoint/{name}.parquet" for name in names])
    return len(names)


def _sources(rows: pa.Table) -> set[str]:
    """Keys of the sources: a clip's key is its source's, and a number."""
    return {key.rsplit("-", 1)[0] for key in rows["key"].to_pylist()}


def _read(filesystem: object, paths: list[str], columns: list[str]) -> pa.Table:
    if not paths:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    return arrow_dataset.dataset(paths, filesystem=filesystem, format="parquet").to_table(columns=columns)
