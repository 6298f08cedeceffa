"""The report: a page that shows what a dataset holds, from the dataset alone. No original is in it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from operators import storage
from operators.pages.html import IN_PLACE, NOTHING, embedded, fitting, not_released, rendered
from operators.release import reader
from operators.release.accounts import VERDICTS
from operators.release.attestation import sha256
from operators.release.checked import AGAIN
from operators.release.layout import CONDITION, RECORD, REPORT, VIDEO, files_of, is_key
from schemas import words
from schemas.arrow import from_table
from schemas.certificate import Gate
from schemas.errors import UserError
from schemas.manifest import ManifestRow

RELEASED = pc.field("verdict") == "released"


def write_report(output: str, clips: int = 24) -> str:
    """Write OUT/report.html from the finished dataset `output`; returns its address. Raises UserError if there is no
    dataset."""
    page = report(output, reader.require_complete(output, NOTHING), clips=clips)
    storage.write_bytes(output, REPORT, page)
    return storage.join(output, REPORT)


def report(
    output: str, facts: dict[str, Any], written: Mapping[str, str] | None = None, clips: int = 24
) -> bytes:
    """The page of the dataset `output` of which dataset.json says these `facts`.

    Shows up to `clips` released clips, conditioning and result in sync, people first and no source twice before
    every source once; the others as numbers. Others may write there, and the page is vouched for: with the sha256 of
    what was `written`, by path, nothing is shown that is not that. Raises UserError.
    """
    cards = fitting(_cards(output, (_as_written(output, row, written) for row in _choose(output, clips))))
    problems = [_sayable(row) for row in not_released(output)]
    return rendered(
        "report.html.j2",
        dataset=facts,
        cards=cards,
        waived=_waived(output, written),
        problems=problems,
        more_problems=facts["quarantined"]["clips"] + facts["failed"]["clips"] - len(problems),
        unshown=facts["released"]["clips"] - len(cards),
    )


def _as_written(output: str, row: dict[str, Any], written: Mapping[str, str] | None) -> ManifestRow:
    """A clip's row out of a manifest that is what was `written`. Raises UserError."""
    if written is None:
        return reader.manifest_row(output, row["shard"], row["key"])
    path = files_of(row["shard"])["manifest"]
    table = reader.manifest_of(output, path, written.get(path, ""), "written", AGAIN)
    (found,) = from_table(table.filter(pc.field("key") == row["key"]), ManifestRow)
    return found


def _sayable(row: dict[str, Any]) -> dict[str, Any]:
    """Of a clip that was not released what may be said of it."""
    said = {"reason": words.reason(row["reason"]), "remedy": words.remedy(row["remedy"])}
    known = is_key(row["key"]) and row["stage"] in words.STAGES and row["verdict"] in VERDICTS
    return row | said if known else dict.fromkeys(row, "") | said


def _cards(output: str, rows: Iterable[ManifestRow]) -> Iterator[dict[str, Any]]:
    """What the page shows of each clip. Raises UserError for a clip whose files are not those of its row."""
    for row in rows:
        held = reader.members(output, row.shard, row.key)
        due = {VIDEO: row.sha256, RECORD: row.record_sha256, CONDITION: row.condition_sha256}
        if {name: sha256(held[name]) if name in held else "" for name in due} != due:
            where = storage.join(output, files_of(row.shard)["shards"])
            raise UserError(where, f"clip {row.key} is not what was written", AGAIN)
        certificate = json.loads(held[RECORD])["certificate"]
        yield {
            "row": row,
            "videos": embedded({"left": held.get(CONDITION, b""), "right": held[VIDEO]}),
            "gates": [Gate.read(gate) for gate in certificate["gates"]],
            "certificate": {name: value for name, value in certificate.items() if name != "gates"},
            "seconds": sum(row.seconds.values()),
        }


def _choose(output: str, count: int) -> list[dict[str, Any]]:
    """Key and shard of `count` released clips, by source and place in it: clips with people first, and every source
    once before any source twice."""
    columns = ["key", "shard", "source_hmac", "first_frame", "people"]
    released = reader.batches(reader.parquet_files(output, "manifest"), columns, RELEASED)
    chosen = reader.first_of(released, _in_turn, max(0, count))
    return sorted(chosen, key=lambda clip: (clip["source_hmac"], clip["first_frame"]))


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


def _waived(output: str, written: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """Key and step of every clip that was released on a reviewer's word, by source and place in it."""
    columns = ["key", "shard", "steps", "source_hmac", "first_frame"]
    found = []
    for clips in reader.batches(reader.parquet_files(output, "manifest"), columns, RELEASED):
        accepted = pc.equal(pc.struct_field(pc.list_flatten(clips["steps"]), "name"), "accept")
        at = pc.unique(pc.list_parent_indices(clips["steps"]).filter(accepted))
        found += clips.take(at).to_pylist()
    found.sort(key=lambda clip: (clip["source_hmac"], clip["first_frame"]))
    rows = [_as_written(output, clip, written) for clip in found]
    return [
        {"key": row.key, "step": asdict(step)} for row in rows for step in row.steps if step.name == "accept"
    ]
