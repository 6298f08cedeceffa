"""Whoever opens sources is told no more than the work asks for: whatever a video does to its decoder learns it, too."""

import pickle
from pathlib import Path

import pytest

from cluster.ledger.plans import PLAN_FILE, Plan
from cluster.ledger.run import Run
from jobs import anonymize, options
from jobs.plan import cut
from operators.conditioning.identity import pseudo_identity
from operators.planning.listing import Source
from operators.recovery.escalation import Ladder
from tests.cluster import toy


@pytest.fixture
def key(tmp_path: Path) -> bytes:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / PLAN_FILE).write_text("{}")
    return options.make_release_key(f"{tmp_path}/plan")


def test_no_stage_is_given_the_release_key(key: bytes, tmp_path: Path) -> None:
    made_by = {"weights": "0" * 64, "code": "1" * 64}
    run = Run(Plan(f"{tmp_path}/plan"), f"{tmp_path}/out", toy.PROFILE, toy.POLICY, made_by=made_by)
    stages = anonymize.stages(run, Ladder())
    given = b"".join(pickle.dumps(argument) for stage in stages for argument in stage.arguments)
    assert key not in given and key.hex().encode() not in given
    (looks,) = [argument for stage in stages for argument in stage.arguments if isinstance(argument, bytes)]
    assert pseudo_identity(looks, "clip", 1) != pseudo_identity(key, "clip", 1)


def test_nor_is_who_probes(key: bytes) -> None:
    pieces = pickle.dumps(cut([Source("file:///a.mp4", "a.mp4", "stamp")], key, 1))
    assert key not in pieces and key.hex().encode() not in pieces
