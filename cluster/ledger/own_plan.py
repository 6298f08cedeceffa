"""Whether a plan's clips are those that were planned with its release key."""

import pyarrow.compute as pc

from cluster.ledger.plans import Plan
from operators.planning.probe import clip_id, source_hmac
from operators.release import reader
from operators.release.layout import source_of
from schemas.errors import UserError
from schemas.listed import Listed

_TOLD = ["clip_id", "key", "source_digest", "source_hmac", "first_frame", "overlap", "listed"]


def require_own(plan: Plan, name_key: bytes) -> None:
    """Raises UserError for a clip whose id is not what the key `name_key` makes of its source, name and frames.

    What is done is known by its id. Under another key, or with others' sources or frames behind the same ids, a run
    would go on with an output as if all of it were one; names and looks of its people would come from two keys.
    """
    for table in reader.batches(plan.files(), [*_TOLD, "pts"]):
        counts = pc.list_value_length(table["pts"]).to_pylist()
        for row, frames in zip(table.select(_TOLD).to_pylist(), counts, strict=True):
            window, listed = (
                (row["first_frame"], row["overlap"], frames),
                [Listed(**one) for one in row["listed"]],
            )
            digest, key = row["source_digest"], source_of(row["key"])
            hmac = source_hmac(digest, name_key) if digest else ""
            if (row["clip_id"], row["source_hmac"]) != (clip_id(digest, key, window, listed, name_key), hmac):
                problem = (
                    f"holds a clip that was not planned with its release.key, or changed since: {row['key']}"
                )
                raise UserError(
                    plan.uri, problem, "Restore the key and the clips that belong together, from a backup"
                )
