"""What is forgotten leaves the plan: clips, listing, counts, what was decided about it, and files that a kill left."""

import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cluster.ledger import lease, memory, plans
from cluster.ledger.plans import Plan
from operators import storage
from operators.on_disk import PARTIAL
from operators.release import reader
from operators.release.layout import sources_of

_OWN = re.compile(rf"clips/|{re.escape(plans.SOURCES_FILE)}|{re.escape(plans.PLAN_FILE)}")


def forget(plan: str, keys: Sequence[str] = ()) -> None:
    """Take the sources with these keys out of the plan, and what is left of those forgotten before: by an interruption,
    or because somebody planned at that very time. Can be interrupted anywhere and done again.

    Raises UserError, and changes nothing, while another run does that: parts of a plan are runs of their own.
    """
    if keys or _is_left(plan, sorted(memory.forgotten(plan))):
        with lease.held(plan):
            memory.forget(plan, keys)
            _take_out(plan, sorted(memory.forgotten(plan)))


def _told(plan: str, gone: Sequence[str]) -> tuple[pa.Table, pa.ChunkedArray]:
    """Whose each clip is, and whether that source is one of those."""
    names = ["uri", "key", "clip_id"]
    rows = storage.again(lambda: reader.read_columns(Plan(plan).files(), names), ["FileNotFoundError"])
    return rows, pc.is_in(sources_of(rows["key"]), pa.array(gone, pa.string()))


def _is_left(plan: str, gone: Sequence[str]) -> bool:
    """Whether anything tells of sources that are forgotten."""
    if not gone:
        return False
    rows, out = _told(plan, gone)
    listed = set(plans.source_names(plan)) - set(pc.unique(rows["uri"]).to_pylist())
    return bool(pc.any(out).as_py() or listed or _counts(plan).get("clips") != rows.num_rows)


def _take_out(plan: str, gone: Sequence[str]) -> None:
    rows, out = _told(plan, gone)
    stay = set(pc.unique(rows["uri"].filter(pc.invert(out))).to_pylist())
    memory.undecide(plan, rows["clip_id"].filter(out).to_pylist())
    plans.keep_sources(plan, stay)
    plans.keep_clips(plan, stay)
    files = storage.list_files(plan)
    storage.delete(plan, [path for path in files if path.endswith(PARTIAL) and _OWN.match(path)])
    if counts := _counts(plan):
        plans.account(plan, counts["other_files"])


def _counts(plan: str) -> dict[str, Any]:
    """What plan.json says; nothing of a plan that is being made."""
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads(storage.read_bytes(plan, plans.PLAN_FILE)))
    return {}
