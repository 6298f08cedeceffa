"""Exactly once: what a run may keep of an earlier one, what is still to do, and when a dataset is complete.

Ray's own recovery is not used: where `X.pending.parquet` and `X.parquet` both exist (a move in an object store is
copy, then delete) it deletes X's data and keeps X's ids as done. What counts, and what goes: repair.py.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from pyarrow import fs
from ray.data.checkpoint import CheckpointConfig, CheckpointManager

from cluster import logs
from cluster.ledger import chain, dataset_signature, decisions, erasure, failure_budget, lease, memory
from cluster.ledger.datasink import ShardSink
from cluster.ledger.done_clips import DoneClips, hand
from cluster.ledger.plans import Plan, Planned
from cluster.ledger.repair import repair
from cluster.ledger.run import Run
from cluster.ledger.withdraw import withdraw_changed
from operators import storage
from operators.recovery import attempts, escalation
from operators.release import json_form, reader
from operators.release.accounts import COUNTED, id_digest
from operators.release.attestation import sha256
from operators.release.layout import (
    CHECKPOINT,
    DATASET,
    LEASE,
    REPORT,
    SCHEMA_VERSION,
    SHARD_LIST,
    commit_of,
    files_of,
    half_written,
)
from operators.release.signature import shard_holds
from schemas import __version__
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.errors import UserError

# Of OUT, what its dataset.json says, and the sha256 of its manifests by path: a page about it.
Report = Callable[[str, dict[str, Any], Mapping[str, str]], bytes]
LICENCE_NOTES = [
    "What surrounds the regenerated people comes from the source videos: their licences and consents still apply.",
    "The models that the profile names found and made the people; NOTICE states their licences.",
]


class ManifestCheckpoints(CheckpointManager):
    """What Ray's filter behind the read leaves out: the clips in OUT/manifest, which is what this house goes by.

    Ray's own way to learn it, a dataset of its own over the commit records, takes seconds and its recovery.
    """

    def load_checkpoint(
        self, data_file_dir: str | None = None, data_file_filesystem: fs.FileSystem | None = None
    ) -> tuple[bytes | None, int]:
        """The sorted int64 ids, as DoneClips takes them, and their size in bytes."""
        ids = reader.clip_ids(self.checkpoint_path.removesuffix(f"/{CHECKPOINT}"))
        return (hand(ids), ids.nbytes) if ids.size else (None, 0)


def checkpoint_config(output: str) -> CheckpointConfig:
    """Ray's commit records in OUT/checkpoint. To be set in the DataContext before the Dataset is made."""
    config = CheckpointConfig(
        "clip_id",
        f"{storage.absolute(output)}/{CHECKPOINT}",
        override_filesystem=storage.arrow_filesystem(output)[0],
        delete_checkpoint_on_success=False,
        checkpoint_manager_cls=ManifestCheckpoints,
        checkpoint_filter_cls=DoneClips,
    )
    # The filter's actors compete with the stages for CPUs; one keeps up with millions of references.
    config.checkpoint_actor_pool_max_size = 1
    config.checkpoint_actor_memory_bytes = 256 << 20
    return config


def begin(run: Run, withdraw: bool = False, decide: Callable[[], object] | None = None) -> None:
    """Make the run's output ready for it or for its continuation, and switch Ray's checkpoints on.

    Raises UserError if the plan names a clip twice, or if the output was made with other settings or keys, by another
    plan, or by something else. Shards of sources that the plan has forgotten are taken out first (erasure.py), and with
    `withdraw` those of sources that have changed since; `decide` may take out others (decisions.py).
    """
    storage.require_own_folders(run.output, (attempts.FOLDER, escalation.FOLDER))
    planned, made = run.plan.planned(), require_same(run)
    terms = run.terms(digests=True)
    repair(run.output, terms)
    erasure.erase(run.plan, run.output, run.vouching)
    if withdraw:
        withdraw_changed(run.plan, run.output, run.vouching)
    if decide:
        decide()
    decisions.insist(run.plan, run.output, run.vouching)
    done = reader.clip_ids(run.output)
    _require_planned(run, done, planned.ids)
    memory.begin(run.plan.uri, run.output, run.made_by)
    if made is None or done.size < planned.ids.size:
        revision = _last_revision(run, made)
        header = _header(run, planned) | {"revision": revision}
        storage.write_bytes(run.output, DATASET, json_form.written(header))
    ray.data.DataContext.get_current().checkpoint_config = checkpoint_config(run.output)
    own = partial(shard_holds, public_key=terms.public_key, settings=run.settings)
    failure_budget.stop_above(run.policy.failures, run.output, run.lease, own)
    logs.emit("begun", planned=int(planned.ids.size))


