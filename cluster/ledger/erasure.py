"""Erasure: a source is taken out of a plan for good, and all that was made of it out of every dataset of that plan.

The plan remembers the source's key, an HMAC of its name, so that the source is not planned again and each dataset of
the plan is rid of it at its next run, whichever that is and however often it is interrupted.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.ledger import plans
from cluster.ledger.plans import Plan
from cluster.ledger.withdraw import withdraw_shards
from operators import storage
from operators.planning.probe import source_key
from operators.recovery.escalation import Vouching
from operators.release import json_form, reader
from operators.release.layout import DATASET, source_of
from schemas.errors import UserError


def forget(plan: Plan, output: str, sources: Sequence[str], name_key: bytes) -> list[str]:
    """Take `sources`, each a uri or a name below the plan's input, out of the plan; returns their keys.

    Those whose file is gone, or that were forgotten before, are as good as others. Raises UserError, and changes
    nothing, if one of them is neither in the plan nor in the dataset, or if another has the same bytes: of that all
    would stay.
    """
    planned = reader.read_columns(plan.all_files(), ["uri", "key", "source_hmac"])
    by_uri = dict(zip(planned["uri"].to_pylist(), map(source_of, planned["key"].to_pylist()), strict=True))
    made = reader.manifest(output, ["key", "source_hmac"])
    known = {*by_uri.values(), *map(source_of, made["key"].to_pylist()), *plans.forgotten(plan.uri)}
    keys = []
    for source in sources:
        key = by_uri.get(storage.absolute(source)) or source_key(source, name_key)
        if key not in known:
            remedy = "Give its path as jobs.plan was given it, or its name below that input"
            raise UserError(f"--forget {source}", f"is no source of {plan.uri}", remedy)
        keys.append(key)
    _require_all_copies(planned, made, keys)
    plans.forget(plan.uri, keys)
    return keys


def _require_all_copies(planned: pa.Table, made: pa.Table, keys: Sequence[str]) -> None:
    """Raises UserError if a source that stays has the same bytes as one of these."""
    rows = [*planned.select(["key", "source_hmac"]).to_pylist(), *made.to_pylist()]
    bytes_of = {(source_of(row["key"]), row["source_hmac"]) for row in rows if row["source_hmac"]}
    gone = {digest for key, digest in bytes_of if key in keys}
    if left := sorted({key for key, digest in bytes_of if digest in gone and key not in keys}):
        named = {source_of(row["key"]): row["uri"] for row in planned.to_pylist()}
        where = ", ".join(named.get(key, key) for key in left)
        raise UserError("--forget", f"leaves the same bytes under another name: {where}", "Name them as well")


def erase(plan: Plan, output: str, signer: Vouching | None = None) -> list[str]:
    """Take every shard out of `output` that holds a clip of a forgotten source; returns the keys of those sources.

    Their other clips are to be made again. That it was done stands in dataset.json first, where only keys are named.
    """
    forgotten = set(plan.forgotten())
    if not forgotten or not (made := reader.read_dataset(output)):
        return []
    rows = reader.manifest(output, ["clip_id", "key", "shard"])
    gone = rows.filter(pa.array([source_of(key) in forgotten for key in rows["key"].to_pylist()], pa.bool_()))
    if not gone.num_rows:
        return []
    keys = sorted(set(map(source_of, gone["key"].to_pylist())))
    made |= {"state": "running", "forgotten": plan.forgotten()}
    storage.write_bytes(output, DATASET, json_form.written(made))
    shards = pc.unique(gone["shard"]).to_pylist()
    withdraw_shards(plan, output, shards, {clip: [] for clip in np.asarray(gone["clip_id"]).tolist()}, signer)
    return keys


def erase_candidates(review: str, keys: Sequence[str]) -> None:
    """Take what was kept of these sources for reviewers out of REVIEW/candidates."""
    folder = storage.join(review, "candidates")
    named = [name for name in storage.list_files(folder) if source_of(name.partition(".")[0]) in keys]
    storage.delete(folder, named)
