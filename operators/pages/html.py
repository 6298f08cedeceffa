"""Pages about a dataset: one file each, nothing fetched."""

import base64
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from operators import storage
from operators.release import reader

IN_PLACE = [
    ("source_hmac", "ascending"),
    ("first_frame", "ascending"),
]  # a dataset's clips by source and place in it
NOTHING = "there is nothing to show"  # of an output without a dataset
ROWS = 200  # of what was not released, in one page
PAGE_BYTES = 96_000_000  # of video in one page; what does not fit is counted, not shown


def not_released(output: str, which: pc.Expression | None = None) -> list[dict[str, Any]]:
    """Up to ROWS of the clips that were not released, or of `which`: what became of them, and why."""
    columns = ["key", "verdict", "stage", "reason", "remedy"]
    tables = reader.batches(reader.parquet_files(output, "quarantine"), columns, which, ROWS)
    return list(islice((row for table in tables for row in table.to_pylist()), ROWS))


def embedded(videos: Mapping[str, bytes]) -> dict[str, str]:
    """Videos as they stand in a page."""
    return {name: base64.b64encode(data).decode() for name, data in videos.items()}


def fitting(cards: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the cards as PAGE_BYTES holds the `videos` of."""
    taken, size = [], 0
    for card in cards:
        size += sum(map(len, card["videos"].values())) * 3 // 4  # base64
        if size > PAGE_BYTES:
            break
        taken.append(card)
    return taken


def write_page(folder: str, name: str, template: str, **facts: Any) -> str:
    """Write `folder`/`name` from a template of this folder; returns its address."""
    storage.write_bytes(folder, name, rendered(template, **facts))
    return f"{folder.rstrip('/')}/{name}"


def rendered(template: str, **facts: Any) -> bytes:
    """The page's file."""
    return _template(template).render(**facts).encode()


@cache
def _template(name: str) -> Template:
    """Compiled once, which takes longer than to write a small page."""
    loader = FileSystemLoader(Path(__file__).parent)
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return pages.get_template(name)
