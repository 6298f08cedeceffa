"""The same of its tables: whatever they hold, jobs say so, or make the shard anew, though every digest may fit."""

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from cluster.ledger import checkpoint
from cluster.ledger.repair import repair
from jobs.status import status
from jobs.verify import Proof, read, verify
from operators.release import json_form
from operators.release.signature import Signer
from tests.cluster import toy
from tests.cluster.ledger.test_strange_json import tried
from tests.keys import make_key


def file_of(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def changed(data: bytes) -> Iterator[bytes]:
    table = pq.read_table(io.BytesIO(data))
    yield from (b"", b"PAR1", b"PAR1" + b"x" * len(data) + b"PAR1", data[: len(data) // 2], bytes(len(data)))
    for at in range(len(data) - 9, 0, -len(data) // 12):
        yield data[:at] + bytes([data[at] ^ 64]) + data[at + 1 :]
    for number, name in enumerate(table.column_names):
        others: list[pa.Array] = [
            pa.nulls(len(table)),
            pa.array(["JANE"] * len(table)),
            pa.array([[1]] * len(table)),
        ]
        yield file_of(table.set_column(number, name, others[number % 3]))
        yield file_of(table.drop_columns([name]) if number % 2 else table.append_column(name, table[name]))
    for other in (*others, pa.array([2**64 - 1] * len(table), pa.uint64())):
        yield file_of(table.set_column(0, "clip_id", other))
    yield file_of(table.slice(0, 0))
    yield file_of(pa.concat_tables([table, table]))


@pytest.mark.parametrize("folder", ["manifest", "quarantine", "checkpoint"])
@pytest.mark.parametrize("signed", [True, False])
def test_no_job_ends_by_what_it_reads(tmp_path: Path, shards_here: None, folder: str, signed: bool) -> None:
    signer = Signer.of_file(str(make_key(tmp_path / "key.pem"))) if signed else None
    (name,) = toy.write_output(f"{tmp_path}/plan", f"{tmp_path}/whole", 12, 12, signer)
    key, out, path = signer.public_key if signer else "", tmp_path / "out", f"{folder}/{name}.parquet"

    def put(forged: bytes, fit: bool) -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", out)
        (out / path).write_bytes(forged)
        stats = json.loads((out / f"stats/{name}.json").read_bytes())
        if fit and path in stats["files"]:
            stats["files"][path] = {"bytes": len(forged), "sha256": hashlib.sha256(forged).hexdigest()}
            stats.pop("signature", None)
            made = stats | ({"signature": signer.sign("shard", stats)} if signer else {})
            (out / f"stats/{name}.json").write_bytes(json_form.written(made))

    data, run = (tmp_path / "whole" / path).read_bytes(), toy.run_of(f"{tmp_path}/plan", str(out), signer)
    for number, forged in enumerate(changed(data)):
        put(forged, number % 2 == 0)
        proof = tried(lambda: verify(str(out), read(str(out)), key, 0))
        assert proof is None or (isinstance(proof, Proof) and proof.breaches), forged
        tried(lambda: status(str(out), datetime.now(UTC)))
        tried(lambda: checkpoint.finish(run))
        tried(lambda: repair(str(out), run.terms()))
        put(forged, number % 2 == 1)
        tried(lambda: checkpoint.begin(run))
    ray.data.DataContext.get_current().checkpoint_config = None
