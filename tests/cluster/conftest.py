"""Fixtures of the tests around checkpoints."""

import pytest
import ray

from operators import storage
from tests.cluster import toy


@pytest.fixture(autouse=True)
def _no_checkpoint_left_behind() -> object:
    yield
    ray.data.DataContext.get_current().checkpoint_config = None


@pytest.fixture(scope="session")
def _twelve(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[str]]:
    """All files of `plan` and `out` of a finished run over 12 clips, and the names of its three shards."""
    folder = tmp_path_factory.mktemp("finished")
    names = toy.write_output(f"{folder}/plan", f"{folder}/out", 12)
    return toy.contents(str(folder)), names


@pytest.fixture
def finished(place: str, _twelve: tuple[dict[str, bytes], list[str]]) -> tuple[str, str, list[str]]:
    """Plan and output of a finished run over 12 clips, and the names of its three shards."""
    files, names = _twelve
    for path, data in files.items():
        storage.write_bytes(place, path, data)
    return f"{place}/plan", f"{place}/out", list(names)
