"""The books: what a dataset says of itself."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow.dataset as arrow_dataset

from operators import storage
from schemas.errors import UserError

SCHEMA_VERSION = 2


def finished_ids(output: str) -> np.ndarray:
    """int64 ids in OUT/manifest, sorted, repeated if a clip is there repeatedly."""
    filesystem, root = storage.arrow_filesystem(output)
    paths = [f"{root}/{path}" for path in storage.list_files(output) if path.startswith("manifest/")]
    if not paths:
        return np.empty(0, np.int64)
    rows = arrow_dataset.dataset(paths, filesystem=filesystem, format="parquet").to_table(columns=["clip_id"])
    return np.sort(rows["clip_id"].to_numpy())


def read_dataset(output: str) -> dict[str, Any] | None:
    """OUT/dataset.json, None if there is none. Raises UserError if it is not readable as such."""
    try:
        made = json.loads(storage.read_bytes(output, "dataset.json"))
    except FileNotFoundError:
        return None
    except ValueError:
        made = None
    if not isinstance(made, dict) or made.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{output}/dataset.json",
            f"is not of schema version {SCHEMA_VERSION}",
            "Choose another output, or the release that wrote it",
        )
    return made


def read_stats(output: str) -> dict[str, bytes]:
    """Every OUT/stats/X.json, by path, in order."""
    paths = sorted(path for path in storage.list_files(output) if path.startswith("stats/"))
    with ThreadPoolExecutor(16) as threads:
        return dict(
            zip(paths, threads.map(lambda path: storage.read_bytes(output, path), paths), strict=True)
        )


def id_digest(ids: np.ndarray) -> str:
    """sha256 in hex over the sorted ids, as little-endian int64: proves which clips were planned."""
    return hashlib.sha256(np.sort(ids).astype("<i8").tobytes()).hexdigest()
