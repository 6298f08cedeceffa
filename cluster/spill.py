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
from operators.isolation import is_private, private_folder
from schemas.errors import UserError

_LONGEST = 21  # characters: with what Ray puts behind it there may be 107


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
        if made.is_dir() and is_private(made):  # of this process, or of one that had its number
            shutil.rmtree(made)
        made.mkdir(mode=0o700)
    except OSError as error:
        remedy = "Give a folder that can be written to"
        raise UserError("spill", f"{place} cannot be used ({error.strerror})", remedy) from None
    atexit.register(_sweep, made)
    return str(made)


def ray_folder() -> str:
    """Where a cluster of this machine has its sockets and logs. Ray lets everybody write into what it makes there, and
    whoever may can put a socket of their own in place of one: so it lies in a folder that nobody else gets into."""
    parents = [tempfile.gettempdir(), "/tmp"]  # a socket's path is short, or Ray does not start
    parent = next((one for one in parents if len(one) <= _LONGEST), parents[-1])
    return str(private_folder("recast", parent) / "ray")


def _sweep(made: Path) -> None:
    ray.shutdown()  # or a worker would spill on
    shutil.rmtree(made, ignore_errors=True)
    sweep()
