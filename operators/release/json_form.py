"""The one form in which JSON is written here, so that a key twice, a blank or an escape more is none of ours."""

import json
from typing import Any


def written(value: Any) -> bytes:
    """Sorted keys, an indent of one, ASCII, a newline at the end. Raises ValueError for NaN and infinity."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def parsed(data: bytes | str) -> Any:
    """What JSON says. Raises ValueError for what is none, also where it goes deeper than a reader can."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("goes too deep") from None


def read(data: bytes) -> Any:
    """What `written` made these bytes of. Raises ValueError for any other bytes, even if they say the same."""
    value = parsed(data)
    if written(value) != data:
        raise ValueError("not in the form in which it is written")
    return value