def _header(run: Run, planned: Planned) -> dict[str, Any]:
    """What dataset.json says from the beginning. Nothing of it is taken from the output: there others may write."""
    return {
        "schema_version": SCHEMA_VERSION,
        "recast_version": __version__,
        "state": "running",
        "variant": run.policy.variant,
        "planned": {"clips": int(planned.ids.size), "frames": planned.frames},
        "forgotten": run.plan.forgotten(),
        "dataset_id": run.dataset_id,
        **_made_with(run),
    }


def _made_with(run: Run) -> dict[str, Any]:
    """What all runs on one output must have in common, as dataset.json says it."""
    policy, marker = run.policy, run.marker
    return {
        "partition": run.plan.partition,
        "profile": {"name": run.profile.name, "digest": run.profile.digest()},
        "policy": {
            "name": policy.name,
            "digest": policy.digest(),
            "settings": policy.model_dump(mode="json"),
        },
        "signer": dataset_signature.entry(run.signer),
        "marker": {"name": marker.digest[:16], "digest": marker.digest} if marker else None,
    }


def require_same(run: Run) -> dict[str, Any] | None:
    """What dataset.json says, if there is one. Raises UserError if the output was begun by another run, or is no
    dataset: nothing is changed then, nor forgotten or taken back."""
    if (made := reader.read_dataset(run.output)) is None:
        if not all(path == LEASE or half_written(path) for path in storage.list_files(run.output)):
            problem = "holds files but no dataset.json, so it is no dataset of ours"
            raise UserError(run.output, problem, "Choose an empty output")
        return None
    for name, value in _made_with(run).items():
        if made.get(name) != value:
            begun = made.get(name) or "none"
            begun = begun.get("name", "?") if isinstance(begun, dict) else begun
            remedy = "Use the same settings again, or choose another output"
            raise UserError(run.output, f"was begun with another {name} ({begun})", remedy)
    return made


def _require_planned(run: Run, done: np.ndarray, planned: np.ndarray) -> None:
    """Raises UserError if the output holds clips that the plan does not name."""
    if unknown := np.setdiff1d(done, planned).size:
        problem = f"holds {unknown} clips that {run.plan.uri}, part {run.plan.partition}, does not name"
        remedy = "If sources have changed, --withdraw; or give the plan that it was begun with"
        raise UserError(run.output, problem, remedy)


def _vouched(run: Run) -> Iterator[chain.Shard]:
    """Stats of every shard, and digests. Raises UserError for one that does not hold.

    A commit record that says anything else than its shard's clips is written anew: Ray writes it, and nobody signs it.
    """
    terms, remedy = run.terms(), "Run the same command again: it makes such shards anew"
    for stats, digest in reader.stats(run.output):
        where = storage.join(run.output, files_of(stats["name"])["stats"])
        if not shard_holds(stats, terms.public_key, dict(terms.settings)):
            raise UserError(where, "is of a shard that was not signed when it was committed", remedy)
        if not terms.know_maker(stats, digest):
            raise UserError(where, "is of a shard that other code made, or other weights", remedy)
        if stats["name"] in terms.withdrawn:
            raise UserError(where, "is of a shard that was withdrawn", remedy)
        try:
            due, record = reader.commit_record(run.output, stats), commit_of(stats["name"])
            if storage.read_bytes(run.output, record) != due:
                storage.write_bytes(run.output, record, due)
        except (FileNotFoundError, KeyError, ValueError):
            raise UserError(where, "is of a shard that is not what was written", remedy) from None
        yield stats, (digest, sha256(due))


