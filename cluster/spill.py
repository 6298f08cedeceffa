"""Where Ray spills what does not fit into memory: the only place where frames touch a disk, swept after use.

But for copies of bags, which are swept with it: operators/bags/local.py.
"""

import atexit
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import ray

from operators.bags.local import sweep
from schemas.errors import UserError


def directory(parent: str) -> str:
    """A new folder for this process's cluster in `parent` (the system's temporary folder if empty), removed at exit.

    What processes of this machine left there that were killed is removed now. Raises UserError if `parent` cannot be
    written to.
    """
    place, host = Path(parent or tempfile.gettempdir()), socket.gethostname()
    try:
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob(f"recast-spill-{host}-*"):
            match = re.fullmatch(r".*-(\d+)", left.name)
            if match and not _alive(int(match[1])):
                shutil.rmtree(left, ignore_errors=True)
        sweep()
        made = place / f"recast-spill-{host}-{os.getpid()}"
        made.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        remedy = "Give a folder that can be written to"
        raise UserError("spill", f"{place} cannot be used ({error.strerror})", remedy) from None
    atexit.register(_sweep, made)
    return str(made)


def _sweep(made: Path) -> None:
    ray.shutdown()  # or a worker would spill on
    shutil.rmtree(made, ignore_errors=True)
    sweep()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
