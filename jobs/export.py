"""Export: a dataset in the form of its source, from what was released of it: LeRobot's, bags, or folders of pictures.

    python -m jobs.export OUT --plan PLAN --source DATASET --to DIR

DATASET was planned with PLAN and anonymized into OUT. OUT is verified before anything is written.

Where DATASET holds meta/info.json, DIR becomes a LeRobot dataset of version 3: rows of data as they were, videos made
of the released clips, statistics and meta/ anew. An episode of which any clip was not released is left out, or every
picture of it is black, as the policy of OUT says (`episodes`). DIR/meta/recast.json says what became of each, and why.

Where DATASET is an MCAP file or a rosbag2 folder, or holds such, DIR holds the same with other people: the pictures of
each topic in messages of the same form and times, and beside them what the policy names (`other_streams`). Pictures
that were not released are left out, or black (`bags`). DIR/recast.json counts them.

Otherwise DIR holds the folders of pictures that were planned at or below DATASET: the same names and sizes. Pictures
that were not released are left out, or gray (`images`). DIR/recast.json counts and names them. Of other files none is
given back.
"""

import hashlib
import json
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
from operators.bags.read import is_bag
from operators.formats.bags import STATES, BagExport
from operators.formats.ended import Ended
from operators.formats.images import RECORD, ImageExport
from operators.formats.lerobot import layout
from operators.formats.lerobot.fate import EndedClips
from operators.formats.lerobot.write import Export
from operators.release import reader
from operators.release.layout import VIDEO
from operators.release.signature import read_public_key
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError


def planned(plan: str, place: str, which: pc.Expression) -> list[ClipRef]:
    """The planned clips `which`. Raises UserError if there is none."""
    found = reader.read_columns(Plan(plan).files(), list(ClipRef.__dataclass_fields__), which)
    refs = from_table(found, ClipRef) if len(found) else []
    if not refs:
        remedy = "Give the plan of this dataset, and the dataset by the path that it was planned by"
        raise UserError(plan, f"holds no clip of {place}", remedy)
    return refs


def ends(refs: list[ClipRef], output: str) -> dict[str, Ended]:
    """How they ended, by their keys."""
    keys = {ref.key for ref in refs}
    ended: dict[str, Ended] = {}
    columns = ["key", "verdict", "shard", "sha256"]
    for rows in reader.batches(reader.parquet_files(output, "manifest"), columns):
        ended |= {
            row["key"]: Ended(row["verdict"], row["shard"], row["sha256"])
            for row in rows.to_pylist()
            if row["key"] in keys
        }
    return ended


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
    """Write the dataset; returns what its recast.json says. `output` is complete; `found` of it was verified."""
    dataset = layout.read(place)
    require_place(target, output, plan, place)  # again: verifying took a while
    policy, here = policy_of(output, found), storage.absolute(place)
    if dataset:
        which = pc.is_in(pc.field("uri"), pa.array(sorted(layout.cuts(dataset)), pa.string()))
    else:
        which = (pc.field("uri") == here) | pc.starts_with(pc.field("uri"), f"{here}/")
    refs = planned(plan, place, which)
    ended = ends(refs, output)

    def released(ref: ClipRef) -> bytes:
        return read_clip(output, ended[ref.key], ref.key)

    if dataset:
        return Export(
            dataset, policy.episodes, policy.timing, EndedClips(refs, ended), released, target
        ).write()
    bags = [ref for ref in refs if is_bag(ref.uri)]
    images = [ref for ref in refs if ref.images and not ref.topic]
    if not bags and not images:
        remedy = "Give the LeRobot dataset, the recording or the folder with pictures that was planned"
        raise UserError(place, f"holds no {layout.INFO}, and no pictures that were planned", remedy)
    record: dict[str, Any] = {}
    if bags:
        rules = (policy.bags, policy.other_streams)
        record |= BagExport(place, *rules, bags, ended, released, target).write()
    if images:
        record |= ImageExport(place, policy.images, images, ended, released, target).write()
    if bags and images:  # each has written its own
        storage.write_bytes(target, RECORD, json.dumps(record, indent=2, ensure_ascii=False).encode())
    return record


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
    for kind, tell in {"folders": tell_folders, "bags": tell_bags, "episodes": tell_episodes}.items():
        if kind in record:
            tell(record, target)
    return 0


def tell_episodes(record: dict[str, Any], target: str) -> None:
    """What became of a LeRobot dataset's episodes."""
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


def tell_bags(record: dict[str, Any], target: str) -> None:
    """And of recordings."""
    bags = record["bags"]
    topics = [(name, topic, said) for name, bag in bags.items() for topic, said in bag["topics"].items()]
    rows: list[tuple[str, Any]] = [
        (f"pictures {state}", sum(said[state] for _, _, said in topics)) for state in STATES
    ]
    left = [bag["left_out"] for bag in bags.values()]
    rows += [(f"other {what}, left out", sum(one[what] for one in left)) for what in left[0]]
    options.table(
        "export", [("bags", len(bags)), ("topics of pictures", len(topics)), *rows, ("dataset", target)]
    )
    for name, topic, said in topics:
        for one in said["unreleased"]:
            print(f"{one['state']}: {name}: {topic}: {len(one['messages'])} pictures: {one['reason']}")


def tell_folders(record: dict[str, Any], target: str) -> None:
    """And of pictures."""
    folders = record["folders"]
    rows: list[tuple[str, Any]] = [
        (f"pictures {state}", sum(said[state] for said in folders.values()))
        for state in ("released", "gray", "left out")
    ]
    options.table("export", [("folders", len(folders)), *rows, ("dataset", target)])
    for name, said in folders.items():
        for one in said["unreleased"]:
            print(f"{one['state']}: {name}: {len(one['pictures'])} pictures: {one['reason']}")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("output", metavar="OUT", help="the output of jobs.anonymize")
    parser.add_argument("--plan", required=True, help="the plan that it was made by")
    parser.add_argument(
        "--source",
        required=True,
        metavar="DATASET",
        help="the LeRobot dataset, bag or folder that was planned",
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
