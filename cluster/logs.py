"""Events of a run as lines of JSON on standard error, if RECAST_LOG=json: for a log collector.

Only the fields below get in, and only as numbers or plain words: no address, no source name, no caption, no message of
an exception. Whatever else is handed over raises, here and in the tests, before it is written.
"""

import json
import os
import re
import sys
from datetime import UTC, datetime

FIELDS = {"event", "shard", "clip_id", "verdict", "stage", "gates", "frames", "people", "seconds"}
FIELDS |= {"planned", "released", "quarantined", "failed"}
_WORDS = re.compile(r"[\w ,:+-]{0,200}")  # neither / nor . nor @: no path, no file name, no address


def wanted() -> bool:
    """Whether anybody asked for events."""
    return os.environ.get("RECAST_LOG") == "json"


def emit(event: str, **fields: int | float | str) -> None:
    """Write one line. Raises ValueError for a field or a value that is not to be written."""
    fields = {"event": event, **fields}
    for name, value in fields.items():
        if name not in FIELDS or (isinstance(value, str) and not _WORDS.fullmatch(value)):
            raise ValueError(f"{name} is not to be logged")
    if wanted():
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        print(json.dumps(line), file=sys.stderr, flush=True)
