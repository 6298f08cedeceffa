"""What became of the clips, in numbers: of one shard, of all shards, and which clips it is about."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, get_args

import numpy as np

from schemas.manifest import ManifestRow, Verdict

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COUNTED = ("planned", *VERDICTS)
NUMBERS = (
    "people",
    "regenerated",
    "filled",
    "frames_masked",
    "frames_painted",
    "diffusion_calls",
    "bypassed",
)


def account(rows: Iterable[ManifestRow]) -> dict[str, Any]:
    """Clips and frames planned and by verdict; people, how they were replaced, frames masked and painted, diffusion
    calls and bypassed clips; seconds by stage."""
    clips, frames, seconds = Counter[str](), Counter[str](), Counter[str]()
    numbers = Counter[str]()
    for row in rows:
        for name in ("planned", row.verdict):
            clips[name] += 1
            frames[name] += row.frames
        numbers.update({name: int(getattr(row, name)) for name in NUMBERS})
        seconds.update(row.seconds)
    counts = {name: {"clips": clips[name], "frames": frames[name]} for name in COUNTED}
    for unit in ("clips", "frames"):
        if counts["planned"][unit] != sum(counts[verdict][unit] for verdict in VERDICTS):
            raise ValueError(f"{unit}: planned is not released + quarantined + failed")
    spent = {stage: round(value, 3) for stage, value in sorted(seconds.items())}
    return {**counts, **{name: numbers[name] for name in NUMBERS}, "seconds": spent}


class Total:
    """The accounts of shards, added up as they come."""

    def __init__(self) -> None:
        self._numbers = Counter[tuple[str, str]]()

    def add(self, shard: dict[str, Any]) -> None:
        """Add a shard's stats."""
        for name in (*COUNTED, "seconds"):
            self._numbers.update({(name, unit): value for unit, value in shard[name].items()})
        self._numbers.update({(name, ""): shard[name] for name in NUMBERS})

    def clips(self, name: str) -> int:
        """So many clips are `planned`, or have this verdict."""
        return self._numbers[name, "clips"]

    def account(self) -> dict[str, Any]:
        """As `account` gives it."""
        stages = sorted(stage for name, stage in self._numbers if name == "seconds")
        return {
            **{name: {unit: self._numbers[name, unit] for unit in ("clips", "frames")} for name in COUNTED},
            **{name: self._numbers[name, ""] for name in NUMBERS},
            "seconds": {stage: round(self._numbers["seconds", stage], 3) for stage in stages},
        }


def total(shards: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The accounts of several shards added up."""
    added = Total()
    for shard in shards:
        added.add(shard)
    return added.account()


def id_digest(ids: np.ndarray) -> str:
    """sha256 in hex over the sorted ids, as little-endian int64: proves which clips were planned."""
    return hashlib.sha256(np.sort(ids).astype("<i8").tobytes()).hexdigest()
