"""The report: a page that shows what a dataset holds, from the dataset alone. No original is in it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from operators.pages.html import IN_PLACE, NOTHING, embedded, fitting, not_released, write_page
from operators.release import reader
from operators.release.layout import CONDITION, RECORD, REPORT, VIDEO
from schemas.certificate import Gate
from schemas.manifest import ManifestRow

RELEASED = pc.field("verdict") == "released"


def write_report(output: str, clips: int = 24) -> str:
    """Write OUT/report.html from the finished dataset `output`; returns its address.

    Shows up to `clips` released clips, conditioning and result in sync, people first and no source twice before
    every source once; the others as numbers. Raises UserError if there is no dataset.
    """
    facts = reader.require_complete(output, NOTHING)
    cards = fitting(_cards(output, _choose(output, clips)))
    problems = not_released(output)
    return write_page(
        output,
        REPORT,
        "report.html.j2",
        dataset=facts,
        cards=cards,
        waived=_waived(output),
        problems=problems,
        more_problems=facts["quarantined"]["clips"] + facts["failed"]["clips"] - len(problems),
        unshown=facts["released"]["clips"] - len(cards),
    )


def _cards(output: str, rows: Iterable[ManifestRow]) -> Iterator[dict[str, Any]]:
    """What the page shows of each clip."""
    for row in rows:
        held = reader.members(output, row.shard, row.key)
        certificate = json.loads(held[RECORD])["certificate"]
        yield {
            "row": row,
            "videos": embedded({"left": held.get(CONDITION, b""), "right": held[VIDEO]}),
            "gates": [Gate.read(gate) for gate in certificate["gates"]],
            "certificate": {name: value for name, value in certificate.items() if name != "gates"},
            "seconds": sum(row.seconds.values()),
        }


def _choose(output: str, count: int) -> Iterator[ManifestRow]:
    """`count` released clips, by source and place in it: clips with people first, and every source once before any
    source twice."""
    columns = ["key", "shard", "source_hmac", "first_frame", "people"]
    released = reader.batches(reader.parquet_files(output, "manifest"), columns, RELEASED)
    chosen = reader.first_of(released, _in_turn, max(0, count))
    for clip in sorted(chosen, key=lambda clip: (clip["source_hmac"], clip["first_frame"])):
        yield reader.manifest_row(output, clip["shard"], clip["key"])


def _in_turn(clips: pa.Table) -> pa.Table:
    """Sorted: clips with people before others; of either, the first of every source before the second of any."""
    clips = clips.sort_by(IN_PLACE)
    empty = clips["people"].to_numpy() == 0
    sources = clips["source_hmac"].combine_chunks().dictionary_encode().indices.to_numpy()
    turns = np.zeros(len(clips), np.int64)
    for own in (empty, ~empty):
        (at,) = np.nonzero(own)
        begins = np.r_[True, sources[at][1:] != sources[at][:-1]] if at.size else np.zeros(0, bool)
        numbers = np.arange(at.size)
        turns[at] = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    return clips.take(np.lexsort((np.arange(len(clips)), turns, empty)))


def _waived(output: str) -> list[dict[str, Any]]:
    """Key and step of every clip that was released on a reviewer's word, by source and place in it."""
    columns = ["key", "steps", "source_hmac", "first_frame"]
    found = []
    for clips in reader.batches(reader.parquet_files(output, "manifest"), columns, RELEASED):
        accepted = pc.equal(pc.struct_field(pc.list_flatten(clips["steps"]), "name"), "accept")
        at = pc.unique(pc.list_parent_indices(clips["steps"]).filter(accepted))
        found += clips.take(at).to_pylist()
    found.sort(key=lambda clip: (clip["source_hmac"], clip["first_frame"]))
    return [
        {"key": clip["key"], "step": step}
        for clip in found
        for step in clip["steps"]
        if step["name"] == "accept"
    ]
