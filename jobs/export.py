"""Export: a dataset in the form of its source, from what was released of it: LeRobot's, bags, pictures, whole videos.

    python -m jobs.export OUT --plan PLAN --source DATASET --to DIR

DATASET was planned with PLAN and anonymized into OUT. OUT is verified before anything is written.

Where DATASET holds meta/info.json, DIR becomes a LeRobot dataset of version 3: rows of data as they were, videos made
of the released clips, statistics and meta/ anew. An episode of which any clip was not released is left out, or every
picture of it is black, as the policy of OUT says (`episodes`). DIR/meta/recast.json says what became of each, and why.

Where DATASET is an MCAP file or a rosbag2 folder, or holds such, DIR holds the same with other people: the pictures of
each topic in messages of the same form and times, and beside them what the policy names (`other_streams`). Pictures
that were not released are left out, or black (`bags`). DIR/recast.json counts them.

Of folders of pictures that were planned at or below DATASET, DIR holds the same names and sizes. Pictures that were
not released are left out, or gray (`images`). DIR/recast.json counts and names them.

Of videos there, DIR holds one mp4 each, called by the source's key or name, with all its frames at their times. What
was not released is gray, left out, or ends the video (`videos`). NAME.json beside it says which frames are what, and
DIR/recast.json counts them. Of other files none is given back.
"""

import hashlib
import json
import secrets
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from cluster import session
from cluster.ledger.plans import Plan
from jobs import options
from jobs.results import print_given_back
from jobs.verify import policy_of, show, verify
from operators import storage
from operators.bags.read import is_bag
from operators.formats.bags import BagExport
from operators.formats.ended import Ended
from operators.formats.images import RECORD, ImageExport
from operators.formats.lerobot import layout
from operators.formats.lerobot.fate import EndedClips
from operators.formats.lerobot.write import Export
from operators.formats.names import Names
from operators.formats.videos import VideoExport
from operators.planning.listing import EXTENSIONS
from operators.release import reader
from operators.release.layout import VIDEO, source_of
from operators.release.signature import read_public_key
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Videos
from schemas.policy import Policy

_TOGETHER = 1024  # clips' references that are objects at the same time


def planned(plan: str, place: str, which: pc.Expression) -> list[ClipRef]:
    """The planned clips `which`. Raises UserError if there is none."""
    refs = [ref for own in by_source(Plan(plan), which) for ref in own]
    if not refs:
        remedy = "Give the plan of this dataset, and the dataset by the path that it was planned by"
        raise UserError(plan, f"holds no clip of {place}", remedy)
    return refs


def by_source(plan: Plan, which: pc.Expression) -> Iterator[list[ClipRef]]:
    """The planned clips `which`, one source's at a time: they lie together in a plan."""
    tables = reader.batches(plan.files(), list(ClipRef.__dataclass_fields__), which)
    parts = (table.slice(first, _TOGETHER) for table in tables for first in range(0, len(table), _TOGETHER))
    refs = (ref for part in parts for ref in from_table(part, ClipRef))
    return (list(own) for _, own in groupby(refs, key=lambda ref: source_of(ref.key)))


