"""Plan: videos in, a manifest of clip references out. `python -m jobs.plan INPUT... --plan PLAN`.

INPUT is a video, a folder, an object store's prefix, or a LeRobot dataset of version 3, whose episodes jobs.export
gives back: no clip lies across the ends of one. A folder that pictures lie in is one source, each picture a frame, in
the order of their names; jobs.export gives them back, too, and recordings: MCAP files and rosbag2 folders, of which
each topic of pictures is planned like a video. PLAN holds source names and the release key: keep it as
private as the sources. Of each video only the first frames are decoded. The same input always gives the same clips.

The same command again probes what is new or has changed since, and nothing else. Sources that are gone stay in the
plan, and are named: what was made of them stands, what was not will fail, and jobs.anonymize --forget takes them out
of plan and datasets. What was forgotten is not planned again. Other inputs or settings make the plan anew.

--estimate K is a dry run: it conditions and regenerates K clips of each part, drawn at random, and says what the
whole will cost, with the error of sampling; with --megabits also a petabyte of such video, of which --empty is the
share without people. Nothing of that is kept.
"""

import contextlib
import json
import math
import os
import uuid
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import pyarrow as pa
import ray

from cluster import session
from cluster.ledger import forgetting, memory, plans
from jobs import options
from operators import storage
from operators.bags.read import is_bag, size_of
from operators.formats.lerobot import layout as lerobot
from operators.formats.lerobot.among import datasets_among
from operators.planning.listing import LISTINGS, Files, Listing, Source, list_sources, side_by_side
from operators.planning.probe import named, probe_source, source_key, unplannable
from operators.planning.spelling import spellings
from operators.recovery.attempts import time_limit
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Images
from schemas.profile import Clips, Profile

SOURCES_PER_FILE = 100  # of the manifest; one task probes them
MAX_TASKS = 1000  # at once
BAG_BYTES = 10**8  # that planning reads within clip.max_seconds
RATE = Images().exact_rate


def plan(
    inputs: list[str],
    output: str,
    profile: Profile,
    cameras: Sequence[str] = (),
    rate: Fraction = RATE,
    topics: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, int]]:
    """List, probe wherever Ray finds room, write the manifest; returns what plan.json says, and what has changed.

    Of datasets of episodes no clip lies across the ends of one, and of their `cameras` only those, if any are named.
    `rate` is that of folders of pictures without a timestamps file; `topics` are those of bags, all if none are named.
    """
    listing = list_sources(inputs, on_every_node if "RAY_ADDRESS" in os.environ else side_by_side)
    listing = by_episodes(inputs, listing, cameras)
    key = options.make_release_key(output)
    forgotten = forgotten_in(output)
    videos = [source for source in listing.videos if not is_forgotten(source, key, forgotten)]
    made_from = {
        "inputs": [storage.absolute(one) for one in inputs],
        "clip": profile.clip.model_dump(),
        "format": plans.FORMAT,
    } | ({"cameras": sorted(cameras)} if cameras else {})
    made_from |= {"rate": str(rate)} if any(source.images for source in videos) else {}
    made_from |= {"topics": sorted(topics)} if topics else {}
    before = plans.read_sources(output, made_from).items()
    known = {uri: source for uri, source in before if not is_forgotten(source, key, forgotten)}
    gone = known.keys() - {source.uri for source in videos}
    same = {source.uri for source in videos if known.get(source.uri) == source}
    new = {source.uri for source in videos} - known.keys()
    changes = {"new": len(new), "changed": len(videos) - len(same) - len(new), "gone": len(gone)}
    kept_though_gone = {"gone": sorted(gone)}
    complete = plans.PLAN_FILE in storage.list_files(output)
    if complete and len(same) == len(videos):
        return json.loads(storage.read_bytes(output, plans.PLAN_FILE)) | kept_though_gone, changes
    session.start()
    session.ROOM.known &= not (profile.pools.audit.resources or profile.writers)
    storage.delete(output, [plans.PLAN_FILE])
    left = plans.keep_clips(output, same | gone)
    left = probe_all(
        [source for source in videos if source.uri not in left], output, key, profile, left, rate, topics
    )
    kept = [known[uri] for uri in sorted(gone & left)]
    plans.write_sources(output, [*videos, *kept], made_from)
    return plans.account(output, listing.others) | kept_though_gone, changes


def forgotten_in(output: str) -> frozenset[str]:
    """Keys of sources that are never to be planned again; what an interruption left of them in a finished plan goes."""
    if plans.PLAN_FILE in storage.list_files(output):
        forgetting.forget(output)
    return memory.forgotten(output)


