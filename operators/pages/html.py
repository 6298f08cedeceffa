"""A finished dataset, read through fsspec, and the pages about it: one file each, nothing fetched."""

import base64
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.dataset as arrow_dataset
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyarrow.fs import FSSpecHandler, PyFileSystem

from schemas.arrow import from_table
from schemas.errors import UserError
from schemas.manifest import ManifestRow, QuarantineRow

PAGE_BYTES = 96_000_000  # of video in one page; what does not fit is counted, not shown


class Finished:
    """A dataset's facts (dataset.json), the rows of its manifest and of its quarantine.

    Raises UserError if there is none, or if it is not complete.
    """

    def __init__(self, output: str) -> None:
        self.place = output.rstrip("/")
        self.files, self.root = open_folder(output)
        try:
            self.facts: dict[str, Any] = json.loads(self.files.cat_file(f"{self.root}/dataset.json"))
        except FileNotFoundError:
            remedy = "Give the output of jobs.anonymize"
            raise UserError(output, "holds no dataset.json, so there is nothing to show", remedy) from None
        self.manifest = read_rows(f"{self.place}/manifest", ManifestRow)
        self.problems = read_rows(f"{self.place}/quarantine", QuarantineRow)
        if len(self.manifest) != self.facts.get("planned", {}).get("clips"):
            raise UserError(
                output, "is not complete", "Run jobs.anonymize again with the same plan and settings"
            )

    def clips(self, verdict: str) -> list[ManifestRow]:
        """The clips that ended so, by source and place in it."""
        rows = [row for row in self.manifest if row.verdict == verdict]
        return sorted(rows, key=lambda row: (row.source_digest, row.first_frame))

    def members(self, row: ManifestRow) -> dict[str, bytes]:
        """Extension -> bytes of one released clip. Only the headers and this clip are read."""
        found: dict[str, bytes] = {}
        with (
            self.files.open(f"{self.root}/shards/{row.shard}.tar", "rb") as file,
            tarfile.open(fileobj=file) as tar,
        ):
            for member in tar:
                key, _, extension = member.name.partition(".")
                data = tar.extractfile(member) if key == row.key else None
                if data:
                    found[extension] = data.read()
                elif found:
                    break
        return found


def read_rows(folder: str, case: type) -> list[Any]:
    """Every row of the parquet files in `folder`; none if there is no such folder."""
    files, root = open_folder(folder)
    paths = [path for path in (files.find(root) if files.exists(root) else []) if path.endswith(".parquet")]
    if not paths:
        return []
    filesystem = PyFileSystem(FSSpecHandler(files))
    return from_table(arrow_dataset.dataset(paths, filesystem=filesystem, format="parquet").to_table(), case)


def open_folder(folder: str) -> tuple[Any, str]:
    """The fsspec file system of a folder or prefix, with nothing remembered of what it held, and the path in it."""
    files, root = fsspec.core.url_to_fs(folder.rstrip("/"))
    files.invalidate_cache()
    return files, root


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
    loader = FileSystemLoader(Path(__file__).parent)
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = pages.get_template(template).render(**facts)
    files, root = open_folder(folder)
    files.makedirs(root, exist_ok=True)
    with files.open(f"{root}/{name}", "wb") as file:
        file.write(page.encode())
    return f"{folder.rstrip('/')}/{name}"
