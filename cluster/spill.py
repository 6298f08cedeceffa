"""Where Ray spills what does not fit into memory: the only place where frames touch a disk, swept after use.

But for copies of bags, which are swept with it: operators/bags/local.py.
"""

import atexit
import os
import shutil
import socket
import tempfile
from pathlib import Path

import ray

from operators import on_disk
from operators.bags.local import sweep
from schemas.errors import UserError


def directory(parent: str) -> str:
    """A new folder for this process's cluster in `parent` (the system's temporary folder if empty), removed at exit.

    What processes of this machine left there that were killed is removed now. Raises UserError if `parent` cannot be
    written to.
    """
    place, name = Path(parent or tempfile.gettempdir()), f"recast-spill-{socket.gethostname()}-"
    try:
        place.mkdir(parents=True, exist_ok=True)
        on_disk.sweep(place, name)
        sweep()
        made = place / f"{name}{os.getpid()}"
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
