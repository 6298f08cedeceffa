"""What Ray Data says in good runs, and what would frighten whoever reads it."""

import logging

TOO_SMALL = "The job may hang forever unless the cluster scales up."


class FalseAlarm(logging.Filter):
    """Leaves out "Cluster resources are not enough to run any task from ... . The job may hang forever unless the
    cluster scales up." where that is `known` to be wrong.

    Ray Data begins every execution without knowing of any resource, counts that as too few, and says so when it lasts
    for a minute, as on a machine with much to do. The cluster that a job starts on its own machine has as many as the
    actors need; of another it has asked whether they find a place. Where it has not, or nodes may come, the line stays.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be shown."""
        return not (self.known and record.getMessage().endswith(TOO_SMALL))
