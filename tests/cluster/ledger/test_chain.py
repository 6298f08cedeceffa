"""What is read of a dataset to be signed for it is what its list tells of."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.ledger import chain
from operators.release.attestation import sha256
from schemas.errors import UserError

pytestmark = pytest.mark.parametrize("place", ["local"], indirect=True)


def head(output: Path) -> str:
    return str(json.loads((output / "dataset.json").read_bytes())["chain"])


def test_its_manifests_are_those_that_are_there(finished: tuple[str, str, list[str]]) -> None:
    _, output, names = finished
    found = chain.manifests(output, head(Path(output)))
    assert set(found) == {f"manifest/{name}.parquet" for name in names}
    assert all(sha256((Path(output) / path).read_bytes()) == digest for path, digest in found.items())


def other_stats(output: Path) -> None:
    path = min((output / "stats").iterdir())
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))


def other_line(output: Path) -> None:
    path = output / "shards.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"stats_sha256": "', b'"stats_sha256": "0', 1))


@pytest.mark.parametrize(
    "change",
    [
        other_stats,
        other_line,
        lambda output: (output / "shards.jsonl").write_bytes(b""),
        lambda output: (output / "shards.jsonl").write_bytes(b"[]\n"),
        lambda output: (output / "shards.jsonl").write_bytes(b"{}\n"),
        lambda output: (output / "shards.jsonl").unlink(),
        lambda output: min((output / "stats").iterdir()).unlink(),
        lambda output: (output / "shards.jsonl").write_bytes(
            b"".join((output / "shards.jsonl").read_bytes().splitlines(keepends=True)[:-1])
        ),
    ],
)
def test_another_list_or_other_stats_are_refused(
    finished: tuple[str, str, list[str]], change: Callable[[Path], object]
) -> None:
    _, output, _ = finished
    due = head(Path(output))
    change(Path(output))
    with pytest.raises(UserError, match=r"is not (?:the list|what was written)"):
        chain.manifests(output, due)
