"""Plain progress, one line a report with the stages' names; what is spilled does not stay."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray
from ray._private import utils
from ray._private.node import Node
from ray._private.state import actors
from ray.data._internal.cluster_autoscaler import default_cluster_autoscaler_v2 as autoscaler_v2
from ray.data._internal.cluster_autoscaler import rate_based_cluster_autoscaler as rate_based
from ray.data._internal.execution.operators import actor_pool_map_operator as actor_pool
from ray.data._internal.stats import _StatsManager

from cluster import ray_internals, session, spill
from cluster.ray_internals import AllThereIs
from cluster.session import PlainProgress
from operators.isolation import is_private
from schemas.errors import UserError
from tests.cluster import toy


def test_a_machine_on_which_ray_does_not_start_in_time_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one with more to do than it can: tried a second time, then said, without a traceback."""
    tries = []

    def connect(*_: object) -> None:
        tries.append(1)
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr(session, "_connect", connect)
    with pytest.raises(UserError, match="did not start in time"):
        session.start()
    assert len(tries) == 2


@pytest.mark.usefixtures("cluster")
def test_ray_starts_nothing_on_this_machine_that_serves_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No monitor of machines to come, no server of pages, and who reads all logs only where they are shown."""
    started = ray._private.worker._global_node.all_processes
    assert started.keys() == {"gcs_server", "raylet"}
    monkeypatch.setattr(Node, "start_log_monitor", Node.start_log_monitor)  # to be put back
    monkeypatch.setattr(utils, "get_dashboard_dependency_error", utils.get_dashboard_dependency_error)
    ray_internals.start_what_serves(log_to_driver=True, watched=True)
    assert Node.start_log_monitor.__module__ == "ray._private.node"
    assert utils.get_dashboard_dependency_error.__module__ == "ray._private.utils"


class Told:
    """A stage that is told a secret."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def __call__(self, batch: pa.Table) -> pa.Table:
        return batch


def one_pass() -> None:
    pool = ray.data.ActorPoolStrategy(size=1)
    ray.data.range(2).map_batches(
        Told, fn_constructor_args=(b"SECRET",), compute=pool, num_cpus=0.1, batch_format="pyarrow"
    ).materialize()


@pytest.mark.usefixtures("cluster")
def test_an_execution_on_this_machine_starts_no_actors_but_its_own_and_describes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a dashboard would be told holds nothing of what stages are made with; on a cluster as well."""
    before, described = actors().keys(), list[Any]()
    assert _StatsManager.register_dataset_to_stats_actor("what it would be told") is None
    monkeypatch.setattr(
        _StatsManager, "register_dataset_to_stats_actor", lambda *told: described.append(told)
    )
    one_pass()
    names = {one["ActorClassName"] for key, one in actors().items() if key not in before}
    assert names == {"MapWorker(MapBatches(Told))"}
    assert described and "SECRET" not in str(described) and str(list(b"SECRET"))[1:-1] not in str(described)


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_a_cluster_of_others_is_asked_as_ray_asks_it(alone: bool, watched: bool) -> None:
    try:
        ray_internals.ask_nobody(alone=alone, watched=watched)
        taken = [
            *(module.DefaultAutoscalingCoordinator for module in (autoscaler_v2, rate_based)),
            actor_pool.get_or_create_actor_location_tracker,
            actor_pool.get_actor_locations,
        ]
        told = [_StatsManager.register_dataset_to_stats_actor, _StatsManager.update_execution_metrics]
    finally:
        ray_internals.ask_nobody(alone=True, watched=False)
    assert {one.__module__.split(".")[0] for one in taken} == {"cluster" if alone else "ray"}
    assert {one.__module__.split(".")[0] for one in told} == {"ray" if watched else "cluster"}


@pytest.mark.usefixtures("cluster")
def test_all_there_is_is_what_ray_counts() -> None:
    """By node, as Ray's own actor would have it for the only execution."""
    own = AllThereIs("anybody").get_reserved_resources()
    assert own == {node["NodeID"]: node["Resources"] for node in ray.nodes()}
    assert sum(node["CPU"] for node in own.values()) == ray.cluster_resources()["CPU"]


