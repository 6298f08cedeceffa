"""Finished datasets to tamper with."""

from pathlib import Path

import pytest

from cluster.ledger import checkpoint
from operators import storage
from operators.release.signature import Signer
from tests.cluster import toy
from tests.keys import make_key


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The owner's folder: key.pem and its key.pub, the plan, and `out`, signed, 12 clips in 3 shards and a report."""
    folder = tmp_path_factory.mktemp("signed")
    signer = Signer.of_file(str(make_key(folder / "key.pem")))
    toy.write_output(f"{folder}/plan", f"{folder}/out", 12, signer=signer)
    run = toy.run_of(f"{folder}/plan", f"{folder}/out", signer)
    checkpoint.finish(run, lambda *_: b"<p>all is well")
    return folder


@pytest.fixture
def dataset(whole: Path, tmp_path: Path) -> Path:
    """A copy of `out` in the folder `whole`, that of above or of the test's own file."""
    storage.copy(f"{whole}/out", f"{tmp_path}/out")
    return tmp_path / "out"
