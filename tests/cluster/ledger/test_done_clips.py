"""A run that goes on leaves out what is done, and Ray finds nothing to warn of."""

from pathlib import Path

import pytest
import ray
from ray.data.checkpoint import NumpyArrayBasedCheckpointFilter

from cluster.ledger import checkpoint
from cluster.ledger.plans import Plan
from tests.cluster import toy
from tests.cluster.ledger.test_ladder import manifest, run

ALARM = "has constructor arguments in the object store"


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("as_ray_does", [True, False])
def test_what_is_done_is_left_out_without_an_alarm(
    tmp_path: Path, as_ray_does: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Ray does, it is there: else this would prove nothing."""
    plan, output = Plan(f"{tmp_path}/plan"), f"{tmp_path}/out"
    toy.write_plan(plan.uri, 4)
    if as_ray_does:
        monkeypatch.setattr(checkpoint, "hand", ray.put)
        monkeypatch.setattr(checkpoint, "DoneClips", NumpyArrayBasedCheckpointFilter)
    run(plan, output, passes=1)
    begun = manifest(output)
    run(plan, output, passes=1)
    assert begun and len(manifest(output)) > len(begun)  # in which no clip is twice
    assert (ALARM in capfd.readouterr().err) == as_ray_does
