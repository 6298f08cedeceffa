"""A rosbag2 in SQLite out of an object store. SQLite opens local files alone, so it is copied, once for all its clips.

A copy is footage. It lies in a folder of the process's own among temporary files, until the process asks for another
one or ends; that of a process which was killed is swept by the next copy, and when a run begins or ends.
"""

import atexit
import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path

from operators import on_disk, stamps, storage

_NAME = f"recast-bag-{socket.gethostname()}-"
_HELD: dict[Path, tuple[str, str]] = {}  # of which folder, and how its files were


NO_ROOM = (
    "there is no room for a copy of it on the local disk",
    "Give TMPDIR a larger disk, or convert it to MCAP",
)


class NoRoom(Exception):
    """The local disk (TMPDIR) has no room for a copy: NO_ROOM is what to say of that, and the remedy."""


def local_copy(folder: str, names: tuple[str, ...]) -> str:
    """A local folder with what the folder `folder` of a store holds whose names end in one of `names`, as it is now. It
    lasts until another one is asked for. Raises NoRoom, or what the store does."""
    found = {name: stamp for name, stamp in stamps.look(f"{folder}/")[0].items() if name.endswith(names)}
    own = folder, repr(sorted(found.items()))
    place = Path(tempfile.gettempdir(), f"{_NAME}{os.getpid()}")
    if _HELD.get(place) != own or not place.is_dir():
        _HELD.pop(place, None)
        sweep()
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        try:
            _fetch(folder, sorted(found), place)
        except BaseException:  # half of it is of no use to anybody
            shutil.rmtree(place, ignore_errors=True)
            raise
        _HELD[place] = own
    return str(place)


def sweep() -> None:
    """Remove what processes of this machine left that are no more."""
    on_disk.sweep(Path(tempfile.gettempdir()), _NAME)


def _fetch(folder: str, names: list[str], place: Path) -> None:
    sizes = storage.list_files(folder)
    if sum(sizes.get(name, 0) for name in names) > shutil.disk_usage(place).free:
        raise NoRoom
    for name in names:
        try:
            with storage.open_file(f"{folder}/{name}") as source, (place / name).open("wb") as out:
                shutil.copyfileobj(source, out, storage.RANGE)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom from None
            raise
