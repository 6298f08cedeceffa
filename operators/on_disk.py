"""Writing and deleting on disk below a folder in which others may write, too: through no link that they laid there."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from schemas.errors import UserError

PARTIAL = ".partial"  # behind the name of a file that is being written; a kill leaves it
_MODE = 0o666  # of a file, less what the process's umask takes away
REMEDY = "Find out who put it there, and remove it"


def require_way(root: str, name: str) -> None:
    """Raises UserError if a folder on the way from `root` to `root`/`name` is a link; `root` itself may be one."""
    for parent in list(Path(name).parents)[:-1]:
        _require_no_link(Path(root, parent))


def require_folders(root: str) -> None:
    """Raises UserError if a folder below `root` is a link: what is written there would lie elsewhere."""
    for folder, folders, _ in os.walk(root):
        for name in folders:
            _require_no_link(Path(folder, name))


def require_flat(root: str) -> None:
    """Raises UserError if a folder lies in `root`, which holds files alone: no file can take its place."""
    with suppress(FileNotFoundError), os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                raise UserError(entry.path, "is a folder in the place of a file", REMEDY)


def _require_no_link(folder: Path) -> None:
    if folder.is_symlink():
        problem = "is a link, and nothing is written or deleted through one"
        raise UserError(str(folder), problem, REMEDY)


def sweep(folder: Path, prefix: str) -> None:
    """Remove folders in `folder` that are called by `prefix` and the number of a process that is no more here."""
    for left in folder.glob(f"{prefix}*"):
        number = left.name.removeprefix(prefix)
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def written(root: str, name: str) -> Iterator[IO[bytes]]:
    """A stream into `root`/`name`, which is there once all of it is written, or not at all."""
    require_way(root, name)
    partial = Path(root, f"{name}{PARTIAL}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(_opened(partial), "wb") as file:
        yield file
    partial.replace(Path(root, name))


def _opened(partial: Path) -> int:
    """A descriptor of an empty file of that name, and of no other: what waits there under it, such as a link, another
    name of somebody's file or a pipe that nobody reads, goes first."""
    mode = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        file = os.open(partial, mode, _MODE)
        found = os.fstat(file)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.ftruncate(file, 0)
            return file
        os.close(file)
    partial.unlink(missing_ok=True)
    return os.open(partial, mode | os.O_EXCL, _MODE)


def delete_folder(root: str) -> None:
    """Delete a folder and all that lies in it, of links the links alone; if it is gone already that is fine."""
    if os.path.islink(root):
        os.unlink(root)
    elif os.path.isdir(root):
        shutil.rmtree(root)