def _noting(shards: Iterable[chain.Shard], manifests: dict[str, str]) -> Iterator[chain.Shard]:
    """The same shards; `manifests` gets the sha256 of each one's, by path."""
    for stats, digests in shards:
        path = files_of(stats["name"])["manifest"]
        manifests[path] = stats["files"][path]["sha256"]
        yield stats, digests


def missing(plan: Plan, output: str) -> np.ndarray:
    """int64 ids of the planned clips that no finished shard accounts for, sorted."""
    return np.setdiff1d(plan.planned().ids, reader.clip_ids(output))


def record_lost(run: Run) -> int:
    """Record every clip that is still missing as failed; returns how many those were.

    They take the same way as all others, through the sink and its commit, so a later run leaves them alone.
    """
    plan, output = run.plan, run.output
    lease.require(output, run.lease)
    repair(output, run.terms())
    lost = missing(plan, output).size
    if lost:
        ray.data.DataContext.get_current().checkpoint_config = checkpoint_config(output)
        filesystem, paths = plan.files()
        clips = ray.data.read_parquet(paths, filesystem=filesystem, ray_remote_args=run.on_writers)
        clips.map_batches(_lost, batch_format="pyarrow", batch_size=None).write_datasink(
            ShardSink(output, None, run.signer, run.settings, run.lease, run.made_by),
            ray_remote_args=run.on_writers,
        )
    return int(lost)


def finish(run: Run, report: Report | None = None) -> dict[str, Any]:
    """Write the list of shards and OUT/dataset.json, which says that the dataset is complete; returns it.

    `report` gives a page beside it; then what was written is vouched for, signed if the run has a signer.

    Raises UserError as long as a planned clip is missing, or one is there twice, or if too many failed.
    """
    output, planned = run.output, run.plan.planned()
    lease.require(output, run.lease)
    ids = reader.clip_ids(output)
    if not np.array_equal(ids, planned.ids):
        problem = f"accounts for {ids.size} clips where {planned.ids.size} are planned, or not for each once"
        raise UserError(output, problem, "Run the same command again")
    if lost := decisions.insist(run.plan, output, run.vouching):
        problem = f"held {lost} clips that were made otherwise than a reviewer decided"
        raise UserError(output, problem, "Run the same command again: it makes them anew")
    budget = failure_budget.Budget(run.policy.failures)
    manifests = dict[str, str]()
    shards = chain.listed(budget.over(_noting(_vouched(run), manifests)))
    totals = budget.done.account()
    made = _header(run, planned)
    if totals["planned"] != {"clips": planned.ids.size, "frames": planned.frames}:
        raise UserError(output, "has stats that do not add up to the plan", "Run the same command again")
    made |= {"state": "complete", "id_digest": id_digest(ids), **totals, "shards": len(shards)}
    budget.require(output)
    for folder in (attempts.FOLDER, escalation.FOLDER):
        attempts.forget(storage.absolute(output), folder)
    made |= {"chain": chain.write(output, shards), "licence_notes": LICENCE_NOTES}
    before = reader.read_dataset(output)
    revision = _last_revision(run, before)
    made["revision"] = revision if before == made | {"revision": revision} else revision + 1
    written = {DATASET: json_form.written(made), SHARD_LIST: b"".join(shards)}
    storage.write_bytes(output, DATASET, written[DATASET])
    if report:
        written[REPORT] = report(output, made, manifests)
        storage.write_bytes(output, REPORT, written[REPORT])
    dataset_signature.seal(output, made["revision"], run.signer, written)
    memory.reached(run.plan.uri, output, made["revision"])
    logs.emit("complete", **{name: made[name]["clips"] for name in COUNTED})
    return made


def _last_revision(run: Run, made: dict[str, Any] | None) -> int:
    """Of what was finished here before, however much of it somebody has put back since."""
    there = dataset_signature.last_revision(run.output, made, run.signer)
    return max(there, memory.last(run.plan.uri, run.output))


def _lost(clips: pa.Table) -> pa.Table:
    remedy = "See the log of the run; give the stages more memory, or leave the source out"
    rows = [
        FailedClip(
            ref, "run", "the worker that processed it died or was refused by the sink, twice", remedy, {}
        )
        for ref in from_table(clips, ClipRef)
    ]
    return to_table(rows, ReleasedClip, QuarantinedClip, FailedClip)
