"""Fixtures shared by all tests."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import gcs
from tests.s3 import BUCKET, serve

hypothesis.settings.register_profile("recast", deadline=None)  # timing belongs in benchmarks
hypothesis.settings.load_profile("recast")

# Or each of the hundreds of processes that tests start compiles all of ours.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running S3 server as the environment's default; gives `s3://` and its bucket."""
    with serve(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield f"s3://{BUCKET}"


@pytest.fixture(scope="session")
def gs() -> Iterator[str]:
    """An emulator of Google's store as the environment's default; gives `gs://` and its bucket."""
    with gcs.serve() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        yield f"gs://{BUCKET}"


@pytest.fixture(scope="session")
def _ray_ends(s3: str) -> Iterator[None]:
    """With the session, before the server does."""
    yield
    end_ray()


@pytest.fixture(scope="module")
def cluster(_ray_ends: None) -> None:
    """A local Ray, configured as the jobs configure it; its workers know the server. It stays for the files after."""
    from cluster import session

    session.start()


def end_ray() -> None:
    """Idle, its processes take a tenth of a core from the others. The fixture `cluster` starts it again."""
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


@pytest.fixture
def in_process() -> Iterator[None]:
    """No Ray: its part is done in this process (tests/rows.py). For tests that are not about what Ray makes of it."""
    from tests import rows

    with rows.here():
        yield


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for a dataset, on this disk and in an object store; a test may ask for "gs", too."""
    if request.param == "local":
        return str(tmp_path)
    return f"{request.getfixturevalue(request.param)}/{os.path.basename(tmp_path)}"


@pytest.fixture
def shards_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """`jobs.verify.verify` checks one shard after the other in this process, which spares a sweep Ray's second for each
    case. The job as a command still has Ray check them."""

    import jobs.verify

    def check_all(output: str, shards: list[str], demands: object) -> Iterator[object]:
        return (jobs.verify._check(output, name, demands) for name in shards)

    monkeypatch.setattr(jobs.verify, "_check_all", check_all)
