"""When a run has failed enough; that it then really stops is in test_checkpoint.py."""

import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from ray.data import DataContext

from cluster.ledger import checkpoint, lease
from cluster.ledger.events import Events
from cluster.ledger.failure_budget import Budget, _Watch, require_space
from operators import storage
from operators.release.accounts import VERDICTS
from operators.release.layout import LEASE
from operators.release.signature import Signer
from operators.release.stats_form import well_formed
from schemas.errors import UserError
from schemas.policy import Failures
from tests.cluster import toy
from tests.keys import make_key

LIMITS = Failures(failed=0.2, quarantined=0.5, after_clips=10, in_shard=0.75)


def shard(released: int, quarantined: int, failed: int, name: str = "a") -> dict[str, Any]:
    """Stats of a shard as the sink writes them."""
    counts = dict(zip(VERDICTS, (released, quarantined, failed), strict=True))
    return {
        "name": name,
        "planned": {"clips": sum(counts.values()), "frames": 0},
        **{verdict: {"clips": clips, "frames": 0} for verdict, clips in counts.items()},
        "people": 0,
        "regenerated": 0,
        "filled": 0,
        "frames_masked": 0,
        "frames_painted": 0,
        "diffusion_calls": 0,
        "bypassed": 0,
        "seconds": {},
    }


def spent(shards: list[dict[str, Any]]) -> Budget:
    budget = Budget(LIMITS)
    for one in shards:
        budget.add(one)
    return budget


@pytest.mark.parametrize(
    ("shards", "said"),
    [
        ([], ""),
        ([shard(8, 0, 2)], ""),
        ([shard(7, 0, 3)], "30% of the clips so far failed"),
        ([shard(3, 0, 2), shard(4, 0, 1)], "30% of the clips so far failed"),
        ([shard(6, 0, 3)], ""),  # too few yet
        ([shard(5, 5, 0)], ""),
        ([shard(4, 6, 0)], "60% of the clips so far quarantined"),
        ([shard(1, 0, 3)], ""),
        ([shard(90, 0, 0), shard(0, 0, 4, "b")], "100% of the clips of shard b failed"),
    ],
)
def test_shares(shards: list[dict[str, Any]], said: str) -> None:
    problem = spent(shards).problem()
    assert problem.startswith(said)
    assert bool(problem) == bool(said)


def test_the_limit_is_named_with_a_remedy() -> None:
    with pytest.raises(UserError, match=r"(?s)OUT.*stopped: 30%.*3 of 10 clips.*quarantine"):
        spent([shard(7, 0, 3)]).require("OUT")


@pytest.mark.parametrize(("free", "largest", "enough"), [(65, 0, True), (63, 0, False), (65, 40, False)])
def test_a_disk_that_is_nearly_full_stops_the_run_and_says_how_much_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, largest: int, enough: bool
) -> None:
    """64 MiB, or twice the largest shard; asked before each pass and while one runs."""
    (tmp_path / "shards").mkdir()
    with (tmp_path / "shards/a.tar").open("wb") as file:
        file.truncate(largest << 20)
    usage = shutil.disk_usage(tmp_path)._replace(free=free << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    if enough:
        require_space(str(tmp_path))
        return
    with pytest.raises(UserError, match=rf"{free} MiB of free space.* {max(64, 2 * largest)} MiB are needed"):
        require_space(str(tmp_path))
    with pytest.raises(UserError, match="same command again"):
        require_space(f"{tmp_path}/not/there" if free < 64 else str(tmp_path))


@pytest.mark.parametrize("taken", [True, False])
def test_a_run_that_lost_its_output_ends_within_a_look(tmp_path: Path, taken: bool) -> None:
    """Ray goes on when a task of it raises: without this, for days, and nothing that it makes is committed. What the
    process does after its run, such as to verify, is not the run's."""
    output = str(tmp_path)
    with lease.held(output) as owner:
        watch = _Watch(LIMITS, output, Events(output), owner)
        if taken:
            (tmp_path / LEASE).unlink()
        watch.before_execution_starts(None)
        until = time.monotonic() + 5
        while taken and not watch.problem and time.monotonic() < until:
            time.sleep(0.01)
        watch.ended.set()
        watch.looking.join()
        with pytest.raises(UserError, match="lost its lease") if taken else contextlib.nullcontext():
            watch.on_execution_step(None)
    after = _Watch(LIMITS, output, Events(output), owner)
    after.before_execution_starts(None)
    time.sleep(0.1)
    after.ended.set()
    after.looking.join()
    after.on_execution_step(None)


def stranger(plan: str, signed: bool) -> Signer | None:
    return Signer.of_file(str(make_key(Path(plan).parent / "stranger.pem"))) if signed else None


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("clips", [10, 10**12])
def test_what_somebody_says_has_failed_stops_no_run(tmp_path: Path, signed: bool, clips: int) -> None:
    """Who may write in an output, and has no key, cannot end what works on it; the next command takes it out."""
    signer, plan, output = (
        Signer.of_file(str(make_key(tmp_path / "key.pem"))),
        f"{tmp_path}/plan",
        f"{tmp_path}/out",
    )
    (name, *_) = toy.write_output(plan, output, 12, signer=signer)
    run = toy.run_of(plan, output, signer)
    checkpoint.begin(run)
    (watch,) = DataContext.get_current().custom_execution_callback_classes
    said = json.loads(storage.read_bytes(output, f"stats/{name}.json"))
    del said["signature"]
    lost = {"clips": clips, "frames": 5 * clips}
    said |= {"name": "f" * 32 + "-00000000", "planned": lost, "failed": lost}
    other = stranger(plan, signed)
    said |= {"signature": other.sign("shard", said)} if other else {}
    assert well_formed(said)
    storage.write_bytes(output, f"stats/{said['name']}.json", json.dumps(said).encode())
    looking = watch()
    looking._count()
    looking.budget.require(output)
    assert looking.budget.done.clips("planned") == 12 and looking.budget.done.clips("failed") > 0
    with pytest.raises(UserError, match=rf"stats/{said['name']}\.json: is of a shard that was not signed"):
        checkpoint.finish(run)
    checkpoint.begin(run)
    assert checkpoint.finish(run)["planned"]["clips"] == 12
