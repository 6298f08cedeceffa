"""The pages to look at: one file each, opened from disk, nothing fetched.

`write_report` shows what a dataset holds, from the dataset alone: no original is in it. `write_review` sets originals
beside results, for the eyes of those who may see them, and writes into a folder of its own only.
"""

import base64
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pyarrow.dataset as arrow_dataset
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyarrow.fs import FSSpecHandler, PyFileSystem

from operators.decode import DecodeError, decode_clip
from operators.encode import encode_video
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.manifest import ManifestRow, QuarantineRow

PAGE_BYTES = 96_000_000  # of video in one page; what does not fit is counted, not shown
ROWS = 200
ORIGINAL_SIDE = 640  # px

Left = Callable[[ManifestRow, bytes], bytes]


def write_report(output: str, clips: int = 24) -> str:
    """Write OUT/report.html from the finished dataset `output`; returns its address.

    Shows up to `clips` released clips, conditioning and result in sync, people first and no source twice before
    every source once; the others as numbers. Raises UserError if there is no dataset.
    """
    dataset = _Dataset(output)
    shown = _choose(dataset.clips("released"), clips)
    cards = dataset.cards(shown, lambda _, condition: condition)
    return _write(output, "report.html", dataset, list(cards), review=False)


def write_review(plan: str, output: str, review: str, clips: int = 24) -> str:
    """Write REVIEW/report.html with the original beside every result shown; returns its address.

    Quarantined clips come first, with the original alone: they are what a person has to look at.
    Raises UserError if one of `output` and `review` lies inside the other: originals never sit beside a release.
    """
    keep_apart(output, review)
    dataset = _Dataset(output)
    held = dataset.clips("quarantined")[:clips]
    shown = [*held, *_choose(dataset.clips("released"), clips - len(held))]
    refs = {ref.clip_id: ref for ref in _rows(f"{plan.rstrip('/')}/clips", ClipRef)}
    cards = dataset.cards(shown, lambda row, _: _original(refs[row.clip_id]))
    return _write(review, "report.html", dataset, list(cards), review=True)


class _Dataset:
    """A finished dataset, read through fsspec."""

    def __init__(self, output: str) -> None:
        self.place = output.rstrip("/")
        self.files, self.root = _open(output)
        try:
            self.facts: dict[str, Any] = json.loads(self.files.cat_file(f"{self.root}/dataset.json"))
        except FileNotFoundError:
            remedy = "Give the output of jobs.anonymize"
            raise UserError(output, "holds no dataset.json, so there is nothing to show", remedy) from None
        self.manifest = _rows(f"{self.place}/manifest", ManifestRow)
        self.problems = _rows(f"{self.place}/quarantine", QuarantineRow)
        if len(self.manifest) != self.facts.get("planned", {}).get("clips"):
            raise UserError(
                output, "is not complete", "Run jobs.anonymize again with the same plan and settings"
            )

    def clips(self, verdict: str) -> list[ManifestRow]:
        """The clips that ended so, by source and place in it."""
        rows = [row for row in self.manifest if row.verdict == verdict]
        return sorted(rows, key=lambda row: (row.source_digest, row.first_frame))

    def cards(self, rows: Sequence[ManifestRow], left: Left) -> Iterator[dict[str, Any]]:
        """What the page shows of each clip, up to PAGE_BYTES. `left` gives the video beside the result."""
        gates = {row.clip_id: json.loads(row.gates or "[]") for row in self.problems}
        reasons = {row.clip_id: row for row in self.problems}
        size = 0
        for row in rows:
            held = self._members(row) if row.verdict == "released" else {}
            videos = {"left": left(row, held.get("condition.mp4", b"")), "right": held.get("mp4", b"")}
            size += sum(map(len, videos.values()))
            if size > PAGE_BYTES:
                return
            certificate = json.loads(held["json"])["certificate"] if held else {}
            yield {
                "row": row,
                "videos": {side: base64.b64encode(data).decode() for side, data in videos.items()},
                "gates": certificate.get("gates") or gates.get(row.clip_id, []),
                "certificate": {name: value for name, value in certificate.items() if name != "gates"},
                "problem": reasons.get(row.clip_id),
                "seconds": sum(row.seconds.values()),
            }

    def _members(self, row: ManifestRow) -> dict[str, bytes]:
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


def _original(ref: ClipRef) -> bytes:
    """The source's frames of a clip, small. Empty if they cannot be read."""
    with suppress(DecodeError):
        frames = decode_clip(ref)[ref.overlap :]
        scale = min(1.0, ORIGINAL_SIDE / max(ref.width, ref.height))
        size = (max(2, round(ref.width * scale / 2) * 2), max(2, round(ref.height * scale / 2) * 2))
        small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
        return encode_video(small, ref.pts[ref.overlap :], ref.time_base, ref.fps, crf=26, preset="veryfast")
    return b""


def _rows(folder: str, case: type) -> list[Any]:
    """Every row of the parquet files in `folder`; none if there is no such folder."""
    files, root = _open(folder)
    paths = [path for path in (files.find(root) if files.exists(root) else []) if path.endswith(".parquet")]
    if not paths:
        return []
    filesystem = PyFileSystem(FSSpecHandler(files))
    return from_table(arrow_dataset.dataset(paths, filesystem=filesystem, format="parquet").to_table(), case)


def _open(folder: str) -> tuple[Any, str]:
    """The fsspec file system of a folder or prefix, with nothing remembered of what it held, and the path in it."""
    files, root = fsspec.core.url_to_fs(folder.rstrip("/"))
    files.invalidate_cache()
    return files, root


def keep_apart(output: str, review: str) -> None:
    """Raises UserError if one of the two lies inside the other."""
    places = [_place(uri) for uri in (output, review)]
    if places[0].startswith(places[1]) or places[1].startswith(places[0]):
        remedy = "Give a folder outside the output: originals never sit beside what is published"
        raise UserError(review, f"lies in or around the output {output}", remedy)


def _place(uri: str) -> str:
    """A form in which one place's name begins with another's only if it lies inside."""
    scheme, separator, rest = uri.partition("://")
    if separator and scheme != "file":
        return uri.rstrip("/") + "/"
    return str(Path(rest if separator else uri).expanduser().resolve()).rstrip("/") + "/"


def _write(folder: str, name: str, dataset: _Dataset, cards: list[dict[str, Any]], review: bool) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = pages.get_template("report.html.j2").render(
        dataset=dataset.facts,
        cards=cards,
        problems=dataset.problems[:ROWS],
        more_problems=max(0, len(dataset.problems) - ROWS),
        unshown=len(dataset.clips("released")) - sum(card["row"].verdict == "released" for card in cards),
        review=review,
    )
    files, root = _open(folder)
    files.makedirs(root, exist_ok=True)
    with files.open(f"{root}/{name}", "wb") as file:
        file.write(page.encode())
    return f"{folder.rstrip('/')}/{name}"