def is_forgotten(source: Source, key: bytes, forgotten: frozenset[str]) -> bool:
    """Whether a source was forgotten under its name, or under the same in another spelling, as a copy may have it."""
    return any(source_key(name, key) in forgotten for name in spellings(source.name))


def by_episodes(inputs: list[str], listing: Listing, cameras: Sequence[str]) -> Listing:
    """With the cuts of the videos in LeRobot datasets among and below the inputs; without their other cameras and
    pictures."""
    videos = listing.videos
    datasets, unsound = datasets_among(inputs, [video.uri for video in videos])
    for problem in unsound:
        options.say(f"planned as videos without episodes: {problem}")
    for dataset in datasets:
        cuts = lerobot.cuts(dataset)
        others = [
            dataset.uri(f"{lerobot.VIDEOS}/{key}/")
            for key in set(dataset.cameras) - set(lerobot.chosen(dataset, cameras))
        ]
        videos = [
            replace(video, cuts=cuts.get(video.uri, video.cuts))
            for video in videos
            if not video.uri.startswith(tuple(others))
            and not (video.images and f"{video.uri}/".startswith(dataset.uri("")))
        ]
    return Listing(videos, listing.others + len(listing.videos) - len(videos))


def probe_all(
    todo: list[Source],
    output: str,
    key: bytes,
    profile: Profile,
    planned: set[str],
    rate: Fraction,
    topics: Sequence[str],
) -> set[str]:
    """The clips of sources into the plan, beside those `planned`, by address; returns whose are there now.

    What a crash took along is tried a second time, source by source, and then is what cannot be planned.
    """
    planned = set(planned)
    for sources_per_file in (SOURCES_PER_FILE, 1):
        pieces = cut(todo, key, sources_per_file)
        if not pieces:
            break
        kept = (
            ray.data.from_items(pieces, override_num_blocks=min(len(pieces), MAX_TASKS))
            .map(
                partial(probe, clips=profile.clip, rate=rate, topics=tuple(topics)),
                max_retries=1,
                **where(profile.pools.audit.resources),
            )
            .map(partial(keep, output=output, name_key=key), **where(profile.writers))
            .take_all()
        )
        for refused in (row["refused"] for row in kept if any(row["refused"])):
            raise UserError(*refused)
        planned |= plans.keep_clips(output, planned | {source.uri for source in todo})
        todo = [source for source in todo if source.uri not in planned]
    for piece in cut(todo, key, SOURCES_PER_FILE):
        refuse(piece, output, key)
    return planned


def where(resources: dict[str, float]) -> dict[str, Any]:
    """Ray's arguments of a task that only some nodes may do, if there are any."""
    return {"resources": resources} if resources else {}


def on_every_node(look: Callable[[str], Files], folders: list[str]) -> Iterable[Files]:
    """Folders listed by tasks wherever the cluster has room: reading a store's answers is work for a core, too."""
    session.start()
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    size = min(LISTINGS, math.ceil(len(folders) / cores)) or 1
    pieces = [folders[first : first + size] for first in range(0, len(folders), size)]
    together = ray.remote(side_by_side)
    return chain.from_iterable(ray.get([together.remote(look, piece) for piece in pieces]))


def cut(sources: list[Source], name_key: bytes, size: int) -> list[dict[str, Any]]:
    """Up to `size` sources of one bucket each, and the name of the file that will hold their clips.

    They stand in order of their keys: shards keep the plan's order, and that of names or dates would be told by it.
    """
    buckets = defaultdict(list)
    for source in sources:
        key = source_key(source.name, name_key)
        told = {
            name: value for name, value in asdict(source).items() if value != ()
        }  # Arrow has to see a type
        buckets[plans.bucket(key)].append(told | {"key": key})
    return [
        {"file": f"{bucket}-{uuid.uuid4().hex}", "sources": own[first : first + size]}
        for bucket, unordered in sorted(buckets.items())
        for own in [sorted(unordered, key=itemgetter("key"))]
        for first in range(0, len(own), size)
    ]


