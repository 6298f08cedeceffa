"""The report: a page that shows what a dataset holds, from the dataset alone. No original is in it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from operators.pages.html import Finished, embedded, fitting, write_page
from schemas.manifest import ManifestRow

ROWS = 200


def write_report(output: str, clips: int = 24) -> str:
    """Write OUT/report.html from the finished dataset `output`; returns its address.

    Shows up to `clips` released clips, conditioning and result in sync, people first and no source twice before
    every source once; the others as numbers. Raises UserError if there is no dataset.
    """
    dataset = Finished(output)
    released = dataset.clips("released")
    cards = fitting(_cards(dataset, _choose(released, clips)))
    return write_page(
        output,
        "report.html",
        "report.html.j2",
        dataset=dataset.facts,
        cards=cards,
        waived=[(row, step) for row in released for step in row.steps if step.name == "accept"],
        problems=dataset.problems[:ROWS],
        more_problems=max(0, len(dataset.problems) - ROWS),
        unshown=len(released) - len(cards),
    )


def _cards(dataset: Finished, rows: Sequence[ManifestRow]) -> Iterator[dict[str, Any]]:
    """What the page shows of each clip."""
    for row in rows:
        held = dataset.members(row)
        certificate = json.loads(held["json"])["certificate"]
        yield {
            "row": row,
            "videos": embedded({"left": held.get("condition.mp4", b""), "right": held["mp4"]}),
            "gates": certificate["gates"],
            "certificate": {name: value for name, value in certificate.items() if name != "gates"},
            "seconds": sum(row.seconds.values()),
        }


def _choose(rows: Sequence[ManifestRow], count: int) -> list[ManifestRow]:
    """`count` of the rows: clips with people first, and every source once before any source twice."""
    seen = Counter[tuple[str, bool]]()
    ranks = {}
    for row in rows:
        empty = row.people == 0
        ranks[row.clip_id] = (empty, seen[row.source_digest, empty])
        seen[row.source_digest, empty] += 1
    chosen = {row.clip_id for row in sorted(rows, key=lambda row: ranks[row.clip_id])[: max(0, count)]}
    return [row for row in rows if row.clip_id in chosen]
