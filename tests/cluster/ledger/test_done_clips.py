"""A run that goes on leaves out what is done, and Ray finds nothing to warn of."""

import shutil
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
def test_what_is_done_is_left_out_without_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Ray does, it is there: else this would prove nothing."""
    begun, ours, rays = (tmp_path / name for name in ("begun", "ours", "rays"))
    toy.write_plan(f"{begun}/plan", 4)
    one_pass(begun)
    for folder in (ours, rays):
        shutil.copytree(begun, folder)
    before = manifest(f"{begun}/out")
    one_pass(ours)
    assert ALARM not in capfd.readouterr().err
    monkeypatch.setattr(checkpoint, "hand", ray.put)
    monkeypatch.setattr(checkpoint, "DoneClips", NumpyArrayBasedCheckpointFilter)
    one_pass(rays)
    assert ALARM in capfd.readouterr().err
    for folder in (ours, rays):
        assert before and len(manifest(f"{folder}/out")) > len(before)  # in which no clip is twice


def one_pass(folder: Path) -> None:
    run(Plan(f"{folder}/plan"), f"{folder}/out", passes=1)
