"""Export: a LeRobot dataset from what was released of it.

    python -m jobs.export OUT --plan PLAN --source DATASET --to DIR

DATASET was planned with PLAN and anonymized into OUT. DIR becomes a LeRobot dataset of version 3: rows of data as they
were, videos made of the released clips, statistics and meta/ anew. An episode of which any clip was not released is
left out, or every picture of it is black, as the policy of OUT says (`episodes`). OUT is verified before anything is
written. DIR/meta/recast.json says what became of each episode, and why.
"""

import hashlib
import secrets
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from cluster import session
from cluster.ledger.plans import Plan
from jobs import options
from jobs.verify import policy_of, show, verify
from operators import storage
from operators.formats.lerobot import layout
from operators.formats.lerobot.fate import Ended, EndedClips
from operators.formats.lerobot.write import Export
from operators.release import reader
from operators.release.layout import VIDEO
from operators.release.signature import read_public_key
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError


def clips_of(dataset: layout.Dataset, plan: str, output: str) -> EndedClips:
    """The planned clips of a dataset's videos, and how they ended. Raises UserError if there is none."""
    videos = pa.array(sorted(layout.cuts(dataset)), pa.string())
    columns = list(ClipRef.__dataclass_fields__)
    planned = reader.read_columns(Plan(plan).files(), columns, pc.is_in(pc.field("uri"), videos))
    refs = from_table(planned, ClipRef) if len(planned) else []
    if not refs:
        remedy = "Give the plan of this dataset, and the dataset by the path that it was planned by"
        raise UserError(plan, f"holds no clip of {dataset.place}", remedy)
    keys = {ref.key for ref in refs}
    ended: dict[str, Ended] = {}
    columns = ["key", "verdict", "shard", "sha256"]
    for rows in reader.batches(reader.parquet_files(output, "manifest"), columns):
        ended |= {
            row["key"]: Ended(row["verdict"], row["shard"], row["sha256"])
            for row in rows.to_pylist()
            if row["key"] in keys
        }
    return EndedClips(refs, ended)


def read_clip(output: str, ended: Ended, key: str) -> bytes:
    """A released clip's video. Raises UserError if it is not the one that the manifest names."""
    video = reader.members(output, ended.shard, key).get(VIDEO, b"")
    if hashlib.sha256(video).hexdigest() != ended.sha256:
        raise UserError(f"{output}/shards", f"clip {key} is not what was released", "Run jobs.verify")
    return video


def require_place(target: str, output: str, plan: str, place: str) -> None:
    """Raise UserError unless there is nothing at `target` yet, and none of what must not be published beside it."""
    for private, what in ((plan, "source names and keys"), (place, "originals")):
        storage.keep_apart(target, private, what)
    storage.keep_apart(target, output, "the clips that were verified")
    if storage.list_files(target):
        raise UserError(target, "is not empty", "Delete what is there, or give another place")


def export(output: str, found: dict[str, Any], plan: str, place: str, target: str) -> dict[str, Any]:
    """Write the dataset; returns what its meta/recast.json says. `output` is complete; `found` of it was verified."""
    dataset = layout.read(place)
    if dataset is None:
        raise UserError(place, f"holds no {layout.INFO}", "Give the LeRobot dataset that was planned")
    require_place(target, output, plan, place)  # again: verifying took a while
    policy, clips = policy_of(output, found), clips_of(dataset, plan, output)

    def released(ref: ClipRef) -> bytes:
        return read_clip(output, clips.ended[ref.key], ref.key)

    return Export(dataset, policy.episodes, policy.timing, clips, released, target).write()


def main(arguments: Namespace) -> int:
    """Verify, write, and say what became of every episode."""
    output, target = arguments.output.rstrip("/"), arguments.to.rstrip("/")
    trusted = read_public_key(arguments.public_key) if arguments.public_key else ""
    found = reader.require_complete(output, "there is nothing to export")
    require_place(target, output, arguments.plan, arguments.source)
    session.start()
    proof = verify(output, found, trusted, arguments.sample, secrets.token_hex(8))
    if proof.breaches:
        show(output, found, proof, trusted, Console())
        return 1
    record = export(output, found, arguments.plan, arguments.source, target)
    counts = Counter(one["state"] for one in record["episodes"])
    rows: list[tuple[str, Any]] = [
        (f"episodes {state}", counts[state]) for state in ("released", "black", "left out")
    ]
    options.table(
        "export", [*rows, ("features left out", ", ".join(record["left_out"]) or "none"), ("dataset", target)]
    )
    for one in record["episodes"]:
        if one["reason"]:
            print(f"{one['state']}: episode {one['source']}: {one['reason']}")
    return 0


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("output", metavar="OUT", help="the output of jobs.anonymize")
    parser.add_argument("--plan", required=True, help="the plan that it was made by")
    parser.add_argument(
        "--source", required=True, metavar="DATASET", help="the LeRobot dataset that was planned"
    )
    parser.add_argument(
        "--to", required=True, metavar="DIR", help="folder or object store's prefix for the new dataset"
    )
    parser.add_argument(
        "--public-key",
        metavar="FILE",
        help="demand that OUT is signed by the owner of this Ed25519 key (PEM)",
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=1,
        metavar="K",
        help="released clips per shard to decode and audit again before; 0 for none (default: %(default)s)",
    )
    options.run(main, parser)