def probe(piece: dict[str, Any], clips: Clips, rate: Fraction, topics: Sequence[str]) -> dict[str, Any]:
    """A piece's sources -> their clips' references, as an Arrow stream. One that hangs takes the worker with it.

    Sources are not to be trusted: whoever opens them has neither the release key nor the plan.
    """
    refs = []
    for source in piece["sources"]:
        if source["problem"]:
            remedy = "Rename it, and plan again"
            refs.append(unplannable(source["uri"], source["key"], source["problem"], remedy))
            continue
        cuts, images = source.get("cuts") or (), source["images"]
        with time_limit(clips.max_seconds * (1 + images // 1000 + _size(source["uri"]) // BAG_BYTES)):
            refs += probe_source(
                source["uri"], source["key"], clips, cuts, rate if images else None, topics, source["people"]
            )
    table, buffer = to_table(refs, ClipRef), pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, table.schema) as stream:
        stream.write_table(table)
    return {"file": piece["file"], "clips": buffer.getvalue().to_pybytes()}


def _size(uri: str) -> int:
    """Bytes of a bag, all of which are read; 0 of others, and of one that cannot be reached, as will be said of it."""
    with contextlib.suppress(Exception):
        return size_of(uri) if is_bag(uri) else 0
    return 0


def keep(piece: dict[str, Any], output: str, name_key: bytes) -> dict[str, Any]:
    """Give clips their names and ids, and write them as a file of the plan; `refused`: what the user has to mend first,
    such as a full disk, which Ray would print with its own words, and try again."""
    refs = from_table(pa.ipc.open_stream(piece["clips"]).read_all(), ClipRef)
    try:
        plans.write_clips(output, piece["file"], to_table([named(ref, name_key) for ref in refs], ClipRef))
    except UserError as error:
        return {"file": piece["file"], "refused": list(error.args)}
    return {"file": piece["file"], "refused": ["", "", ""]}


def refuse(piece: dict[str, Any], output: str, name_key: bytes) -> None:
    """Sources that took their worker down, twice: in the plan, as what cannot be planned."""
    problem, remedy = "it crashed or hung whatever probed it", "Transcode it, or leave it out of the input"
    refs = [
        named(unplannable(source["uri"], source["key"], problem, remedy), name_key)
        for source in piece["sources"]
    ]
    plans.write_clips(output, piece["file"], to_table(refs, ClipRef))


def main(arguments: Namespace) -> int:
    """Plan and say what cannot be; unreadable sources are rows of the plan, and will be failed clips."""
    profile, policy = options.read_settings(arguments)
    output = arguments.plan.rstrip("/")
    options.keep_out_of_datasets(output, "source names and keys")
    made, changes = plan(
        arguments.inputs,
        output,
        profile,
        policy.episodes.cameras,
        policy.images.exact_rate,
        policy.bags.cameras,
    )
    rows = [
        ("videos, bags and folders of pictures", made["sources"]),
        ("of these new, changed", f"{changes['new']}, {changes['changed']}"),
        ("gone since, kept in the plan", changes["gone"]),
        ("unreadable, in whole or in part", len(made["problems"])),
        ("other streams in them, left out", sum(map(len, made["other_streams"].values()))),
        ("files that are neither, left out", made["other_files"]),
        ("clips", made["clips"]),
        ("frames", made["frames"]),
        ("plan", output),
    ]
    unchanged = not any(changes.values())
    options.table("plan: nothing has changed, nothing to do" if unchanged else "plan", rows)
    for bad in made["problems"]:
        options.say(f"unreadable: {bad['uri']}: {bad['problem']}. {bad['remedy']}.")
    for uri, streams in made["other_streams"].items():
        options.say(f"left out: {uri}: {'; '.join(streams)}")
    for uri in made["gone"]:
        stands = "what was made of it stands. python -m jobs.anonymize --forget takes it out."
        options.say(f"gone: {uri}: {stands}")
    if arguments.estimate:
        from jobs.estimate import dry_run  # loads the stages and what they compute with

        found = dry_run(profile, policy, output, arguments)
        options.table("estimate (95 %, of sampling alone)", found)
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="a video, a bag, a folder, or an object store's prefix"
    )
    parser.add_argument(
        "--plan",
        required=True,
        help="folder or object store's prefix for the plan; as private as the sources",
    )
    parser.add_argument(
        "--estimate", type=int, default=0, metavar="K", help="dry run on K clips of each part"
    )
    parser.add_argument("--parts", type=int, default=1, metavar="N", help="that --partition K/N will have")
    parser.add_argument("--price", type=float, default=0, help="of a GPU for an hour, for the estimate")
    parser.add_argument(
        "--megabits",
        type=float,
        default=0,
        metavar="RATE",
        help="a second: estimates a petabyte of such video",
    )
    parser.add_argument(
        "--empty", type=float, metavar="SHARE", help="of that video without people, instead of the sample's"
    )
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="of the estimate")
    options.run(main, parser)
