"""A plan in storage: its clips by bucket, what it was made from, and the part of it that one job takes.

    release.key               names and looks derive from it
    clips/BB-ID.parquet       clip references; BB is the bucket of their sources, by the first byte of their keys
    sources.parquet           the listing that the clips were made from: what has changed since is probed again
    withdrawn/, decided/, revisions/, begun/, forgotten/    what it remembers of its datasets (memory.py)
    plan.json                 counts; written last, so a plan that was interrupted has none

A source's bucket depends on its name and the release key alone, so a part keeps its sources as the plan grows.
"""

import contextlib
import io
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as pq
from pyarrow import fs

from cluster.ledger import memory
from operators import storage
from operators.planning.listing import Source
from operators.release import reader
from operators.release.accounts import id_digest
from schemas.arrow import from_table, to_table
from schemas.clip import ClipRef, Followed
from schemas.errors import UserError

FORMAT = 8  # of the clips' references: a plan of another one is made anew
BUCKETS = 256
PLAN_FILE = "plan.json"
SOURCES_FILE = "sources.parquet"
_SOURCES = pa.schema(
    [(name, pa.string()) for name in ("uri", "name", "stamp", "problem")]
    + [("cuts", pa.list_(pa.float64())), ("images", pa.int64()), ("people", pa.bool_())]
)
_CLIPS = re.compile(r"clips/([0-9a-f]{2})-\w+\.parquet")


@dataclass(frozen=True)
class Planned:
    """Ids (int64, sorted) of a plan's clips, and the number of frames they stand for."""

    ids: np.ndarray
    frames: int


@dataclass(frozen=True)
class Plan:
    """Part `part` of `parts` of the plan at `uri`: the sources of every so many buckets."""

    uri: str
    part: int = 1
    parts: int = 1

    @staticmethod
    def of(uri: str, partition: str = "1/1") -> "Plan":
        """`partition` is K/N, K from 1 to N. Raises UserError for anything else, and for more than 256 parts."""
        match = re.fullmatch(r"(\d+)/(\d+)", partition)
        part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= part <= parts <= BUCKETS:
            remedy = f"Write K/N, K from 1 to N and N up to {BUCKETS}"
            raise UserError("--partition", f"{partition!r} is no part of a plan", remedy)
        return Plan(uri.rstrip("/"), part, parts)

    @property
    def partition(self) -> str:
        """As it is written on the command line."""
        return f"{self.part}/{self.parts}"

    def files(self) -> tuple[fs.FileSystem, list[str]]:
        """The parquet files of this part's clips. Raises UserError if there is no plan."""
        filesystem, root = storage.arrow_filesystem(self.uri)
        files = sorted(storage.list_files(self.uri))
        found = [match for path in files if (match := _CLIPS.fullmatch(path))]
        if not found and PLAN_FILE not in files:  # a finished plan may be empty: all was forgotten
            raise UserError(self.uri, "holds no plan", "Make one with python -m jobs.plan")
        own = [match[0] for match in found if self._has(match[1])]
        return filesystem, [f"{root}/{path}" for path in own]

    def all_files(self) -> tuple[fs.FileSystem, list[str]]:
        """Those of all parts."""
        return Plan(self.uri).files()

    def forgotten(self) -> list[str]:
        """Keys of this part's sources that are never to be planned again, sorted."""
        return [key for key in sorted(memory.forgotten(self.uri)) if self._has(bucket(key))]

    def _has(self, bucket: str) -> bool:
        return int(bucket, 16) % self.parts == self.part - 1

    def planned(self) -> Planned:
        """Raises UserError if there is no plan, or if it names a clip twice."""
        filesystem, paths = self.files()
        ids, frames = [np.empty(0, np.int64)], 0
        if paths:
            clips = arrow_dataset.dataset(paths, filesystem=filesystem, format="parquet")
            for batch in clips.to_batches(columns=["clip_id", "pts", "overlap"]):
                ids.append(batch["clip_id"].to_numpy())
                frames += (
                    pc.sum(pc.subtract(pc.list_value_length(batch["pts"]), batch["overlap"])).as_py() or 0
                )
        found = np.sort(np.concatenate(ids))
        twice = found[1:][found[1:] == found[:-1]]
        if twice.size:
            problem = f"names {np.unique(twice).size} clips more than once (first: {twice[0]})"
            raise UserError(self.uri, problem, "Make the plan anew")
        return Planned(found, frames)

    def sample(self, count: int, seed: int = 0) -> list[ClipRef]:
        """Up to `count` clips of this part that can be read, drawn at random without returning."""
        filesystem, paths = self.files()
        if not paths:
            return []
        clips = arrow_dataset.dataset(paths, filesystem=filesystem, format="parquet")
        readable = clips.to_table(columns=["clip_id"], filter=pc.field("problem") == "")["clip_id"].to_numpy()
        chosen = np.random.default_rng(seed).permutation(np.sort(readable))[:count]
        return from_table(clips.to_table(filter=pc.field("clip_id").isin(chosen)), ClipRef)