@pytest.mark.parametrize(
    ("asked", "said", "interval"),
    [
        ({}, {}, None),
        ({"RECAST_METRICS_PORT": "9090"}, {}, "2000"),
        ({"RAY_ADDRESS": "there"}, {}, "2000"),
        ({"RECAST_METRICS_PORT": "9090"}, {"RAY_metrics_report_interval_ms": "500"}, "500"),
    ],
)
def test_counters_are_fresh_where_somebody_can_ask_for_them(
    asked: dict[str, str], said: dict[str, str], interval: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RECAST_METRICS_PORT", "RAY_ADDRESS", "RAY_metrics_report_interval_ms"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**asked, **said}.items():
        monkeypatch.setenv(name, value)
    told: list[dict[str, str]] = []
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr(session, "_connect", lambda _profile, environment, _log: told.append(environment))
    session.start()
    assert [one.get("RAY_metrics_report_interval_ms") for one in told] == [interval]


def test_a_report_becomes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    report = [
        "======= Running Dataset: dataset_x =======",
        "Total Progress: 0/?",
        "ListFiles: 3/3",
        "MapBatches(Condition): 3/9",
        "  Tasks: 1; Actors: 1; Queued blocks: 0 (0.0B)",
        "Write: 1/9",
        "=================",
    ]
    for line in report * 2:
        assert not progress.filter(logging.LogRecord("ray", logging.INFO, "", 0, line, (), None))
    lines = capsys.readouterr().out.splitlines()
    assert [line[10:] for line in lines] == ["Condition 3  Write 1"] * 2


SPILL = """
import os, sys
import numpy as np
import ray
from cluster import session
from tests.cluster import toy
session.start(toy.PROFILE.model_copy(update={"spill": sys.argv[1]}))
kept = [ray.put(np.zeros(20 << 20, np.uint8)) for _ in range(12)]
print(sum(len(files) for _, _, files in os.walk(sys.argv[1])))
if sys.argv[2] == "killed":
    os.kill(os.getpid(), 9)
"""


def test_what_is_spilled_is_swept_at_the_end_or_by_the_next_run(tmp_path: Path) -> None:
    environment = {**os.environ, "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(100 << 20)}
    environment.pop("RAY_ADDRESS", None)
    other = tmp_path / "recast-spill-elsewhere-1"  # of a machine that shares the mount
    other.mkdir()
    for end, left in (("killed", 1), ("ended", 0)):
        command = [sys.executable, "-c", SPILL, str(tmp_path), end]
        done = subprocess.run(
            command, check=False, cwd=toy.ROOT, env=environment, capture_output=True, text=True
        )
        assert int(done.stdout) > 0, done.stderr[-2000:]
        assert len(list(tmp_path.iterdir())) == 1 + left
    assert other.exists()


def test_a_spill_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"spill: .*file cannot be used"):
        spill.directory(str(tmp_path / "file"))


@pytest.mark.parametrize("taken", ["a folder of others", "a link", "a file"])
def test_frames_are_spilled_into_no_place_that_somebody_prepared(tmp_path: Path, taken: str) -> None:
    """Its name can be guessed, and where many users have their temporary files anybody may make it."""
    made = Path(spill.directory(str(tmp_path)))
    assert is_private(made) and Path(spill.directory(str(tmp_path))) == made, "again, in the same process"
    made.rmdir()
    if taken == "a folder of others":
        made.mkdir()
        made.chmod(0o777)
    elif taken == "a link":
        (tmp_path / "theirs").mkdir()
        made.symlink_to(tmp_path / "theirs")
    else:
        made.touch()
    with pytest.raises(UserError, match=r"spill: .*cannot be used"):
        spill.directory(str(tmp_path))


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("taken", [False, True])
def test_ray_has_a_place_of_this_users_own_where_its_sockets_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool, taken: bool
) -> None:
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    place = tmp_path / ("a" * 40) if long else short
    place.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    if taken:
        (place / f"recast-{os.getuid()}").mkdir()
        (place / f"recast-{os.getuid()}").chmod(0o777)
    found = Path(spill.ray_folder())
    assert is_private(found.parent) and len(str(found)) < 40
    assert (found.parent.parent == place) != long
    shutil.rmtree(short)


@pytest.mark.usefixtures("cluster")
def test_nobody_else_gets_to_rays_sockets_and_logs() -> None:
    """Ray makes its folders for everybody to write in, so that anybody could put a socket in place of its store's."""
    session_folder = Path(ray._private.worker.global_worker.node.get_session_dir_path())
    assert (session_folder / "sockets").is_dir()
    assert any(is_private(folder) for folder in session_folder.parents)
