"""Which shards training reads: those of jobs.prepare, below the pairs, and no others."""

import json
from pathlib import Path

import pytest

from operators.training.batches import shards_by_size
from schemas.errors import UserError


def pairs_of(folder: Path, shard: str) -> str:
    (folder / "stats").mkdir()
    (folder / "stats/a.json").write_text(json.dumps({"shards": {shard: ["4x48x64", 5]}}))
    return str(folder)


@pytest.mark.parametrize("shard", ["shards/0a-4x48x64.tar", "one.tar"])
def test_shards_below_the_pairs_are_read(tmp_path: Path, shard: str) -> None:
    assert shards_by_size(pairs_of(tmp_path, shard)) == {"4x48x64": [(shard, 5)]}


OUTSIDE = [
    "../elsewhere/real.tar",
    "../../real.tar",
    "shards/../../real.tar",
    "/data/real.tar",
    "shards//data/real.tar",
]
OUTSIDE += [
    "s3://other/real.tar",
    "..tar",
    "./../real.tar",
    "shards/below/real.tar",
    "",
    "a\n.tar",
    "real.tar\n",
]


@pytest.mark.parametrize("shard", OUTSIDE)
def test_a_shard_that_may_lie_elsewhere_is_refused(tmp_path: Path, shard: str) -> None:
    """Whoever writes stats would have people learnt that nobody listed."""
    with pytest.raises(UserError, match="no shard of these pairs"):
        shards_by_size(pairs_of(tmp_path, shard))
