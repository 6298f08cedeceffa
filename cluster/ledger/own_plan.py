"""Whether a plan's clips are those that were planned with its release key."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cluster.ledger.plans import Plan
from operators.planning.probe import clip_id, source_hmac
from operators.release import reader
from operators.release.layout import source_of
from schemas.errors import UserError
from schemas.listed import Listed

_TOLD = ["clip_id", "source_hmac", "source_digest", "key", "first_frame", "overlap"]


def require_own(plan: Plan, name_key: bytes) -> None:
    """Raises UserError for a clip whose id is not what the key `name_key` makes of its source, name and frames.

    What is done is known by its id. Under another key, or with others' sources or frames behind the same ids, a run
    would go on with an output as if all of it were one; names and looks of its people would come from two keys.
    """
    known = lru_cache(1024)(
        lambda digest: source_hmac(digest, name_key) if digest else ""
    )  # clips lie by source
    for table in reader.batches(plan.files(), [*_TOLD, "listed", "pts"]):
        for number, hmac, digest, key, first, overlap, frames, listed in _rows(table):
            window = first, overlap, frames
            if number != clip_id(digest, source_of(key), window, listed, name_key) or hmac != known(digest):
                problem = f"holds a clip that was not planned with its release.key, or changed since: {key}"
                raise UserError(
                    plan.uri, problem, "Restore the key and the clips that belong together, from a backup"
                )


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Column by column: of a million clips no dict is made, nor of their frames more than how many there are."""
    listed: list[list[Listed]] = [[]] * len(table)
    if pc.max(pc.list_value_length(table["listed"])).as_py():
        listed = [[Listed(**one) for one in people] for people in table["listed"].to_pylist()]
    frames = pc.list_value_length(table["pts"]).to_pylist()
    return zip(*(table[name].to_pylist() for name in _TOLD), frames, listed, strict=True)
