"""What somebody does to a signed dataset who may write everywhere in it and makes all digests fit."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from cluster.ledger import chain
from operators.release.accounts import id_digest, total
from operators.release.attestation import sha256
from operators.release.json_form import written
from operators.release.layout import SHARD_LIST
from schemas.arrow import from_table, to_table
from schemas.manifest import ManifestRow

Members = dict[str, bytes]


def names(dataset: Path) -> list[str]:
    return sorted(path.stem for path in (dataset / "stats").iterdir())


def header(dataset: Path, **changes: Any) -> None:
    """Change fields of dataset.json; None takes one out."""
    made = json.loads((dataset / "dataset.json").read_text()) | changes
    made = {name: value for name, value in made.items() if value is not None or name in ("signer", "marker")}
    (dataset / "dataset.json").write_bytes(written(made))


def edit(dataset: Path, change: Callable[[Members], None], index: int = 0) -> None:
    """Change members of a shard's tar, then make all digests fit again."""
    path = dataset / f"shards/{names(dataset)[index]}.tar"
    with tarfile.open(path) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    manifest = dataset / f"manifest/{path.stem}.parquet"
    rows = from_table(pq.read_table(manifest), ManifestRow)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    rows = [
        replace(row, sha256=digests[f"{row.key}.mp4"], record_sha256=digests[f"{row.key}.json"])
        if row.verdict == "released"
        else row
        for row in rows
    ]
    pq.write_table(to_table(rows, ManifestRow), manifest)
    seal(dataset)


def seal(dataset: Path) -> None:
    """Stats, list of shards and dataset.json of whatever lies here now."""
    shards, ids = [], list[int]()
    for name in names(dataset):
        stats = json.loads((dataset / f"stats/{name}.json").read_text())
        for path in stats["files"]:
            data = (dataset / path).read_bytes()
            stats["files"][path] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (dataset / f"stats/{name}.json").write_bytes(written(stats))
        record = (dataset / f"checkpoint/{name}.parquet").read_bytes()
        shards.append((stats, (sha256(written(stats)), sha256(record))))
        ids += pq.read_table(dataset / f"manifest/{name}.parquet")["clip_id"].to_pylist()
    digest = id_digest(np.array(ids, np.int64))
    totals = total(stats for stats, _ in shards) | {"shards": len(shards), "id_digest": digest}
    header(dataset, chain=chain.write(str(dataset), chain.listed(shards)), **totals)


def certificates(change: Callable[[dict[str, Any]], None]) -> Callable[[Members], None]:
    """Change the record of the first clip of a tar."""

    def changed(members: Members) -> None:
        name = min(name for name in members if name.endswith(".json"))
        record = json.loads(members[name])
        change(record)
        members[name] = written(record)

    return changed


def flip_a_byte_of_a_video(members: Members) -> None:
    name = min(name for name in members if name.endswith(".json")).replace(".json", ".mp4")
    video = bytearray(members[name])
    video[-200] ^= 1
    members[name] = bytes(video)
    record = json.loads(members[name.replace(".mp4", ".json")])
    record["certificate"]["output_sha256"] = hashlib.sha256(video).hexdigest()
    members[name.replace(".mp4", ".json")] = written(record)


def swap_two_certificates(members: Members) -> None:
    one, other = sorted(name for name in members if name.endswith(".json"))[:2]
    records = {name: json.loads(members[name]) for name in (one, other)}
    for name, source in ((one, other), (other, one)):
        taken = {part: records[source][part] for part in ("certificate", "signature")}
        members[name] = written(records[name] | taken)


def better_a_score(record: dict[str, Any]) -> None:
    record["certificate"]["gates"][0]["score"] = 0.01


def drop_a_gate(record: dict[str, Any]) -> None:
    record["certificate"]["gates"].append(record["certificate"]["gates"][0])


def a_step(name: str, output_sha256: str = "") -> Callable[[Members], None]:
    step = {"name": name, "reason": "x", "by": "", "output_sha256": output_sha256, "waives": []}
    return certificates(lambda record: record["certificate"].update(steps=[step]))


def add_a_field(record: dict[str, Any]) -> None:
    record["certificate"]["approved"] = True


def drop_the_signature(record: dict[str, Any]) -> None:
    del record["signature"]


def delete_a_shard(dataset: Path) -> None:
    for path in list(dataset.rglob(f"{names(dataset)[1]}.*")):
        path.unlink()
    seal(dataset)


def delete_a_shard_but_keep_the_list(dataset: Path) -> None:
    for path in list(dataset.rglob(f"{names(dataset)[1]}.*")):
        path.unlink()


def lines(dataset: Path, order: Callable[[list[str]], list[str]]) -> None:
    listed = (dataset / SHARD_LIST).read_text().splitlines(keepends=True)
    (dataset / SHARD_LIST).write_text("".join(order(listed)))


def other_counts(dataset: Path) -> None:
    lines(dataset, lambda made: [made[0].replace('"planned": 4', '"planned": 3'), *made[1:]])
