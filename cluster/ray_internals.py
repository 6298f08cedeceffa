"""All that is taken from inside Ray, as no public name gives it: where an upgrade of Ray is to be looked at first.

Node, utils        start Ray's processes and say which, see `start_what_serves`.
_AUTOSCALERS, actor_pool, _StatsManager  ask actors of their own, see `ask_nobody`.
Topology           describes an execution for a dashboard, see `describe_nothing`.
ActorPoolMapOperator  makes a pool's actors, see `hand_over_by_value`.
_ActorPool         holds them, and lets them go, see `end_with_the_pass`.
ExecutionCallback  is told of every step of an execution. DataContext.custom_execution_callback_classes takes such
                   classes, but the class itself is not exported. failure_budget.py ends a run by it.
"""

import logging
from functools import cached_property
from typing import Any

import ray
from ray._private import utils
from ray._private.node import Node
from ray.data._internal.cluster_autoscaler import default_cluster_autoscaler_v2, rate_based_cluster_autoscaler
from ray.data._internal.execution.execution_callback import ExecutionCallback
from ray.data._internal.execution.operators import actor_pool_map_operator as actor_pool
from ray.data._internal.execution.operators.actor_pool_map_operator import ActorPoolMapOperator, _ActorPool
from ray.data._internal.metadata_exporter import Topology
from ray.data._internal.stats import _StatsManager

__all__ = [
    "PROGRESS",
    "RESOURCES",
    "ExecutionCallback",
    "ask_nobody",
    "describe_nothing",
    "end_with_the_pass",
    "hand_over_by_value",
    "start_what_serves",
]

# Where Ray Data reports the stages' progress if there is no terminal; only its logger's name leads there.
PROGRESS = logging.getLogger("ray.data._internal.progress.logging_progress")
# Where it says which operators the cluster is too small for; likewise.
RESOURCES = logging.getLogger("ray.data._internal.execution.resource_manager")
_LET_GO = _ActorPool._release_running_actor
_LOG_MONITOR = Node.start_log_monitor
_DASHBOARD = utils.get_dashboard_dependency_error
_REGISTER, _UPDATE = _StatsManager.register_dataset_to_stats_actor, _StatsManager.update_execution_metrics
_AUTOSCALERS = (rate_based_cluster_autoscaler, default_cluster_autoscaler_v2)
_COORDINATOR = default_cluster_autoscaler_v2.DefaultAutoscalingCoordinator
_TRACKER, _LOCATIONS = actor_pool.get_or_create_actor_location_tracker, actor_pool.get_actor_locations


def start_what_serves(log_to_driver: bool, watched: bool) -> None:
    """From now on `ray.init` of a cluster on this machine starts nothing that serves nobody. No setting does that.

    The API server asks clouds' metadata addresses where it is, for usage reports, and it asks before it looks whether
    they are wanted. The monitor would ask for machines, of which there are no more. The log monitor reads all logs, all
    the time, for a driver that shows them. Unless counters are `watched`, what serves them and what else a dashboard
    asks of a node is left out of its agent. Each is a Python process that takes a second of a core to start.
    """
    Node.start_api_server = Node.start_monitor = _nothing
    Node.start_log_monitor = _LOG_MONITOR if log_to_driver else _nothing
    utils.get_dashboard_dependency_error = _DASHBOARD if watched else _no_dashboard


def ask_nobody(alone: bool, watched: bool) -> None:
    """From now on executions start no actors to ask, where the answers are known: `alone` on a cluster of this machine.

    There all there is is an execution's, and every actor is here. What an execution is at nobody reads unless it is
    `watched`. Three Python processes take four seconds of a core to start, and an execution begins without knowing of
    any resource until one of them answers. Of a cluster that others started all is as Ray has it.
    """
    for autoscaler in _AUTOSCALERS:
        autoscaler.DefaultAutoscalingCoordinator = AllThereIs if alone else _COORDINATOR
    actor_pool.get_or_create_actor_location_tracker = AllHere if alone else _TRACKER
    actor_pool.get_actor_locations = _where_they_began if alone else _LOCATIONS
    _StatsManager.register_dataset_to_stats_actor = _REGISTER if watched else _nothing
    _StatsManager.update_execution_metrics = _UPDATE if watched else _nothing


def describe_nothing() -> None:
    """From now on what an execution's operators are made with is described to nobody.

    Ray Data writes it down, deep into every setting and the release key, for a dashboard's page and an exporter of
    events: a second of the driver in every pass, of which nothing here is shown.
    """
    Topology.create_topology_metadata = _nothing_known


class AllThereIs:
    """In place of the actor that shares a cluster out among executions: this machine, as long as there is one."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def request_resources(self, *_: object, **__: object) -> None:
        """There are no more machines."""

    def cancel_request(self) -> None:
        """Nothing was asked for."""

    def get_reserved_resources(self) -> dict[str, dict[str, float]]:
        """By node, all that Ray was started with."""
        return self._nodes

    @cached_property
    def _nodes(self) -> dict[str, dict[str, float]]:
        return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


class AllHere:
    """In place of the actor to which every actor says on which node it is."""

    update_actor_location = property(lambda self: self)

    def remote(self, *_: object) -> None:
        """Nobody asks: there is one node."""


def _where_they_began(_: object) -> dict[str, str]:
    return {}


def _nothing_known(*_: object) -> Topology:
    return Topology()


def _no_dashboard() -> Exception:
    return ImportError("nobody asks for one")


def _nothing(*_: object, **__: object) -> None:
    pass


def hand_over_by_value() -> None:
    """From now on a pool's actors are given what they are made of as values, a few kB.

    Ray Data hands over references to its object store, with which Ray says in every run, good or bad, on standard
    error: "Actor with class name ... has constructor arguments in the object store and max_restarts > 0. If the
    arguments in the object store go out of scope or are lost, the actor restart will fail." Values are not lost.
    """

    def transformer(operator: Any) -> Any:
        return operator._map_transformer

    def context(operator: Any) -> Any:
        return operator.data_context

    ActorPoolMapOperator._map_transformer_ref = property(transformer)
    ActorPoolMapOperator._data_context_ref = property(context)


def end_with_the_pass() -> None:
    """From now on whichever actor a pool lets go of ends, at the latest with the execution that it was made for.

    Ray Data drops its handle, and an actor of which no handle is left ends. Of one whose worker died, or that made what
    the next operator failed on, a handle is left: it stays with its GPU, for which the next pass then waits for ever.
    """

    def end(pool: Any, actor: Any) -> None:
        _LET_GO(pool, actor)
        # It ends by an exit, which is no failure.
        actor.__ray_terminate__.options(max_task_retries=0).remote()

    _ActorPool._release_running_actor = end
