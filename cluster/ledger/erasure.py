"""Erasure: a source is taken out of a plan for good, and all that was made of it out of every dataset of that plan.

The plan remembers the source's key, an HMAC of its name, so that the source is not planned again and each dataset of
the plan is rid of it at its next run, whichever that is and however often it is interrupted.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from cluster.ledger import forgetting, memory, plans
from cluster.ledger.plans import Plan
from cluster.ledger.withdraw import withdraw_shards
from operators import storage
from operators.on_disk import PARTIAL
from operators.planning.probe import source_key
from operators.planning.spelling import alike, spellings
from operators.recovery import attempts, escalation
from operators.recovery.escalation import Vouching
from operators.recovery.mark import mark_of
from operators.release import json_form, reader
from operators.release.layout import CARD, DATASET, EVIDENCE, REPORT, source_of, sources_of
from schemas.errors import UserError


def forget(plan: Plan, output: str, sources: Sequence[str], name_key: bytes) -> list[str]:
    """Take `sources`, each a uri or a name below the plan's input, out of the plan; returns their keys.

    Those whose file is gone, or that were forgotten before, are as good as others. Raises UserError, and changes
    nothing, if one of them is neither in the plan nor in the dataset, or if another has the same bytes: of that all
    would stay.
    """
    planned = storage.again(
        lambda: reader.read_columns(plan.all_files(), ["uri", "key", "source_hmac"]), ["FileNotFoundError"]
    )
    by_uri = dict(zip(planned["uri"].to_pylist(), map(source_of, planned["key"].to_pylist()), strict=True))
    made, gone = reader.manifest(output, ["key", "source_hmac"]), memory.forgotten(plan.uri)
    known = {*by_uri.values(), *sources_of(made["key"].drop_null()).to_pylist(), *gone}
    names = plans.source_names(plan.uri).values()
    keys = [key for source in sources for key in _keys_of(source, by_uri, names, known, name_key, plan.uri)]
    _require_all_copies(planned, made, {*keys, *gone})
    forgetting.forget(plan.uri, keys)
    return keys


def _keys_of(
    source: str,
    by_uri: Mapping[str, str],
    names: Iterable[str],
    known: Collection[str],
    name_key: bytes,
    plan: str,
) -> list[str]:
    """The keys of the source that is meant: as it is written, or else without the blanks around it; however it is
    spelled, as it must not come back in a copy that is spelled otherwise."""
    for given in (source, source.strip()):
        placed = {by_uri[uri] for uri in alike(storage.absolute(given), by_uri)}
        called = {source_key(name, name_key) for name in (*spellings(given), *alike(given, names))}
        placed, called = placed & set(known), called & set(known)
        if placed and called and placed.isdisjoint(called):
            problem, remedy = "is the path of one source and the name of another", "Give its whole path"
            raise UserError(f"--forget {source}", problem, remedy)
        if placed or called:
            return sorted(placed | called)
    remedy = "Give its path as jobs.plan was given it, or its name below that input"
    raise UserError(f"--forget {source}", f"is no source of {plan}", remedy)


def _require_all_copies(planned: pa.Table, made: pa.Table, keys: Collection[str]) -> None:
    """Raises UserError if a source that stays has the same bytes as one of these."""
    rows = [*planned.select(["key", "source_hmac"]).to_pylist(), *made.to_pylist()]
    bytes_of = {(source_of(row["key"]), row["source_hmac"]) for row in rows if all(row.values())}
    gone = {digest for key, digest in bytes_of if key in keys}
    if left := sorted({key for key, digest in bytes_of if digest in gone and key not in keys}):
        named = {source_of(row["key"]): row["uri"] for row in planned.to_pylist()}
        where = ", ".join(named.get(key, key) for key in left)
        raise UserError("--forget", f"leaves the same bytes under another name: {where}", "Name them as well")


def erase(plan: Plan, output: str, signer: Vouching | None = None) -> list[str]:
    """Take every shard out of `output` that holds a clip of a forgotten source, and what else shows or tells of one;
    returns the keys of those sources.

    Their other clips are to be made again. That it was done stands in dataset.json first, where only keys are named.
    """
    forgotten = plan.forgotten()
    if not forgotten or not (made := reader.read_dataset(output)):
        return []
    _erase_marks(plan, output)
    erase_page(output, REPORT, forgotten)
    rows = reader.manifest(output, ["clip_id", "key", "shard"])
    gone = rows.filter(pc.is_in(sources_of(rows["key"]), pa.array(forgotten, pa.string())))
    if not gone.num_rows:
        return []
    made |= {"state": "running", "forgotten": forgotten}
    storage.write_bytes(output, DATASET, json_form.written(made))
    storage.delete(output, [EVIDENCE, CARD])  # which measured it, too
    shards, clips = pc.unique(gone["shard"]).to_pylist(), gone["clip_id"].to_pylist()
    memory.undecide(plan.uri, clips)
    withdraw_shards(plan, output, shards, {clip: [] for clip in clips}, signer)
    return sorted(pc.unique(sources_of(gone["key"])).to_pylist())


def _erase_marks(plan: Plan, output: str) -> None:
    """Of clips that are not planned no mark stays of what was tried."""
    due = set(map(mark_of, plan.planned().ids.tolist()))
    for folder in (attempts.FOLDER, escalation.FOLDER):
        place = storage.join(output, folder)
        storage.delete(place, [name for name in storage.list_files(place) if name[:16] not in due])


def erase_page(folder: str, name: str, keys: Collection[str]) -> None:
    """Delete a page, and what is left of one that was being written, if it shows a clip of these sources."""
    for path in (name, f"{name}{PARTIAL}"):
        with suppress(FileNotFoundError):
            shown = re.findall(rb"[0-9a-f]{20}(?=-[0-9]{6})", storage.read_bytes(folder, path))
            if path != name or {key.decode() for key in shown} & set(keys):
                storage.delete(folder, [path])


def erase_candidates(review: str, keys: Collection[str]) -> None:
    """Take what was kept of these sources for reviewers out of REVIEW: candidates, and the page that shows one."""
    folder = storage.join(review, "candidates")
    named = [name for name in storage.list_files(folder) if source_of(name.partition(".")[0]) in keys]
    storage.delete(folder, named)
    erase_page(review, "review.html", keys)