def ends(output: str, keys: Container[str], manifests: Mapping[str, str]) -> dict[str, Ended]:
    """How the clips with these `keys` ended. Raises UserError for a manifest that is not, by its sha256, the one that
    was verified: others may write there, and by it a clip's video is known."""
    ended: dict[str, Ended] = {}
    columns, remedy = ["key", "verdict", "shard", "sha256"], "Run the same command again"
    for path, digest in sorted(manifests.items()):
        ended |= {
            row["key"]: Ended(row["verdict"], row["shard"], row["sha256"])
            for row in reader.manifest_of(output, path, digest, "verified", remedy, columns).to_pylist()
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


def export(
    output: str, found: dict[str, Any], manifests: Mapping[str, str], plan: str, place: str, target: str
) -> dict[str, Any]:
    """Write the dataset; returns what its recast.json says. `output` is complete; `found` of it was verified, and its
    `manifests`, sha256 by path."""
    dataset = layout.read(place)
    require_place(target, output, plan, place)  # again: verifying took a while
    policy = policy_of(output, found)
    if dataset:
        which = pc.is_in(pc.field("uri"), pa.array(sorted(layout.cuts(dataset)), pa.string()))
        refs = planned(plan, place, which)
        ended = ends(output, {ref.key for ref in refs}, manifests)
        clips = EndedClips(refs, ended)
        read = partial(released, output, ended)
        return Export(dataset, policy.episodes, policy.timing, clips, read, target).write()
    return parts(output, policy, manifests, plan, place, target)


def released(output: str, ended: Mapping[str, Ended], ref: ClipRef) -> bytes:
    """The video of a clip that was released."""
    return read_clip(output, ended[ref.key], ref.key)


def parts(
    output: str, policy: Policy, manifests: Mapping[str, str], plan: str, place: str, target: str
) -> dict[str, Any]:
    """What was planned at or below `place` by itself: bags, folders of pictures, videos."""
    here = storage.absolute(place)
    which = (pc.field("uri") == here) | pc.starts_with(pc.field("uri"), f"{here}/")
    plain, keys = videos_among(Plan(plan), which)
    refs = [ref for own in by_source(Plan(plan), which & ~plain) for ref in own]
    ended = ends(output, keys, manifests)
    read = partial(released, output, ended)
    bags = [ref for ref in refs if is_bag(ref.uri)]
    images = [ref for ref in refs if ref.images and not ref.topic]
    record, room = dict[str, Any](), Names(RECORD)
    alone = not any(one.verdict == "released" for one in ended.values())  # or other kinds are given back
    if bags:
        rules = (policy.bags, policy.other_streams)
        record |= BagExport(place, *rules, bags, ended, read, target, room, alone).write()
    if images:
        record |= ImageExport(place, policy.images, images, ended, read, target, room, alone).write()
    names = partial(called, policy.videos, partial(below, here))
    videos = VideoExport(policy.videos, policy.timing, ended, names, read, target, room)
    record |= {"videos": written} if (written := videos.write(by_source(Plan(plan), which & plain))) else {}
    if not record:
        remedy = "Give the LeRobot dataset, the recording, the folder or the video that was planned"
        raise UserError(place, f"holds no {layout.INFO}, and no pictures that were planned", remedy)
    storage.write_bytes(target, RECORD, json.dumps(record, indent=2, ensure_ascii=False).encode())
    return record


def videos_among(plan: Plan, which: pc.Expression) -> tuple[pc.Expression, set[str]]:
    """Which of the planned clips `which` are of videos, and the keys of all of them."""
    uris, keys = set[str](), set[str]()
    for table in reader.batches(plan.files(), ["uri", "key", "images"], which):
        keys |= set(table["key"].to_pylist())
        alone = table.filter(pc.equal(pc.list_value_length(table["images"]), 0))
        uris |= {uri for uri in pc.unique(alone["uri"]).to_pylist() if uri.lower().endswith(EXTENSIONS)}
    return pc.is_in(pc.field("uri"), pa.array(sorted(uris), pa.string())), keys


def called(rules: Videos, own: Callable[[str], str], ref: ClipRef) -> str:
    """A video by its source's key, or by what is its `own` name by its uri, if that leads nowhere else; without the
    ending mp4."""
    name = own(ref.uri)
    if rules.names == "key" or not storage.is_below(name):
        return source_of(ref.key)
    return name[:-4] if name.lower().endswith(".mp4") else name


def below(place: str, uri: str) -> str:
    """A source's name below `place`."""
    return uri.removeprefix(place).strip("/") or uri.rpartition("/")[2]


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
    record = export(output, found, proof.manifests, arguments.plan, arguments.source, target)
    print_given_back(record, target)
    return 0


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("output", metavar="OUT", help="the output of jobs.anonymize")
    parser.add_argument("--plan", required=True, help="the plan that it was made by")
    parser.add_argument(
        "--source",
        required=True,
        metavar="DATASET",
        help="the LeRobot dataset, bag, folder or video that was planned",
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
