"""What every process of ours does before anything else: tell nobody, leave nothing in the home, keep files private.

Imported with `operators`, so by each job, and by each worker before it loads a library that would look around.
"""

import os
import resource
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

# Libraries that report, update or fetch unless told not to. Fetching weights switches its own back on.
SWITCHES = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime looks up its vendor's host, and keeps an id and a queue in the home
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",  # a cluster's head reports even that it does not report
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",
    "YOLO_VERBOSE": "false",
}
# Where they keep settings and caches, if not in the home. No XDG_CONFIG_HOME: a signing command may have its own there.
_FOLDERS = {
    "MPLCONFIGDIR": "matplotlib",
    "TORCH_HOME": "torch",
    "TRITON_CACHE_DIR": "triton",
    "XDG_CACHE_HOME": "cache",
    "YOLO_CONFIG_DIR": "ultralytics",
}


def isolate() -> None:
    """Switch reports off, move caches out of the home, deny files to others and core dumps to everybody.

    All of it is inherited by child processes. A folder that the environment names already stays.
    """
    os.umask(0o077)
    _leave_no_core()
    os.environ.update(SWITCHES)
    if not (sys.stderr and sys.stderr.isatty()):
        os.environ.setdefault("TQDM_DISABLE", "1")  # a bar of a library's is a hundred lines of a log
    if missing := {name: folder for name, folder in _FOLDERS.items() if name not in os.environ}:
        place = private_folder("recast-caches")
        os.environ.update({name: str(place / folder) for name, folder in missing.items()})


def _leave_no_core() -> None:
    """A core holds frames, names and the release key. Limits are nothing to a system that hands it to a program, such
    as systemd-coredump, but for this: with a limit of one byte it is not made at all (Linux, fs/coredump.c). What is
    made in spite of that, where the limit is 0 and not ours to raise, has no memory in it (man 5 core)."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    with suppress(OSError):
        Path("/proc/self/coredump_filter").write_text("0")


def private_folder(name: str, parent: str = "") -> Path:
    """This user's own of that name in `parent`, if not among temporary files; one for this process alone if somebody
    else has taken the name, or lets others in. Raises OSError where there can be none."""
    place = Path(parent or tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    if is_private(place):
        return place
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent or None))


def is_private(place: Path) -> bool:
    """Whether it is a folder of this user's, and no link to one, which nobody else may look into."""
    found = place.lstat()
    return stat.S_ISDIR(found.st_mode) and (found.st_uid, found.st_mode & 0o077) == (os.getuid(), 0)
