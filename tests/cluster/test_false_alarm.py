"""Ray's line about a cluster that is too small: not in good runs, and to the letter as Ray has it."""

import inspect
import logging

import pytest
import ray
from ray.data._internal.execution import resource_manager

from cluster import ray_internals, session
from cluster.false_alarm import TOO_SMALL, FalseAlarm
from cluster.ray_internals import RESOURCES
from schemas.config import load
from schemas.profile import Profile


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("ray", logging.WARNING, "", 0, message, (), None)


def test_the_line_is_ray_s_own_and_its_logger_too() -> None:
    """Else an upgrade of Ray brings it back."""
    assert TOO_SMALL in inspect.getsource(resource_manager)
    assert resource_manager.logger is RESOURCES


@pytest.mark.parametrize("known", [True, False])
def test_only_that_line_is_left_out_and_only_where_it_is_wrong(known: bool) -> None:
    alarm = FalseAlarm()
    alarm.known = known
    assert (
        alarm.filter(record(f"Cluster resources are not enough to run any task from Map. {TOO_SMALL}"))
        != known
    )
    assert alarm.filter(record("Cluster resources are not enough")) and alarm.filter(
        record("another warning")
    )


@pytest.mark.parametrize(
    ("place", "growing", "changes", "known"),
    [
        ("here", False, [], True),
        ("here", False, ["writers={disk: 1}"], False),
        ("there", False, [], True),
        ("there", False, ["writers={disk: 1}"], False),
        ("there", True, [], False),
    ],
)
def test_it_is_wrong_where_the_job_knows_that_there_is_room(
    monkeypatch: pytest.MonkeyPatch, place: str, growing: bool, changes: list[str], known: bool
) -> None:
    profile = load(Profile, "cluster/profiles/embedded.yaml", changes)
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 16.0, "disk": 1.0}}])
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if place == "there":
        monkeypatch.setenv("RAY_ADDRESS", "ray://elsewhere")
    if growing:
        monkeypatch.setenv("RECAST_GROWING_CLUSTER", "1")
    monkeypatch.setattr(session.ROOM, "known", not known)
    session.start(profile)
    assert session.ROOM.known == (known and place == "here")
    session.require_room(profile)
    assert session.ROOM.known == known


@pytest.mark.usefixtures("cluster")
def test_a_good_run_does_not_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a machine so slow that Ray waits a minute for what it has: here it waits for nothing. On its own machine a
    job knows from the beginning what there is; of another cluster Ray asks."""
    monkeypatch.setattr(resource_manager, "STARVATION_WARNING_DELAY_S", 0)
    for alone, known in ((True, False), (False, True), (False, False)):
        ray_internals.ask_nobody(alone=alone, watched=False)
        monkeypatch.setattr(session.ROOM, "known", known)
        said, handler = list[str](), logging.Handler()
        monkeypatch.setattr(handler, "emit", lambda record, said=said: said.append(record.getMessage()))
        RESOURCES.addHandler(handler)
        ray.data.range(2).map(lambda row: row).take_all()
        RESOURCES.removeHandler(handler)
        ray_internals.ask_nobody(alone=True, watched=False)
        assert any(TOO_SMALL in line for line in said) != (alone or known)
