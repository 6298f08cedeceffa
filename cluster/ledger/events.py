"""What became of each shard, in the log of the driver, whichever machine wrote it."""

from typing import Any

import pyarrow.compute as pc

from cluster import logs
from operators import storage
from operators.release import json_form, reader
from operators.release.accounts import COUNTED
from operators.release.layout import files_of
from schemas.certificate import Gate


class Events:
    """Tells each shard of an output once, those that are there at the beginning not at all."""

    def __init__(self, output: str) -> None:
        self.output = output
        self._told = set(storage.list_files(storage.join(output, "stats"))) if logs.wanted() else set[str]()

    def __deepcopy__(self, _: Any) -> "Events":
        """Itself: Ray copies its settings for every execution, and what was told is told."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without what was told: Ray sends it along with its settings, to workers, which tell nothing."""
        return {"output": self.output, "_told": set()}

    def tell(self, path: str, stats: dict[str, Any]) -> None:
        """The shard whose `stats` stand at `path` below OUT/stats, and each clip of it that was not released."""
        if not logs.wanted() or path in self._told:
            return
        self._told.add(path)
        for clip in _unreleased(self.output, stats["name"]):
            logs.emit("clip", **clip)
        counts = {name: stats[name]["clips"] for name in COUNTED}
        seconds = round(sum(stats["seconds"].values()), 3)
        logs.emit("shard", shard=stats["name"], **counts, people=stats["people"], seconds=seconds)


def _unreleased(output: str, shard: str) -> list[dict[str, Any]]:
    files, (filesystem, root) = files_of(shard), storage.arrow_filesystem(output)
    columns = ["clip_id", "verdict", "stage", "frames"]
    rows = reader.read_columns(
        (filesystem, [f"{root}/{files['manifest']}"]), columns, pc.field("verdict") != "released"
    ).to_pylist()
    if not rows:
        return []
    said = reader.read_columns((filesystem, [f"{root}/{files['quarantine']}"]), ["clip_id", "gates"])
    gates = {row["clip_id"]: _refused(row["gates"]) for row in said.to_pylist()}
    return [row | {"gates": gates.get(row["clip_id"], "")} for row in rows]


def _refused(gates: str) -> str:
    """Names of those that did not pass, of a row's gates."""
    held = (Gate(**gate | {"score": float(gate["score"])}) for gate in json_form.parsed(gates or "[]"))
    return ",".join(gate.name for gate in held if not gate.passed)
