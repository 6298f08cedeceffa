"""Clips that pages show: videos of a moving bar, and a dataset of one shard of them."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from operators import stamps
from operators.release.accounts import account
from operators.release.layout import SCHEMA_VERSION
from operators.release.shard_writer import write_shard
from operators.video.encode import encode_video
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.manifest import ManifestRow
from tests.cluster.toy import make_ref

FPS = 10
SHARD = f"{32 * '0'}-00000000"


def video(shade: int, frames: int = 30, size: tuple[int, int] = (90, 160)) -> bytes:
    """A bar that moves over a plain ground, `frames` at 10 frames/s."""
    pictures = np.full((frames, *size, 3), shade, np.uint8)
    for index, picture in enumerate(pictures):
        picture[:, index * 4 : index * 4 + 12] = 255 - shade
    return encode_video(
        pictures, [512 * i for i in range(frames)], Fraction(1, 5120), Fraction(FPS), 23, "veryfast"
    )


def reference(number: int, source: Path) -> ClipRef:
    """A clip of `source`."""
    return replace(
        make_ref(number, 30), uri=str(source), stamp=stamps.stamp(str(source)), width=160, height=90
    )


def save(output: Path, rows: list) -> None:
    """Write a dataset of one shard as a run does."""
    for folder in ("shards", "manifest", "quarantine", "stats"):
        (output / folder).mkdir(parents=True)
    write_shard(rows, [row.ref.clip_id for row in rows], SHARD, lambda name: (output / name).open("wb"))
    manifest = from_table(pq.read_table(output / f"manifest/{SHARD}.parquet"), ManifestRow)
    facts = {name: {"name": name, "digest": 64 * "0", "settings": {}} for name in ("profile", "policy")}
    facts |= {
        "schema_version": SCHEMA_VERSION,
        "state": "complete",
        "id_digest": 64 * "0",
        "chain": 64 * "0",
        "shards": 1,
        "variant": "structhuman",
        "licence_notes": ["The sources' licences still apply."],
    }
    (output / "dataset.json").write_text(json.dumps({**facts, **account(manifest)}))
