"""Fixtures of the tests around checkpoints."""

import pytest
import ray

from tests.cluster import toy


@pytest.fixture(autouse=True)
def _no_checkpoint_left_behind() -> object:
    yield
    ray.data.DataContext.get_current().checkpoint_config = None


@pytest.fixture
def finished(place: str) -> tuple[str, str, list[str]]:
    """Plan and output of a finished run over 12 clips, and the names of its three shards."""
    plan, output = f"{place}/plan", f"{place}/out"
    return plan, output, toy.write_output(plan, output, 12)
