"""A network namespace of its own, in which whoever looks up a name or asks a cloud's metadata address is written down.

    python -m tests.jobs.lonely LOG COMMAND...

Needs `unshare` and the right to use it. Only this and its children see the namespace.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
METADATA = "169.254.169.254"
AGAIN = "RECAST_TEST_LONELY"


def main() -> int:
    """Run COMMAND; LOG gets a line for each name asked for and each connection to the metadata address."""
    log, *command = sys.argv[1:]
    if AGAIN not in os.environ:
        os.environ[AGAIN] = "1"
        own = [sys.executable, "-m", "tests.jobs.lonely", log, *command]
        return subprocess.run(["unshare", "-r", "-n", "-m", *own], check=False).returncode
    resolver = Path(f"{log}.resolv")
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    for words in (
        "ip link set lo up",
        f"ip address add {METADATA}/32 dev lo",
        f"mount --bind {resolver} /etc/resolv.conf",
    ):
        subprocess.run(words.split(), check=True)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    metadata = socket.create_server((METADATA, 80))
    for answer, place in ((_names, names), (_metadata, metadata)):
        threading.Thread(target=answer, args=(place, Path(log)), daemon=True).start()
    return subprocess.run(command, check=False).returncode


def possible() -> bool:
    """Whether this user may have a namespace here."""
    there = shutil.which("unshare") and shutil.which("ip")
    return bool(there) and not subprocess.run(["unshare", "-rnm", "true"], check=False).returncode


def bare(home: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing has been switched off yet."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "PYTHONPATH": str(ROOT), **more}


def lonely(log: Path, environment: dict[str, str], command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `command` in a namespace of its own."""
    words = [sys.executable, "-m", "tests.jobs.lonely", str(log), *command]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def _names(place: socket.socket, log: Path) -> None:
    """There is no such name, whatever is asked for. This machine's own is nobody else's, and not written down."""
    own = socket.gethostname().encode()
    while True:
        question, asker = place.recvfrom(4096)
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]])
            at += 1 + question[at]
        name = b".".join(labels)
        if name.split(b".")[0] != own:
            with log.open("ab") as file:
                file.write(b"looked up " + name + b"\n")
        place.sendto(question[:2] + b"\x81\x83" + question[4:6] + b"\0" * 6 + question[12:], asker)


def _metadata(place: socket.socket, log: Path) -> None:
    while True:
        asker, _ = place.accept()
        with log.open("a") as file:
            file.write("asked the metadata address\n")
        asker.close()


if __name__ == "__main__":
    sys.exit(main())
