"""All that is taken from inside Ray, as no public name gives it: where an upgrade of Ray is to be looked at first.

Node               starts Ray's processes, see `start_what_serves`.
ActorPoolMapOperator  makes a pool's actors, see `hand_over_by_value`.
_ActorPool         holds them, and lets them go, see `end_with_the_pass`.
ExecutionCallback  is told of every step of an execution. DataContext.custom_execution_callback_classes takes such
                   classes, but the class itself is not exported. failure_budget.py ends a run by it.
"""

import logging
from typing import Any

from ray._private.node import Node
from ray.data._internal.execution.execution_callback import ExecutionCallback
from ray.data._internal.execution.operators.actor_pool_map_operator import ActorPoolMapOperator, _ActorPool

__all__ = [
    "PROGRESS",
    "RESOURCES",
    "ExecutionCallback",
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


def start_what_serves(log_to_driver: bool) -> None:
    """From now on `ray.init` of a cluster on this machine starts nothing that serves nobody. No setting does that.

    The API server asks clouds' metadata addresses where it is, for usage reports, and it asks before it looks whether
    they are wanted. The monitor would ask for machines, of which there are no more. The log monitor reads all logs, all
    the time, for a driver that shows them. Each is a Python process that takes a second of a core to start.
    """
    Node.start_api_server = Node.start_monitor = _nothing
    Node.start_log_monitor = _LOG_MONITOR if log_to_driver else _nothing


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
        actor.__ray_terminate__.remote()

    _ActorPool._release_running_actor = end
