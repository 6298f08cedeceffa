"""All that is taken from inside Ray, as no public name gives it: where an upgrade of Ray is to be looked at first.

ExecutionCallback  is told of every step of an execution. DataContext.custom_execution_callback_classes takes such
                   classes, but the class itself is not exported. failure_budget.py ends a run by it.
"""

import logging

from ray._private.node import Node
from ray.data._internal.execution.execution_callback import ExecutionCallback

__all__ = ["PROGRESS", "ExecutionCallback", "start_no_api_server"]

# Where Ray Data reports the stages' progress if there is no terminal; only its logger's name leads there.
PROGRESS = logging.getLogger("ray.data._internal.progress.logging_progress")


def start_no_api_server() -> None:
    """From now on `ray.init` of a cluster on this machine starts no API server.

    All that this process does without a dashboard is to ask clouds' metadata addresses where it is, for usage reports,
    and it asks before it looks whether they are wanted; no setting keeps it from being started.
    """
    Node.start_api_server = lambda *_, **__: None
