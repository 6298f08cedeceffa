"""An emulator of Google Cloud Storage for tests, in memory, on a free port of this machine."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.s3 import BUCKET, free_ports


@contextmanager
def serve() -> Iterator[str]:
    """The address of a running emulator with one empty bucket.

    In a process of its own: Arrow waits for some answers without letting other threads of Python run.
    """
    (port,) = free_ports(1)
    command = [str(Path(sys.executable).parent / "gcp-storage-emulator"), "start", "--in-memory"]
    command += ["--host=127.0.0.1", f"--port={port}", f"--default-bucket={BUCKET}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def _wait(address: str, server: subprocess.Popen[bytes], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/storage/v1/b/{BUCKET}", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the emulator did not come up")