def bucket(key: str) -> str:
    """Two hex digits, from those of a source's key."""
    return key[:2]


def read_sources(plan: str, made_from: dict[str, Any]) -> dict[str, Source]:
    """By uri, what the plan's clips were made from; empty unless with the same inputs and settings `made_from`."""
    try:
        found = pq.read_table(pa.BufferReader(storage.read_bytes(plan, SOURCES_FILE)))
    except FileNotFoundError:
        return {}
    if (found.schema.metadata or {}).get(b"made_from") != _sorted_json(made_from):
        return {}
    rows = (
        row
        | {
            "cuts": tuple(row.get("cuts") or ()),
            "images": row.get("images") or 0,
            "people": bool(row.get("people")),
        }
        for row in found.to_pylist()
    )
    return {row["uri"]: Source(**row) for row in rows}


def source_names(plan: str) -> dict[str, str]:
    """Of every source its name below the input that it was found in, by uri."""
    try:
        found = pq.read_table(
            pa.BufferReader(storage.read_bytes(plan, SOURCES_FILE)), columns=["uri", "name"]
        )
    except FileNotFoundError:
        return {}
    return dict(zip(found["uri"].to_pylist(), found["name"].to_pylist(), strict=True))


def write_sources(plan: str, sources: list[Source], made_from: dict[str, Any]) -> None:
    """Replace what `read_sources` gives."""
    table = pa.Table.from_pylist([asdict(source) for source in sources], schema=_SOURCES)
    _write(plan, SOURCES_FILE, table.replace_schema_metadata({"made_from": _sorted_json(made_from)}))


def write_clips(plan: str, name: str, clips: pa.Table) -> None:
    """One file of clip references, all of one bucket."""
    _write(plan, f"clips/{name}.parquet", clips)


def keep_clips(plan: str, uris: set[str]) -> set[str]:
    """Take all clips but those of the sources `uris` out of the plan; returns the sources that are left.

    Can be interrupted anywhere and done again.
    """
    kept = pa.array(sorted(uris), pa.string())
    left = set[str]()
    for path in filter(_CLIPS.fullmatch, storage.list_files(plan)):
        clips = pq.read_table(pa.BufferReader(storage.read_bytes(plan, path)))
        stay = clips.filter(pc.is_in(clips["uri"], kept))
        if not stay.num_rows:
            storage.delete(plan, [path])
        elif stay.num_rows < clips.num_rows:
            _write(plan, path, stay)
        left |= set(pc.unique(stay["uri"]).to_pylist())
    return left


def keep_followed(plan: str, bucket: str, scope: str, people: dict[int, list[Followed]] | None) -> None:
    """Write into a bucket's clips who is followed in them, by clip_id; None: nobody in those not followed in `scope`.

    Can be interrupted anywhere and done again.
    """
    for path in storage.list_files(plan):
        if path.startswith(f"clips/{bucket}-"):
            clips = from_table(pq.read_table(pa.BufferReader(storage.read_bytes(plan, path))), ClipRef)
            known = {ref.clip_id: [] for ref in clips if ref.followed != scope} if people is None else people
            told = [
                replace(ref, followed=scope, people=known[ref.clip_id]) if ref.clip_id in known else ref
                for ref in clips
            ]
            _write(plan, path, to_table(told, ClipRef))


def keep_sources(plan: str, uris: set[str]) -> None:
    """Of the listing no more than what clips were made of."""
    with contextlib.suppress(FileNotFoundError):
        found = pq.read_table(pa.BufferReader(storage.read_bytes(plan, SOURCES_FILE)))
        stay = found.filter(pc.is_in(found["uri"], pa.array(sorted(uris), pa.string())))
        if stay.num_rows < found.num_rows:
            _write(plan, SOURCES_FILE, stay)


def account(plan: str, other_files: int) -> dict[str, Any]:
    """Write plan.json from what the manifest holds. Raises UserError if a clip is there twice."""
    files, planned = Plan(plan).files(), Plan(plan).planned()
    bad = reader.read_columns(files, ["uri", "problem", "remedy"], pc.field("problem") != "")
    first = reader.read_columns(files, ["uri", "other_streams"], pc.field("first_frame") == 0).to_pylist()
    uris = [pc.unique(rows["uri"]) for rows in reader.batches(files, ["uri"])]
    counts = {
        "sources": len(pc.unique(pa.chunked_array(uris, pa.string()))),
        "clips": len(planned.ids),
        "frames": planned.frames,
        "problems": sorted(bad.to_pylist(), key=lambda row: row["uri"]),
        "other_files": other_files,
        "other_streams": {row["uri"]: row["other_streams"] for row in first if row["other_streams"]},
        "id_digest": id_digest(planned.ids),
    }
    storage.write_bytes(plan, PLAN_FILE, json.dumps(counts, indent=2).encode())
    return counts


def _write(plan: str, path: str, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    storage.write_bytes(plan, path, buffer.getvalue())


def _sorted_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
