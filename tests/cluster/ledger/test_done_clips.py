"""A run that goes on leaves out what is done, and Ray finds nothing to warn of."""

from pathlib import Path

import pytest
import ray
from ray.data.checkpoint import NumpyArrayBasedCheckpointFilter

from cluster.ledger import checkpoint
from cluster.ledger.plans import Plan
from operators.release import reader
from tests.cluster import toy

ALARM = "has constructor arguments in the object store"


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("as_ray_does", [True, False])
def test_what_is_done_is_left_out_without_an_alarm(
    tmp_path: Path, as_ray_does: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Ray does, it is there: else this would prove nothing."""
    whole, begun, output = f"{tmp_path}/plan", f"{tmp_path}/begun", f"{tmp_path}/out"
    toy.write_output(begun, output, 4)
    toy.write_plan(whole, 9)
    if as_ray_does:
        monkeypatch.setattr(checkpoint, "hand", ray.put)
        monkeypatch.setattr(checkpoint, "DoneClips", NumpyArrayBasedCheckpointFilter)
    ray.data.DataContext.get_current().checkpoint_config = checkpoint.checkpoint_config(output)
    filesystem, paths = Plan(whole).files()
    left = {row["clip_id"] for row in ray.data.read_parquet(paths, filesystem=filesystem).take_all()}
    planned, done = set(Plan(whole).planned().ids.tolist()), set(reader.clip_ids(output).tolist())
    assert len(done) == 4 and len(planned) == 9 and left == planned - done
    assert (ALARM in capfd.readouterr().err) == as_ray_does
